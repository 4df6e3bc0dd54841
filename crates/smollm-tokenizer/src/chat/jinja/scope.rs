//! Which names a scope hides, after `jinja2/idtracking.py` 3.1.
//!
//! Jinja decides before rendering where each name of a scope comes from. One consequence can be seen: a name that a scope
//! assigns unconditionally before it reads it, and that no scope around it mentions, is undefined from the start of the
//! scope, even in inner scopes that run before the assignment and even where the caller passed a variable of that name.
//! [`resolve`] writes those names into [`Frame::hidden`]; everything else follows from looking names up when they are used.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::ast::{CallArgs, Expr, For, Frame, MacroDef, NameId, Postfix, PostfixKind, Program, Stmt, StmtKind, Target};

/// Fills in the hidden names of every scope of the program.
pub(super) fn resolve(program: &mut Program) {
    frame(&mut program.body, None, &[]);
}

/// Where the first mention of a name in a scope says that it comes from.
#[derive(Clone, Copy, PartialEq)]
enum Load {
    /// The loop's or macro's own variable.
    Parameter,
    /// An outer scope or the context.
    Outer,
    /// Nowhere yet.
    Undefined,
}

#[derive(Clone)]
struct Symbols<'p> {
    parent: Option<&'p Self>,
    refs: HashMap<NameId, Load>,
    stores: HashSet<NameId>,
}

impl<'p> Symbols<'p> {
    fn new(parent: Option<&'p Self>) -> Self {
        Self { parent, refs: HashMap::new(), stores: HashSet::new() }
    }

    fn knows(&self, name: NameId) -> bool {
        self.refs.contains_key(&name) || self.parent.is_some_and(|parent| parent.knows(name))
    }

    fn load(&mut self, name: NameId) {
        if !self.knows(name) {
            self.refs.insert(name, Load::Outer);
        }
    }

    fn store(&mut self, name: NameId) {
        self.stores.insert(name);
        if !self.refs.contains_key(&name) {
            let outer = self.parent.is_some_and(|parent| parent.knows(name));
            self.refs.insert(name, if outer { Load::Outer } else { Load::Undefined });
        }
    }

    fn parameter(&mut self, name: NameId) {
        self.stores.insert(name);
        self.refs.insert(name, Load::Parameter);
    }

    /// Joins the branches of an `if`: what any of them assigns may still come from outside.
    fn join(&mut self, branches: Vec<Self>) {
        let before = self.stores.clone();
        let mut assigned = Vec::new();
        for branch in branches {
            assigned.extend(branch.stores.iter().copied().filter(|name| !before.contains(name)));
            self.refs.extend(branch.refs);
            self.stores.extend(branch.stores);
        }
        self.refs.extend(assigned.into_iter().map(|name| (name, Load::Outer)));
    }

    fn hidden(&self) -> Vec<NameId> {
        let mut hidden: Vec<_> =
            self.refs.iter().filter(|(_, load)| **load == Load::Undefined).map(|(n, _)| *n).collect();
        hidden.sort_unstable();
        hidden
    }

    fn target(&mut self, target: &Target, as_parameter: bool) {
        match target {
            Target::Name(name) if as_parameter => self.parameter(*name),
            Target::Name(name) => self.store(*name),
            Target::Attribute(name, _) => self.load(*name),
            Target::Tuple(items) => items.iter().for_each(|item| self.target(item, as_parameter)),
        }
    }

    fn expr(&mut self, expr: &Expr) {
        expr_names(expr, &mut |name| self.load(name));
    }

    /// The mentions of `stmts` that belong to this scope; inner scopes are left alone.
    fn statements(&mut self, stmts: &[Stmt]) {
        for stmt in stmts {
            match &stmt.kind {
                StmtKind::Emit(value) => self.expr(value),
                StmtKind::If(arms, otherwise) => self.branches(arms, otherwise),
                StmtKind::For(node) => self.expr(&node.iter),
                StmtKind::Set(target, value) => {
                    self.expr(value);
                    self.target(target, false);
                }
                StmtKind::SetBlock(target, ..) => self.target(target, false),
                StmtKind::With(bindings, _) => bindings.iter().for_each(|(_, value)| self.expr(value)),
                StmtKind::Macro(name, _) => self.store(*name),
                StmtKind::Call { callee, args, .. } => {
                    self.expr(callee);
                    args_names(args, &mut |name| self.load(name));
                }
                StmtKind::FilterBlock(filters, _) => steps_names(filters, &mut |name| self.load(name)),
                StmtKind::Data(_) | StmtKind::Generation(_) | StmtKind::Block { .. } => {}
                StmtKind::Break | StmtKind::Continue => {}
            }
        }
    }

