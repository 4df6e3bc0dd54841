//! Tokens to statements, after `jinja2/parser.py` 3.1 with transformers' extensions: `{% generation %}`, loop controls.

use std::collections::HashMap;
use std::sync::Arc;

use super::ast::{CallArgs, Expr, For, Frame, MacroDef, NameId, Program, Special, Stmt, StmtKind, Target};
use super::fault::Fault;
use super::lexer::{Tok, Token, lex};
use super::scope;

/// How deep blocks and brackets may nest.
const MAX_NESTING: u32 = 100;

/// Parses a template.
pub(crate) fn parse(source: &str) -> Result<Program, Fault> {
    let mut parser = Parser {
        tokens: lex(source)?,
        at: 0,
        names: Vec::new(),
        ids: HashMap::new(),
        depth: 0,
        loops: 0,
        lenient: false,
        unknown: Vec::new(),
        blocks: Vec::new(),
    };
    let special = Special {
        loop_variable: parser.name_id("loop"),
        caller: parser.name_id("caller"),
        kwargs: parser.name_id("kwargs"),
        varargs: parser.name_id("varargs"),
    };
    let body = parser.statements(&[])?;
    if let Some(fault) = std::mem::take(&mut parser.unknown).into_iter().next() {
        return Err(fault);
    }
    if scope::undeclared(&body, parser.name_id("self")) {
        return Err(Fault::syntax(1, "the variable 'self' is not supported"));
    }
    let frame = Frame { body, hidden: Vec::new() };
    let mut program = Program { body: frame, names: parser.names, special, source_len: source.len() };
    scope::resolve(&mut program);
    Ok(program)
}

pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    names: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, NameId>,
    depth: u32,
    /// Loops around this point in the same function: `break` needs one.
    loops: u32,
    /// Inside `if` an unknown filter or test is an error only when it runs.
    pub(super) lenient: bool,
    /// Unknown filters and tests that are errors at once.
    pub(super) unknown: Vec<Fault>,
    blocks: Vec<String>,
}

impl Parser {
    pub(super) fn peek(&self) -> &Tok {
        &self.tokens[self.at].tok
    }

