//! Runs the statements of a template.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::args::Args;
use super::ast::{For, Frame, MacroDef, NameId, Postfix, PostfixKind, Program, Stmt, StmtKind, Target};
use super::containers;
use super::fault::{Budget, Fault};
pub(super) use super::loops::LoopState;
use super::repr::push_str;
use super::value::{Object, Value};
use crate::chat::clock::DateTime;

/// How deep statements, expressions and macro calls may nest while rendering.
const MAX_DEPTH: u32 = 600;
/// No prompt may be longer.
const MAX_OUTPUT: usize = 64 << 20;

/// Index of a scope in [`Interp::scopes`].
pub(super) type ScopeId = usize;
const ROOT: ScopeId = 0;

struct Scope {
    parent: Option<ScopeId>,
    variables: Vec<(NameId, Value)>,
    /// A macro holds on to this scope, so it stays until the end.
    captured: bool,
}

/// Whether a statement ends the loop or the round it is in.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Flow {
    Normal,
    Break,
    Continue,
}

/// One rendering.
pub(super) struct Interp<'p> {
    program: &'p Program,
    /// The caller's variables and the globals, by name; `None` for names that are neither.
    context: Vec<Option<Value>>,
    scopes: Vec<Scope>,
    /// The text so far; above it, the texts that blocks and macros are capturing.
    out: Vec<String>,
    /// Byte ranges of the `{% generation %}` blocks.
    spans: Vec<Range<usize>>,
    pub(super) budget: Budget,
    depth: u32,
    pub(super) now: DateTime,
    /// All namespaces, emptied at the end: they are what could hold itself.
    namespaces: Vec<Rc<Object>>,
}

impl Drop for Interp<'_> {
    fn drop(&mut self) {
        for namespace in &self.namespaces {
            if let Object::Namespace(attributes) = &**namespace {
                let held = std::mem::take(&mut *attributes.borrow_mut());
                drop(held);
            }
        }
    }
}

impl<'p> Interp<'p> {
    pub(super) fn new(program: &'p Program, context: Vec<Option<Value>>, now: DateTime, input_bytes: usize) -> Self {
        let root = Scope { parent: None, variables: Vec::new(), captured: false };
        Self {
            program,
            context,
            scopes: vec![root],
            out: vec![String::new()],
            spans: Vec::new(),
            budget: Budget::new(input_bytes.saturating_add(program.source_len)),
            depth: 0,
            now,
            namespaces: Vec::new(),
        }
    }

    /// Runs the whole template: its text and the byte ranges of its `{% generation %}` blocks.
    pub(super) fn run(mut self) -> Result<(String, Vec<Range<usize>>), Fault> {
        let frame = &self.program.body;
        self.hide(&frame.hidden, ROOT);
        self.block(&frame.body, ROOT)?;
        Ok((self.out.swap_remove(0), std::mem::take(&mut self.spans)))
    }