    fn branches(&mut self, arms: &[(Expr, Vec<Stmt>)], otherwise: &[Stmt]) {
        let Some(((test, body), elifs)) = arms.split_first() else { return };
        self.expr(test);
        let branch = |stmts: &[Stmt]| {
            let mut symbols = self.clone();
            symbols.statements(stmts);
            symbols
        };
        let (body, otherwise) = (branch(body), branch(otherwise));
        let mut rest = self.clone();
        for (test, body) in elifs {
            rest.expr(test);
            let mut arm = rest.clone();
            arm.statements(body);
            rest.join(vec![arm]);
        }
        self.join(vec![body, rest, otherwise]);
    }
}

/// Resolves one scope and the scopes in it. `parameters` are the names it is entered with.
fn frame(frame: &mut Frame, parent: Option<&Symbols<'_>>, parameters: &[NameId]) {
    let mut symbols = Symbols::new(parent);
    parameters.iter().for_each(|&name| symbols.parameter(name));
    symbols.statements(&frame.body);
    frame.hidden = symbols.hidden();
    inner(&mut frame.body, &symbols);
}

fn inner(stmts: &mut [Stmt], symbols: &Symbols<'_>) {
    for stmt in stmts {
        match &mut stmt.kind {
            StmtKind::If(arms, otherwise) => {
                arms.iter_mut().for_each(|(_, body)| inner(body, symbols));
                inner(otherwise, symbols);
            }
            StmtKind::For(node) => {
                // Nothing shares the tree while it is being built.
                if let Some(node) = Arc::get_mut(node) {
                    for_frames(node, symbols);
                }
            }
            StmtKind::With(bindings, body) => {
                let mut names = Vec::new();
                bindings.iter().for_each(|(target, _)| target_names(target, &mut names));
                frame(body, Some(symbols), &names);
            }
            StmtKind::Macro(_, definition) => macro_frame(definition, symbols),
            StmtKind::Call { caller, .. } => macro_frame(caller, symbols),
            StmtKind::SetBlock(_, _, body) | StmtKind::FilterBlock(_, body) | StmtKind::Generation(body) => {
                frame(body, Some(symbols), &[]);
            }
            StmtKind::Block { frame: body, .. } => frame(body, None, &[]),
            StmtKind::Data(_) | StmtKind::Emit(_) | StmtKind::Set(..) | StmtKind::Break | StmtKind::Continue => {}
        }
    }
}

fn for_frames(node: &mut For, symbols: &Symbols<'_>) {
    let mut names = Vec::new();
    target_names(&node.target, &mut names);
    frame(&mut node.body, Some(symbols), &names);
    if let Some(otherwise) = &mut node.otherwise {
        frame(otherwise, Some(symbols), &[]);
    }
}

fn macro_frame(definition: &mut Arc<MacroDef>, symbols: &Symbols<'_>) {
    if let Some(definition) = Arc::get_mut(definition) {
        frame(&mut definition.frame, Some(symbols), &definition.params);
    }
}

fn target_names(target: &Target, names: &mut Vec<NameId>) {
    match target {
        Target::Name(name) => names.push(*name),
        Target::Attribute(..) => {}
        Target::Tuple(items) => items.iter().for_each(|item| target_names(item, names)),
    }
}

/// Whether anything in a loop assigns `name`.
pub(super) fn assigns(node: &For, name: NameId) -> bool {
    let mut names = Vec::new();
    target_names(&node.target, &mut names);
    let mut found = names.contains(&name);
    walk(&node.body.body, &mut |mention, stored| found |= stored && mention == name);
    found
}

/// Whether `stmts`, scopes inside them included, read `name` before they assign it.
pub(super) fn undeclared(stmts: &[Stmt], name: NameId) -> bool {
    let (mut found, mut assigned) = (false, false);
    walk(stmts, &mut |mention, stored| {
        if mention == name {
            found |= !stored && !assigned;
            assigned |= stored;
        }
    });
    found
}