    pub(super) fn look(&self) -> &Tok {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].tok
    }

    pub(super) fn line(&self) -> u32 {
        self.tokens[self.at].line
    }

    pub(super) fn bump(&mut self) -> Tok {
        let tok = self.tokens[self.at].tok.clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        tok
    }

    pub(super) fn fail<T>(&self, message: impl Into<String>) -> Result<T, Fault> {
        Err(Fault::syntax(self.line(), message))
    }

    pub(super) fn is_op(&self, op: &str) -> bool {
        matches!(self.peek(), Tok::Op(found) if *found == op)
    }

    pub(super) fn skip_op(&mut self, op: &str) -> bool {
        let found = self.is_op(op);
        if found {
            self.bump();
        }
        found
    }

    pub(super) fn expect_op(&mut self, op: &str) -> Result<(), Fault> {
        if self.skip_op(op) { Ok(()) } else { self.fail(format!("expected '{op}', got {}", describe(self.peek()))) }
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Tok::Name(found) if found == word)
    }

    pub(super) fn skip_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.bump();
        }
        found
    }

    pub(super) fn expect_name(&mut self) -> Result<String, Fault> {
        match self.peek() {
            Tok::Name(_) => match self.bump() {
                Tok::Name(name) => Ok(name),
                _ => self.fail("expected a name"),
            },
            other => self.fail(format!("expected a name, got {}", describe(other))),
        }
    }

    fn expect(&mut self, tok: &Tok) -> Result<(), Fault> {
        if self.peek() != tok {
            return self.fail(format!("expected {}, got {}", describe(tok), describe(self.peek())));
        }
        self.bump();
        Ok(())
    }

    pub(super) fn name_id(&mut self, name: &str) -> NameId {
        if let Some(&id) = self.ids.get(name) {
            return id;
        }
        let (name, id) = (Arc::<str>::from(name), self.names.len() as NameId);
        self.names.push(name.clone());
        self.ids.insert(name, id);
        id
    }

    /// Runs `parse` one level deeper.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            let message = format!("blocks and brackets nest deeper than {MAX_NESTING} levels");
            return Err(Fault::limit(message).at(self.line()));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Statements up to a tag named in `ends`, which is left as the current token (or up to the end of the template).
    fn statements(&mut self, ends: &[&str]) -> Result<Vec<Stmt>, Fault> {
        let mut body = Vec::new();
        loop {
            let line = self.line();
            match self.bump() {
                Tok::Data(text) => body.push(Stmt { line, kind: StmtKind::Data(text) }),
                Tok::VariableBegin => {
                    let value = self.tuple(true, &[])?;
                    self.expect(&Tok::VariableEnd)?;
                    body.push(Stmt { line, kind: StmtKind::Emit(value) });
                }
                Tok::BlockBegin => {
                    if ends.iter().any(|end| self.is_word(end)) {
                        return Ok(body);
                    }
                    let line = self.line();
                    let kind = self.nested(|parser| parser.statement(ends, &mut body))?;
                    self.expect(&Tok::BlockEnd)?;
                    body.extend(kind.map(|kind| Stmt { line, kind }));
                }
                Tok::End if ends.is_empty() => return Ok(body),
                Tok::End => return self.fail(format!("unexpected end of template, expected {}", ends.join(" or "))),
                other => return self.fail(format!("unexpected {}", describe(&other))),
            }
        }
    }

    /// The body of a block tag: the tag's end, statements, and the name of the end tag that was found.
    fn body(&mut self, ends: &[&str]) -> Result<(Vec<Stmt>, String), Fault> {
        self.skip_op(":");
        self.expect(&Tok::BlockEnd)?;
        let body = self.statements(ends)?;
        Ok((body, self.expect_name()?))
    }

    /// A body with a scope of its own, hence not inside the `if` around it.
    fn frame(&mut self, end: &str) -> Result<Frame, Fault> {
        let lenient = std::mem::replace(&mut self.lenient, false);
        let (body, _) = self.body(&[end])?;
        self.lenient = lenient;
        Ok(Frame { body, hidden: Vec::new() })
    }

    /// One tag. `{% print %}` adds its statements to `into` itself.
    fn statement(&mut self, ends: &[&str], into: &mut Vec<Stmt>) -> Result<Option<StmtKind>, Fault> {
        let line = self.line();
        let Tok::Name(tag) = self.peek().clone() else { return self.fail("tag name expected") };
        if matches!(tag.as_str(), "if" | "for" | "macro" | "call" | "with" | "set" | "filter" | "block" | "print")
            || matches!(tag.as_str(), "generation" | "break" | "continue")
        {
            self.bump();
        }
        Ok(Some(match tag.as_str() {
            "if" => self.if_tag()?,
            "for" => self.for_tag(line)?,
            "macro" => self.macro_tag()?,
            "call" => self.call_tag()?,
            "with" => self.with_tag()?,
            "set" => self.set_tag()?,
            "filter" => {
                let filters = self.filters(true)?;
                StmtKind::FilterBlock(filters, self.frame("endfilter")?)
            }
            "generation" => {
                let loops = std::mem::take(&mut self.loops);
                let frame = self.frame("endgeneration")?;
                self.loops = loops;
                StmtKind::Generation(frame)
            }
            "block" => self.block_tag()?,
            "print" => {
                let before = into.len();
                while *self.peek() != Tok::BlockEnd {
                    if into.len() > before {
                        self.expect_op(",")?;
                    }
                    let value = self.expression()?;
                    into.push(Stmt { line, kind: StmtKind::Emit(value) });
                }
                return Ok(None);
            }
            "break" | "continue" if self.loops == 0 => return self.fail(format!("'{tag}' outside a loop")),
            "break" => StmtKind::Break,
            "continue" => StmtKind::Continue,
            "include" | "import" | "from" | "extends" => {
                return self.fail(format!("{{% {tag} %}} is not possible: a chat template has no other files"));
            }
            "autoescape" => return self.fail("{% autoescape %} is not supported"),
            _ if ends.is_empty() => return self.fail(format!("unknown tag '{tag}'")),
            _ => return self.fail(format!("unknown tag '{tag}', expected {}", ends.join(" or "))),
        }))
    }

    fn if_tag(&mut self) -> Result<StmtKind, Fault> {
        let lenient = std::mem::replace(&mut self.lenient, true);
        let mut arms = Vec::new();
        let otherwise = loop {
            let test = self.tuple(false, &[])?;
            let (body, end) = self.body(&["elif", "else", "endif"])?;
            arms.push((test, body));
            match end.as_str() {
                "elif" => {}
                "else" => break self.body(&["endif"])?.0,
                _ => break Vec::new(),
            }
        };
        self.lenient = lenient;
        Ok(StmtKind::If(arms, otherwise))
    }

    fn for_tag(&mut self, line: u32) -> Result<StmtKind, Fault> {
        let target = self.target(&["in"], false)?;
        if !self.skip_word("in") {
            return self.fail(format!("expected 'in', got {}", describe(self.peek())));
        }
        let iter = self.tuple(false, &["recursive"])?;
        let test = if self.skip_word("if") { Some(self.expression()?) } else { None };
        let recursive = self.skip_word("recursive");
        let lenient = std::mem::replace(&mut self.lenient, false);
        self.loops += 1;
        let (body, end) = self.body(&["endfor", "else"])?;
        self.loops -= 1;
        let otherwise = if end == "else" { Some(self.frame("endfor")?) } else { None };
        self.lenient = lenient;
        let body = Frame { body, hidden: Vec::new() };
        let node = For { line, target, iter, test, recursive, body, otherwise };
        if scope::assigns(&node, self.name_id("loop")) {
            return Err(Fault::syntax(line, "cannot assign to the special variable 'loop' in a loop"));
        }
        Ok(StmtKind::For(Arc::new(node)))
    }

    /// `(a, b=1)` and the body of a macro or of a `{% call %}`.
    fn signature(&mut self) -> Result<(Vec<NameId>, Vec<Expr>), Fault> {
        let (mut params, mut defaults) = (Vec::new(), Vec::new());
        self.expect_op("(")?;
        while !self.is_op(")") {
            if !params.is_empty() {
                self.expect_op(",")?;
            }
            let name = self.expect_name()?;
            params.push(self.name_id(&name));
            if self.skip_op("=") {
                defaults.push(self.expression()?);
            } else if !defaults.is_empty() {
                return self.fail("non-default argument follows default argument");
            }
        }
        self.expect_op(")")?;
        Ok((params, defaults))
    }

    fn macro_def(
        &mut self,
        name: Option<Arc<str>>,
        params: Vec<NameId>,
        defaults: Vec<Expr>,
        end: &str,
    ) -> Result<Arc<MacroDef>, Fault> {
        let loops = std::mem::take(&mut self.loops);
        let frame = self.frame(end)?;
        self.loops = loops;
        let [caller, kwargs, varargs] = ["caller", "kwargs", "varargs"].map(|special| self.name_id(special));
        let [uses_caller, uses_kwargs, uses_varargs] =
            [caller, kwargs, varargs].map(|special| scope::undeclared(&frame.body, special));
        if uses_caller && params.iter().position(|&p| p == caller).is_some_and(|at| at + defaults.len() < params.len())
        {
            return self.fail("the special 'caller' argument must be omitted or be given a default");
        }
        let uses_kwargs = uses_kwargs && !params.contains(&kwargs);
        let uses_varargs = uses_varargs && !params.contains(&varargs);
        Ok(Arc::new(MacroDef { name, params, defaults, frame, uses_caller, uses_kwargs, uses_varargs }))
    }

    fn macro_tag(&mut self) -> Result<StmtKind, Fault> {
        let name = self.expect_name()?;
        let id = self.name_id(&name);
        let (params, defaults) = self.signature()?;
        let definition = self.macro_def(Some(Arc::from(name)), params, defaults, "endmacro")?;
        Ok(StmtKind::Macro(id, definition))
    }

    fn call_tag(&mut self) -> Result<StmtKind, Fault> {
        let (params, defaults) = if self.is_op("(") { self.signature()? } else { (Vec::new(), Vec::new()) };
        let Some((callee, args)) = self.expression().map(split_call)? else { return self.fail("expected a call") };
        let caller = self.macro_def(None, params, defaults, "endcall")?;
        Ok(StmtKind::Call { callee, args, caller })
    }

    fn with_tag(&mut self) -> Result<StmtKind, Fault> {
        let mut bindings = Vec::new();
        while !matches!(self.peek(), Tok::BlockEnd) {
            if !bindings.is_empty() {
                self.expect_op(",")?;
            }
            let target = self.target(&[], false)?;
            self.expect_op("=")?;
            bindings.push((target, self.expression()?));
        }
        Ok(StmtKind::With(bindings, self.frame("endwith")?))
    }

    fn set_tag(&mut self) -> Result<StmtKind, Fault> {
        let target = self.target(&[], true)?;
        if self.skip_op("=") {
            return Ok(StmtKind::Set(target, self.tuple(true, &[])?));
        }
        let filters = self.filters(false)?;
        Ok(StmtKind::SetBlock(target, filters, self.frame("endset")?))
    }

    fn block_tag(&mut self) -> Result<StmtKind, Fault> {
        let name = self.expect_name()?;
        if self.blocks.contains(&name) {
            return self.fail(format!("block '{name}' defined twice"));
        }
        self.blocks.push(name.clone());
        let scoped = self.skip_word("scoped");
        let loops = std::mem::take(&mut self.loops);
        let frame = self.frame("endblock")?;
        self.loops = loops;
        self.skip_word(&name);
        Ok(StmtKind::Block { scoped, frame })
    }

    /// The left side of an assignment.
    fn target(&mut self, ends: &[&str], attributes: bool) -> Result<Target, Fault> {
        let mut items = Vec::new();
        let mut is_tuple = false;
        loop {
            if !items.is_empty() {
                self.expect_op(",")?;
            }
            if matches!(self.peek(), Tok::VariableEnd | Tok::BlockEnd)
                || self.is_op(")")
                || ends.iter().any(|end| self.is_word(end))
            {
                break;
            }
            items.push(self.nested(|parser| parser.target_item(attributes))?);
            if !self.is_op(",") {
                break;
            }
            is_tuple = true;
        }
        match (is_tuple, items.len()) {
            (false, 1) => Ok(items.remove(0)),
            (false, _) => self.fail(format!("expected a name to assign to, got {}", describe(self.peek()))),
            (true, _) => Ok(Target::Tuple(items)),
        }
    }

    fn target_item(&mut self, attributes: bool) -> Result<Target, Fault> {
        if self.skip_op("(") {
            let target = self.target(&[], false)?;
            self.expect_op(")")?;
            return Ok(target);
        }
        let name = self.expect_name()?;
        if matches!(name.as_str(), "true" | "True" | "false" | "False" | "none" | "None") {
            return self.fail(format!("cannot assign to '{name}'"));
        }
        let id = self.name_id(&name);
        if attributes && self.skip_op(".") {
            return Ok(Target::Attribute(id, Arc::from(self.expect_name()?)));
        }
        Ok(Target::Name(id))
    }
}

/// An expression that is a call, taken apart.
fn split_call(expression: Expr) -> Option<(Expr, CallArgs)> {
    use super::ast::PostfixKind;
    let Expr::Postfix(base, mut steps) = expression else { return None };
    let last = steps.pop()?;
    let PostfixKind::Call(args) = last.kind else { return None };
    let callee = if steps.is_empty() { *base } else { Expr::Postfix(base, steps) };
    Some((callee, args))
}

pub(super) fn describe(tok: &Tok) -> String {
    match tok {
        Tok::Data(_) => "template text".into(),
        Tok::VariableBegin => "'{{'".into(),
        Tok::VariableEnd => "'}}'".into(),
        Tok::BlockBegin => "'{%'".into(),
        Tok::BlockEnd => "'%}'".into(),
        Tok::Name(name) => format!("'{name}'"),
        Tok::Str(_) => "a string".into(),
        Tok::Int(_) | Tok::Float(_) => "a number".into(),
        Tok::Op(op) => format!("'{op}'"),
        Tok::End => "the end of the template".into(),
    }
}
