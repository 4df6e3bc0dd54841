//! What the names of a Python file mean, as far as that can be told without running it.

use super::error::ToolSchemaError;
use super::function::{self, Receiver};
use ruff_python_ast::{Expr, Stmt, StmtClassDef, StmtFunctionDef};
use ruff_text_size::Ranged;
use serde_json::Value;
use std::cell::Cell;
use std::collections::HashMap;

/// A Python file.
pub(super) struct Module<'a> {
    source: &'a str,
    body: &'a [Stmt],
    names: HashMap<&'a str, Meaning<'a>>,
    /// Modules of which all names were imported.
    stars: Vec<&'a str>,
    /// Parts of hints and classes that may still be looked at.
    left: Cell<usize>,
}

/// Parts of hints and classes that a file may need looked at: aliases of aliases can stand for more than memory holds.
const MOST_WORK: usize = 200_000;

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) enum Meaning<'a> {
    /// Something of another module or of the language, by its whole path.
    Path(String),
    /// A class of this file.
    Class(&'a StmtClassDef),
    /// An expression.
    Value(&'a Expr),
    /// A function of this file.
    Function,
}

/// Types of the language that a hint may name.
const BUILTINS: [&str; 14] = [
    "int",
    "float",
    "str",
    "bool",
    "list",
    "tuple",
    "dict",
    "set",
    "frozenset",
    "bytes",
    "bytearray",
    "complex",
    "object",
    "type",
];

impl<'a> Module<'a> {
    pub(super) fn new(source: &'a str, body: &'a [Stmt]) -> Self {
        let mut module = Self { source, body, names: HashMap::new(), stars: Vec::new(), left: Cell::new(MOST_WORK) };
        module.learn(body);
        module
    }

    /// Takes note that so many parts are looked at.
    ///
    /// # Errors
    /// They are more than a file may need.
    pub(super) fn spend(&self, parts: usize) -> Result<(), String> {
        let left = self.left.get().checked_sub(parts);
        self.left.set(left.unwrap_or(0));
        left.map(|_| ())
            .ok_or_else(|| "stands for more than can be looked at: its aliases or classes grow and grow".to_owned())
    }

    /// The tools of the named functions, or of all that count without being named.
    pub(super) fn tools(&self, names: &[String]) -> Result<Vec<Value>, ToolSchemaError> {
        if !names.is_empty() {
            return names.iter().map(|name| self.named(name)).collect();
        }
        // a name that an import has in the branch that counts is no function of this file
        let is_own =
            |function: &&StmtFunctionDef| matches!(self.names.get(function.name.as_str()), Some(Meaning::Function));
        let plain = functions(self.body).into_iter().filter(is_own).filter(|function| !function.name.starts_with('_'));
        // a later definition takes the place of an earlier one
        let mut last: Vec<&StmtFunctionDef> = Vec::new();
        for function in plain {
            last.retain(|earlier| earlier.name.as_str() != function.name.as_str());
            last.push(function);
        }
        if last.is_empty() {
            return Err(ToolSchemaError::NoFunction);
        }
        last.into_iter().map(|function| function::tool(self, function, Receiver::Perhaps)).collect()
    }

    fn named(&self, name: &str) -> Result<Value, ToolSchemaError> {
        let (class, wanted) = match name.rsplit_once('.') {
            Some((class, wanted)) => (self.class(class), wanted),
            None => (None, name),
        };
        let body = match class {
            Some(class) => &class.body[..],
            None if name.contains('.') => &[],
            None => self.body,
        };
        let Some(function) = functions(body).into_iter().rfind(|function| function.name.as_str() == wanted) else {
            let others = functions(self.body).into_iter().map(|function| function.name.to_string()).collect();
            return Err(ToolSchemaError::NoSuchFunction { name: name.to_owned(), others });
        };
        let of_class = |decorator: &ruff_python_ast::Decorator| {
            self.path(&decorator.expression).is_some_and(|p| p == "classmethod")
        };
        let bound = class.is_some() && function.decorator_list.iter().any(of_class);
        function::tool(self, function, if bound { Receiver::Bound } else { Receiver::Perhaps })
    }

    fn class(&self, name: &str) -> Option<&'a StmtClassDef> {
        match self.names.get(name) {
            Some(Meaning::Class(class)) => Some(class),
            _ => None,
        }
    }

    /// The text of an expression, on one line.
    pub(super) fn text(&self, expression: &Expr) -> String {
        let text = self.source.get(expression.range().to_std_range()).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What a name means.
    pub(super) fn meaning(&self, name: &str) -> Option<Meaning<'a>> {
        if let Some(meaning) = self.names.get(name) {
            return Some(meaning.clone());
        }
        if BUILTINS.contains(&name) || matches!(name, "classmethod" | "staticmethod") {
            return Some(Meaning::Path(name.to_owned()));
        }
        match &self.stars[..] {
            [] => None,
            [.., star] => Some(Meaning::Path(canonical(&format!("{star}.{name}")))),
        }
    }

    /// The whole path of what an expression names, if it is of another module or of the language.
    pub(super) fn path(&self, expression: &Expr) -> Option<String> {
        match expression {
            Expr::Name(name) => match self.meaning(&name.id)? {
                Meaning::Path(path) => Some(path),
                _ => None,
            },
            Expr::Attribute(attribute) => {
                Some(canonical(&format!("{}.{}", self.path(&attribute.value)?, attribute.attr)))
            }
            _ => None,
        }
    }

    /// Enters what statements define. Branches count as if they were all taken.
    fn learn(&mut self, body: &'a [Stmt]) {
        for statement in body {
            match statement {
                Stmt::Import(import) => {
                    for alias in &import.names {
                        let path = alias.name.as_str();
                        match &alias.asname {
                            Some(name) => self.enter(name, Meaning::Path(canonical(path))),
                            None => {
                                let top = path.split('.').next().unwrap_or(path);
                                self.enter(top, Meaning::Path(canonical(top)));
                            }
                        }
                    }
                }
                Stmt::ImportFrom(import) => {
                    let module = import.module.as_ref().map_or("", |module| module.as_str());
                    for alias in &import.names {
                        if alias.name.as_str() == "*" {
                            self.stars.push(module);
                            continue;
                        }
                        let dots = ".".repeat(import.level as usize);
                        let path = format!("{dots}{module}.{}", alias.name);
                        self.enter(alias.asname.as_ref().unwrap_or(&alias.name), Meaning::Path(canonical(&path)));
                    }
                }
                Stmt::ClassDef(class) => self.enter(&class.name, Meaning::Class(class)),
                Stmt::FunctionDef(function) => self.enter(&function.name, Meaning::Function),
                Stmt::Assign(assign) => {
                    for target in &assign.targets {
                        if let Expr::Name(name) = target {
                            self.enter(&name.id, Meaning::Value(&assign.value));
                        }
                    }
                }
                Stmt::AnnAssign(assign) => {
                    if let (Expr::Name(name), Some(value)) = (&*assign.target, &assign.value) {
                        self.enter(&name.id, Meaning::Value(value));
                    }
                }
                branches => inner(branches).into_iter().for_each(|body| self.learn(body)),
            }
        }
    }

    fn enter(&mut self, name: &'a str, meaning: Meaning<'a>) {
        self.names.insert(name, meaning);
    }
}