/// Every mention of a name, in the order of Jinja's own walk (targets before values), with whether it is assigned.
fn walk(stmts: &[Stmt], visit: &mut dyn FnMut(NameId, bool)) {
    for stmt in stmts {
        match &stmt.kind {
            StmtKind::Data(_) | StmtKind::Break | StmtKind::Continue | StmtKind::Block { .. } => {}
            StmtKind::Emit(value) => expr_names(value, &mut |name| visit(name, false)),
            StmtKind::If(arms, otherwise) => {
                for (test, body) in arms {
                    expr_names(test, &mut |name| visit(name, false));
                    walk(body, visit);
                }
                walk(otherwise, visit);
            }
            StmtKind::For(node) => {
                walk_target(&node.target, visit);
                expr_names(&node.iter, &mut |name| visit(name, false));
                walk(&node.body.body, visit);
                node.otherwise.iter().for_each(|frame| walk(&frame.body, visit));
                node.test.iter().for_each(|test| expr_names(test, &mut |name| visit(name, false)));
            }
            StmtKind::Set(target, value) => {
                walk_target(target, visit);
                expr_names(value, &mut |name| visit(name, false));
            }
            StmtKind::SetBlock(target, filters, body) => {
                walk_target(target, visit);
                steps_names(filters, &mut |name| visit(name, false));
                walk(&body.body, visit);
            }
            StmtKind::With(bindings, body) => {
                bindings.iter().for_each(|(target, _)| walk_target(target, visit));
                bindings.iter().for_each(|(_, value)| expr_names(value, &mut |name| visit(name, false)));
                walk(&body.body, visit);
            }
            StmtKind::Macro(_, definition) => walk_macro(definition, visit),
            StmtKind::Call { callee, args, caller } => {
                expr_names(callee, &mut |name| visit(name, false));
                args_names(args, &mut |name| visit(name, false));
                walk_macro(caller, visit);
            }
            StmtKind::FilterBlock(filters, body) => {
                walk(&body.body, visit);
                steps_names(filters, &mut |name| visit(name, false));
            }
            StmtKind::Generation(body) => walk(&body.body, visit),
        }
    }
}

fn walk_target(target: &Target, visit: &mut dyn FnMut(NameId, bool)) {
    match target {
        Target::Name(name) => visit(*name, true),
        Target::Attribute(name, _) => visit(*name, false),
        Target::Tuple(items) => items.iter().for_each(|item| walk_target(item, visit)),
    }
}

fn walk_macro(definition: &MacroDef, visit: &mut dyn FnMut(NameId, bool)) {
    definition.params.iter().for_each(|&name| visit(name, true));
    definition.defaults.iter().for_each(|value| expr_names(value, &mut |name| visit(name, false)));
    walk(&definition.frame.body, visit);
}

/// Every name an expression reads.
fn expr_names(expr: &Expr, visit: &mut dyn FnMut(NameId)) {
    match expr {
        Expr::Literal(_) => {}
        Expr::Name(name) => visit(*name),
        Expr::List(items) | Expr::Tuple(items) | Expr::Concat(items) | Expr::And(items) | Expr::Or(items) => {
            items.iter().for_each(|item| expr_names(item, visit));
        }
        Expr::Dict(pairs) => {
            for (key, value) in pairs {
                expr_names(key, visit);
                expr_names(value, visit);
            }
        }
        Expr::Postfix(base, steps) => {
            expr_names(base, visit);
            steps_names(steps, visit);
        }
        Expr::Arithmetic(first, rest) => {
            expr_names(first, visit);
            rest.iter().for_each(|(_, _, operand)| expr_names(operand, visit));
        }
        Expr::Compare(first, rest) => {
            expr_names(first, visit);
            rest.iter().for_each(|(_, _, operand)| expr_names(operand, visit));
        }
        Expr::Not(value) | Expr::Negate(_, value) | Expr::Plus(_, value) => expr_names(value, visit),
        Expr::Conditional { test, then, otherwise, .. } => {
            expr_names(test, visit);
            expr_names(then, visit);
            otherwise.iter().for_each(|value| expr_names(value, visit));
        }
    }
}

fn steps_names(steps: &[Postfix], visit: &mut dyn FnMut(NameId)) {
    for step in steps {
        match &step.kind {
            PostfixKind::Attribute(_) => {}
            PostfixKind::Item(value) => expr_names(value, visit),
            PostfixKind::Slice(start, stop, step) => {
                [start, stop, step].into_iter().flatten().for_each(|value| expr_names(value, visit));
            }
            PostfixKind::Call(args) | PostfixKind::Filter(_, args) | PostfixKind::Test { args, .. } => {
                args_names(args, visit);
            }
        }
    }
}

fn args_names(args: &CallArgs, visit: &mut dyn FnMut(NameId)) {
    args.positional.iter().for_each(|value| expr_names(value, visit));
    args.named.iter().for_each(|(_, value)| expr_names(value, visit));
    [&args.spread, &args.spread_named].into_iter().flatten().for_each(|value| expr_names(value, visit));
}