    /// Runs `inner` one level deeper.
    pub(super) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::limit(format!("the template nests or recurses deeper than {MAX_DEPTH} levels")));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    // Scopes

    pub(super) fn enter_scope(&mut self, parent: ScopeId, hidden: &[NameId]) -> Result<ScopeId, Fault> {
        self.budget.step()?;
        let id = self.scopes.len();
        self.scopes.push(Scope { parent: Some(parent), variables: Vec::new(), captured: false });
        self.hide(hidden, id);
        Ok(id)
    }

    /// Ends a scope. Scopes end in the reverse order of their beginning, but for those that a macro has captured.
    pub(super) fn leave_scope(&mut self, id: ScopeId) {
        while self.scopes.len() > id && self.scopes.last().is_some_and(|scope| !scope.captured) {
            self.scopes.pop();
        }
    }

    /// Makes names undefined that a scope hides.
    fn hide(&mut self, hidden: &[NameId], scope: ScopeId) {
        for &name in hidden {
            if self.context[name as usize].is_some() {
                let undefined = Value::undefined(&self.program.names[name as usize]);
                self.set(name, undefined, scope);
            }
        }
    }

    /// A variable, as a scope sees it.
    pub(super) fn variable(&self, name: NameId, scope: ScopeId) -> Value {
        let mut next = Some(scope);
        while let Some(id) = next {
            let scope = &self.scopes[id];
            if let Some((_, value)) = scope.variables.iter().rev().find(|(known, _)| *known == name) {
                return value.clone();
            }
            next = scope.parent;
        }
        self.context[name as usize].clone().unwrap_or_else(|| Value::undefined(&self.program.names[name as usize]))
    }

    pub(super) fn set(&mut self, name: NameId, value: Value, scope: ScopeId) {
        let variables = &mut self.scopes[scope].variables;
        match variables.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => variables.push((name, value)),
        }
    }

    pub(super) fn assign(&mut self, target: &Target, value: Value, scope: ScopeId) -> Result<(), Fault> {
        match target {
            Target::Name(name) => {
                self.set(*name, value, scope);
                Ok(())
            }
            Target::Attribute(name, attribute) => {
                let namespace = self.variable(*name, scope);
                match &namespace {
                    Value::Object(object) => match &**object {
                        Object::Namespace(attributes) => {
                            private(attribute)?;
                            let mut attributes = attributes.borrow_mut();
                            match attributes.iter_mut().find(|(known, _)| known == attribute) {
                                Some((_, known)) => *known = value,
                                None => attributes.push((attribute.clone(), value)),
                            }
                            Ok(())
                        }
                        _ => Err(not_a_namespace()),
                    },
                    _ => Err(not_a_namespace()),
                }
            }
            Target::Tuple(targets) => {
                value.defined().or_else(|fault| if targets.is_empty() { Ok(()) } else { Err(fault) })?;
                let items = containers::iterate(&self.budget, &value).map_err(|fault| match fault.kind() {
                    super::fault::FaultKind::Runtime => {
                        Fault::new(format!("cannot unpack non-iterable {} object", value.type_name()))
                    }
                    _ => fault,
                })?;
                let (expected, got) = (targets.len(), items.len());
                if got < expected {
                    return Err(Fault::new(format!("not enough values to unpack (expected {expected}, got {got})")));
                }
                if got > expected {
                    return Err(Fault::new(format!("too many values to unpack (expected {expected})")));
                }
                targets.iter().zip(items).try_for_each(|(target, item)| self.assign(target, item, scope))
            }
        }
    }

    /// A namespace with these attributes.
    pub(super) fn namespace(&mut self, attributes: Vec<(Arc<str>, Value)>) -> Result<Value, Fault> {
        attributes.iter().try_for_each(|(name, _)| private(name))?;
        self.budget.values(1 + attributes.len())?;
        let namespace = Rc::new(Object::Namespace(std::cell::RefCell::new(attributes)));
        self.namespaces.push(namespace.clone());
        Ok(Value::Object(namespace))
    }

    // Output

    fn write(&mut self, text: &str) -> Result<(), Fault> {
        self.budget.bytes(text.len())?;
        self.out.last_mut().map_or(Ok(()), |out| {
            out.push_str(text);
            within_cap(out)
        })
    }

    fn emit(&mut self, value: &Value) -> Result<(), Fault> {
        match self.out.last_mut() {
            Some(out) => {
                push_str(&self.budget, value, out)?;
                within_cap(out)
            }
            None => Ok(()),
        }
    }

    /// What `inner` writes, as a string.
    pub(super) fn capture(&mut self, inner: impl FnOnce(&mut Self) -> Result<(), Fault>) -> Result<Value, Fault> {
        self.out.push(String::new());
        inner(self)?;
        let text = self.out.pop().unwrap_or_default();
        Value::text(&self.budget, text)
    }

    // Statements

    pub(super) fn block(&mut self, stmts: &[Stmt], scope: ScopeId) -> Result<Flow, Fault> {
        self.nested(|interp| {
            for stmt in stmts {
                let flow = interp.statement(stmt, scope).map_err(|fault| fault.at(stmt.line))?;
                if flow != Flow::Normal {
                    return Ok(flow);
                }
            }
            Ok(Flow::Normal)
        })
    }

    fn statement(&mut self, stmt: &Stmt, scope: ScopeId) -> Result<Flow, Fault> {
        self.budget.step()?;
        match &stmt.kind {
            StmtKind::Data(text) => self.write(text)?,
            StmtKind::Emit(value) => {
                let value = self.eval(value, scope)?;
                self.emit(&value)?;
            }
            StmtKind::If(arms, otherwise) => {
                for (test, body) in arms {
                    if self.eval(test, scope)?.truth() {
                        return self.block(body, scope);
                    }
                }
                return self.block(otherwise, scope);
            }
            StmtKind::For(node) => return self.for_statement(node, scope),
            StmtKind::Set(target, value) => {
                let value = self.eval(value, scope)?;
                self.assign(target, value, scope)?;
            }
            StmtKind::With(bindings, frame) => {
                let inner = self.enter_scope(scope, &frame.hidden)?;
                for (target, value) in bindings {
                    let value = self.eval(value, scope)?;
                    self.assign(target, value, inner)?;
                }
                let flow = self.block(&frame.body, inner)?;
                self.leave_scope(inner);
                return Ok(flow);
            }
            StmtKind::Macro(name, definition) => {
                let value = self.macro_value(definition, scope)?;
                self.set(*name, value, scope);
            }
            StmtKind::SetBlock(target, filters, frame) => {
                let (captured, flow) = self.captured_frame(frame, filters, scope)?;
                if flow != Flow::Normal {
                    return Ok(flow);
                }
                self.assign(target, captured, scope)?;
            }
            StmtKind::FilterBlock(filters, frame) => {
                let (captured, flow) = self.captured_frame(frame, filters, scope)?;
                if flow != Flow::Normal {
                    return Ok(flow);
                }
                self.emit(&captured)?;
            }
            StmtKind::Call { callee, args, caller } => {
                let callee = self.eval(callee, scope)?;
                let mut args = self.eval_args(args, scope)?;
                args.named.push((Arc::from("caller"), self.macro_value(caller, scope)?));
                let text = self.call(&callee, args)?;
                self.emit(&text)?;
            }
            StmtKind::Generation(frame) => {
                let (captured, _) = self.captured_frame(frame, &[], scope)?;
                // As in transformers, the range is counted from the text that the template has already given out.
                let start = self.out.first().map_or(0, String::len);
                self.spans.push(start..start + captured.as_str().map_or(0, str::len));
                self.emit(&captured)?;
            }
            StmtKind::Block { scoped, frame } => {
                let inner = self.enter_scope(if *scoped { scope } else { ROOT }, &frame.hidden)?;
                self.block(&frame.body, inner)?;
                self.leave_scope(inner);
            }
            StmtKind::Break => return Ok(Flow::Break),
            StmtKind::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Normal)
    }

    /// The text of a block with a scope of its own, through the filters on its tag.
    fn captured_frame(&mut self, frame: &Frame, filters: &[Postfix], scope: ScopeId) -> Result<(Value, Flow), Fault> {
        let inner = self.enter_scope(scope, &frame.hidden)?;
        let mut flow = Flow::Normal;
        let mut captured = self.capture(|interp| {
            flow = interp.block(&frame.body, inner)?;
            Ok(())
        })?;
        for filter in filters {
            if let (PostfixKind::Filter(run, args), Flow::Normal) = (&filter.kind, flow) {
                captured = self.filter(captured, run, args, inner).map_err(|fault| fault.at(filter.line))?;
            }
        }
        self.leave_scope(inner);
        Ok((captured, flow))
    }

    fn for_statement(&mut self, node: &Arc<For>, scope: ScopeId) -> Result<Flow, Fault> {
        let iterable = self.eval(&node.iter, scope)?;
        if node.recursive {
            let text = self.capture(|interp| interp.run_loop(node, scope, &iterable, 0).map(|_| ()))?;
            self.emit(&text)?;
            return Ok(Flow::Normal);
        }
        self.run_loop(node, scope, &iterable, 0)
    }

    /// All rounds of a loop, and its `else`. What is returned is a `break` or `continue` of the loop around.
    pub(super) fn run_loop(
        &mut self,
        node: &Arc<For>,
        scope: ScopeId,
        iterable: &Value,
        depth: usize,
    ) -> Result<Flow, Fault> {
        let state = self.start_loop(node, scope, iterable, depth).map_err(|fault| fault.at(node.line))?;
        let Object::Loop(running) = &*state else { return Ok(Flow::Normal) };
        // Jinja runs the `else` unless some round came to the end of the body.
        let mut completed = false;
        while let Some(item) = self.next_item(running).map_err(|fault| fault.at(node.line))? {
            let inner = self.enter_scope(scope, &node.body.hidden)?;
            self.set(self.program.special.loop_variable, Value::Object(state.clone()), inner);
            self.assign(&node.target, item, inner).map_err(|fault| fault.at(node.line))?;
            let flow = self.block(&node.body.body, inner)?;
            self.leave_scope(inner);
            completed |= flow == Flow::Normal;
            if flow == Flow::Break {
                break;
            }
        }
        match &node.otherwise {
            Some(frame) if !completed => {
                let inner = self.enter_scope(scope, &frame.hidden)?;
                let flow = self.block(&frame.body, inner)?;
                self.leave_scope(inner);
                Ok(flow)
            }
            _ => Ok(Flow::Normal),
        }
    }

    // Macros

    fn macro_value(&mut self, definition: &Arc<MacroDef>, scope: ScopeId) -> Result<Value, Fault> {
        // The scope stays until the end; what that may cost is bounded here.
        self.budget.values(4)?;
        self.scopes[scope].captured = true;
        Ok(Value::object(Object::Macro(definition.clone(), scope)))
    }

    /// Calls a macro, after `Macro.__call__` in `jinja2/runtime.py`.
    pub(super) fn call_macro(
        &mut self,
        definition: &Arc<MacroDef>,
        closure: ScopeId,
        args: Args,
    ) -> Result<Value, Fault> {
        let special = self.program.special;
        let name = definition.name.as_deref().unwrap_or("caller");
        let Args { mut positional, mut named } = args;
        let extra = positional.split_off(positional.len().min(definition.params.len()));
        let mut given: Vec<Option<Value>> = positional.into_iter().map(Some).collect();
        let mut caller_given = given.len() == definition.params.len() && definition.params.contains(&special.caller);
        for &param in &definition.params[given.len()..] {
            caller_given |= param == special.caller;
            let wanted = &self.program.names[param as usize];
            let at = named.iter().position(|(known, _)| known == wanted);
            given.push(at.map(|at| named.remove(at).1));
        }
        let scope = self.enter_scope(closure, &definition.frame.hidden)?;
        if definition.uses_caller && !caller_given {
            let at = named.iter().position(|(known, _)| &**known == "caller");
            let caller = at.map(|at| named.remove(at).1).filter(|caller| !matches!(caller, Value::None));
            self.set(special.caller, caller.unwrap_or_else(|| Value::hint("No caller defined")), scope);
        }
        if definition.uses_kwargs {
            let kwargs = named.into_iter().map(|(name, value)| (Value::Str(name), value)).collect();
            self.set(special.kwargs, Value::dict(kwargs)?, scope);
        } else if let Some((unexpected, _)) = named.first() {
            return Err(Fault::new(if &**unexpected == "caller" {
                format!("macro '{name}' was invoked with a caller but does not call it")
            } else {
                format!("macro '{name}' takes no keyword argument '{unexpected}'")
            }));
        }
        if definition.uses_varargs {
            self.set(special.varargs, Value::tuple(extra)?, scope);
        } else if !extra.is_empty() {
            let count = definition.params.len();
            return Err(Fault::new(format!("macro '{name}' takes not more than {count} argument(s)")));
        }
        let first_default = definition.params.len() - definition.defaults.len();
        for (&param, value) in definition.params.iter().zip(&given) {
            if let Some(value) = value {
                self.set(param, value.clone(), scope);
            }
        }
        for (at, (&param, value)) in definition.params.iter().zip(given).enumerate() {
            if value.is_none() {
                let value = match at.checked_sub(first_default).and_then(|at| definition.defaults.get(at)) {
                    Some(default) => self.eval(default, scope)?,
                    None => {
                        let param = &self.program.names[param as usize];
                        Value::hint(format!("parameter '{param}' was not provided"))
                    }
                };
                self.set(param, value, scope);
            }
        }
        let text = self.capture(|interp| interp.block(&definition.frame.body, scope).map(|_| ()))?;
        self.leave_scope(scope);
        Ok(text)
    }
}

fn within_cap(out: &str) -> Result<(), Fault> {
    if out.len() > MAX_OUTPUT {
        return Err(Fault::limit(format!("the prompt grows over {} MiB", MAX_OUTPUT >> 20)));
    }
    Ok(())
}

fn not_a_namespace() -> Fault {
    Fault::new("cannot assign attribute on non-namespace object")
}

/// Transformers lets no template write attributes that start with an underscore.
fn private(attribute: &str) -> Result<(), Fault> {
    if attribute.starts_with('_') {
        let message = format!("cannot store underscore-prefixed attribute '{attribute}' on a namespace");
        return Err(Fault::new(message));
    }
    Ok(())
}