/// The functions of some statements and of their branches, in the order in which names are learnt: of those with one name the last is meant.
fn functions(body: &[Stmt]) -> Vec<&StmtFunctionDef> {
    let mut found = Vec::new();
    for statement in body {
        match statement {
            Stmt::FunctionDef(function) => found.push(function),
            branches => inner(branches).into_iter().for_each(|body| found.extend(functions(body))),
        }
    }
    found
}

/// What a statement has inside that the names of the file come from: branches, the one that is mostly meant last.
fn inner(statement: &Stmt) -> Vec<&[Stmt]> {
    match statement {
        Stmt::If(branch) if is_of_scripts(&branch.test) => Vec::new(),
        Stmt::If(branch) => {
            let others = branch.elif_else_clauses.iter().rev().map(|clause| &clause.body[..]);
            others.chain([&branch.body[..]]).collect()
        }
        Stmt::Try(attempt) => {
            // what is done when an import fails comes first: the import is what is meant
            let handlers = attempt.handlers.iter().map(|handler| {
                let ruff_python_ast::ExceptHandler::ExceptHandler(handler) = handler;
                &handler.body[..]
            });
            handlers.chain([&attempt.body[..], &attempt.orelse, &attempt.finalbody]).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether it is `__name__ == "__main__"`: what stands there is not there for whoever imports the file.
fn is_of_scripts(test: &Expr) -> bool {
    let Expr::Compare(compare) = test else { return false };
    matches!(&*compare.left, Expr::Name(name) if name.id.as_str() == "__name__")
}

/// One path for what several modules have.
fn canonical(path: &str) -> String {
    match path.split_once('.') {
        Some(("typing_extensions", name)) => format!("typing.{name}"),
        Some(("builtins", name)) => name.to_owned(),
        _ => path.to_owned(),
    }
}
