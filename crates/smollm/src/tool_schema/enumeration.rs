//! `Enum` classes of a Python file: the values of their members.

use super::hint::scalar;
use super::module::{Meaning, Module};
use ruff_python_ast::{Expr, Stmt, StmtClassDef};
use serde_json::Value;

/// Chains of classes that derive from each other, at most.
const DEEPEST: usize = 64;

/// Methods that decide what values members have: only running them would tell.
const DECIDE: [&str; 3] = ["_generate_next_value_", "__new__", "__init__"];

/// What an Enum adds to its values.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Values as they are.
    Plain,
    /// `IntEnum`, or a base `int`.
    Int,
    /// `StrEnum`, or a base `str`: `auto()` is the name in small letters only for the former.
    Str { auto: bool },
}

/// The values of the members, in order, each once.
///
/// # Errors
/// The class is no Enum, has no members, or one whose value is not written out as a string, number, bool or None; or the file is too much
/// work.
pub(super) fn values(module: &Module<'_>, class: &StmtClassDef) -> Result<Vec<Value>, String> {
    let kind = kind(module, class, 0)?.ok_or("is a class that is no Enum: it has no JSON schema")?;
    let mut values: Vec<Value> = Vec::new();
    let mut last = None;
    for (name, expression) in members(class)? {
        module.spend(1 + values.len() / 16)?;
        let value = match scalar(expression)? {
            Some(value) => value,
            None if is_auto(module, expression) => automatic(kind, name, last.as_ref()).ok_or_else(|| {
                format!("is an Enum whose member `{name}` has a value that only running the file would tell")
            })?,
            None => {
                return Err(format!(
                    "is an Enum whose member `{name}` is not written out as a string, number, bool or None"
                ));
            }
        };
        let fits = match kind {
            Kind::Plain => true,
            Kind::Int => value.is_i64() || value.is_u64(),
            Kind::Str { .. } => value.is_string(),
        };
        if !fits {
            return Err(format!("is an Enum whose member `{name}` is not of the type of the class"));
        }
        last = Some(value.clone());
        // a member with the value of another is another name of that
        if !values.iter().any(|other| equal(other, &value)) {
            values.push(value);
        }
    }
    if values.is_empty() { Err("is an Enum without members: nothing could match it".to_owned()) } else { Ok(values) }
}

/// What kind of Enum a class is, if it is one.
///
/// # Errors
/// It derives from something, or has a method, that decides its values by running; or the file is too much work.
fn kind(module: &Module<'_>, class: &StmtClassDef, depth: usize) -> Result<Option<Kind>, String> {
    // a class may derive from itself, and twice from each of many
    module.spend(64)?;
    if depth > DEEPEST {
        return Err(format!("derives from more than {DEEPEST} classes in a row"));
    }
    let (mut found, mut stranger) = (None, None);
    let mut data = None;
    for base in class.arguments.iter().flat_map(|arguments| &arguments.args) {
        match module.path(base).as_deref() {
            Some("enum.Enum") => found = Some(Kind::Plain),
            Some("enum.IntEnum") => found = Some(Kind::Int),
            Some("enum.StrEnum") => found = Some(Kind::Str { auto: true }),
            Some("int") => data = Some(Kind::Int),
            Some("str") => data = Some(Kind::Str { auto: false }),
            Some("object") => {}
            Some(other) => stranger = Some(other.to_owned()),
            None => {
                if let Expr::Name(name) = base
                    && let Some(Meaning::Class(base)) = module.meaning(&name.id)
                {
                    found = kind(module, base, depth + 1)?.or(found);
                }
            }
        }
    }
    let Some(found) = found else { return Ok(None) };
    if let Some(stranger) = stranger {
        return Err(format!(
            "is an Enum that derives from `{stranger}` too: its values are known only when the file runs"
        ));
    }
    let method = class.body.iter().find_map(|statement| match statement {
        Stmt::FunctionDef(function) => DECIDE.into_iter().find(|name| function.name.as_str() == *name),
        _ => None,
    });
    if let Some(method) = method {
        return Err(format!("is an Enum with a `{method}`: its values are known only when the file runs"));
    }
    Ok(Some(match (found, data) {
        (Kind::Plain, Some(data)) => data,
        (found, _) => found,
    }))
}

/// Names and values that a class body assigns, but for those that Enum does not take for members.
///
/// # Errors
/// The body has a statement whose members only running it would tell.
fn members(class: &StmtClassDef) -> Result<Vec<(&str, &Expr)>, String> {
    const RUNS: &str = "is an Enum with a statement that is neither a method nor `name = value`";
    let mut assigned = Vec::new();
    for statement in &class.body {
        match statement {
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    let Expr::Name(name) = target else { return Err(RUNS.to_owned()) };
                    assigned.push((name.id.as_str(), &*assign.value));
                }
            }
            Stmt::AnnAssign(assign) => match (&*assign.target, &assign.value) {
                (Expr::Name(name), Some(value)) => assigned.push((name.id.as_str(), &**value)),
                (Expr::Name(_), None) => {}
                _ => return Err(RUNS.to_owned()),
            },
            Stmt::FunctionDef(_) | Stmt::Pass(_) | Stmt::Expr(_) => {}
            _ => return Err(RUNS.to_owned()),
        }
    }
    // `_missing_`, `__slots__` and `__private` are of the class
    let of_class = |name: &str| name.starts_with("__") || name.starts_with('_') && name.ends_with('_');
    assigned.retain(|(name, _)| !of_class(name));
    Ok(assigned)
}

fn is_auto(module: &Module<'_>, expression: &Expr) -> bool {
    match expression {
        Expr::Call(call) => {
            call.arguments.args.is_empty() && module.path(&call.func).is_some_and(|path| path == "enum.auto")
        }
        _ => false,
    }
}

/// The value of `auto()` for a member after one with the value `last`.
fn automatic(kind: Kind, name: &str, last: Option<&Value>) -> Option<Value> {
    match (kind, last) {
        (Kind::Str { auto: true }, _) => Some(name.to_lowercase().into()),
        (Kind::Str { auto: false }, _) => None,
        (_, None) => Some(1.into()),
        (_, Some(last)) => last.as_i64()?.checked_add(1).map(Value::from),
    }
}

/// As Python compares: `True` is 1, and 1 is 1.0.
fn equal(a: &Value, b: &Value) -> bool {
    let number = |value: &Value| value.as_f64().or_else(|| value.as_bool().map(|value| f64::from(u8::from(value))));
    // integers beyond 2^53 are not the same because they round to the same
    let exact = |value: &Value| value.is_i64() || value.is_u64();
    match (number(a), number(b)) {
        (Some(x), Some(y)) if !(exact(a) && exact(b)) => x == y,
        _ => a == b,
    }
}
