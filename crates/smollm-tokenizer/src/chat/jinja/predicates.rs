//! The tests of Jinja2 3.1: what may stand behind `is`.

use super::args::Args;
use super::ast::{Comparison, Operator};
use super::fault::{Budget, Fault};
use super::pystr::is_case;
use super::repr::to_str;
use super::value::{Object, Value};
use super::{filters, ops};

/// A test: the value on the left of `is`, and the arguments.
#[derive(Clone, Copy)]
pub(super) struct Predicate {
    run: fn(&Budget, &Value, Args) -> Result<bool, Fault>,
}

impl Predicate {
    pub(super) fn holds(self, budget: &Budget, value: &Value, args: Args) -> Result<bool, Fault> {
        (self.run)(budget, value, args)
    }
}

/// The test of that name.
pub(super) fn find(name: &str) -> Option<Predicate> {
    let run: fn(&Budget, &Value, Args) -> Result<bool, Fault> = match name {
        "boolean" => |_, v, a| plain(a, matches!(v, Value::Bool(_))),
        "callable" => |_, v, a| plain(a, is_callable(v)),
        "defined" => |_, v, a| plain(a, !v.is_undefined()),
        "divisibleby" => |b, v, a| remainder(b, v, argument("divisibleby", a)?, 0),
        "escaped" => |_, v, a| plain(a, matches!(v, Value::Markup(_))),
        "even" => |b, v, a| plain(a, remainder(b, v, Value::Int(2), 0)?),
        "false" => |_, v, a| plain(a, matches!(v, Value::Bool(false))),
        "filter" => |_, v, a| plain(a, v.as_str().is_some_and(|name| filters::find(name).is_some())),
        "float" => |_, v, a| plain(a, matches!(v, Value::Float(_))),
        "in" => |b, v, a| ops::contains(b, &argument("in", a)?, v),
        "integer" => |_, v, a| plain(a, matches!(v, Value::Int(_))),
        "iterable" => |_, v, a| plain(a, is_iterable(v)),
        "lower" => |b, v, a| plain(a, is_case(&to_str(b, v)?, false)),
        "mapping" => |_, v, a| plain(a, matches!(v, Value::Dict(_))),
        "none" => |_, v, a| plain(a, matches!(v, Value::None)),
        "number" => |_, v, a| plain(a, matches!(v, Value::Int(_) | Value::Bool(_) | Value::Float(_))),
        "odd" => |b, v, a| plain(a, remainder(b, v, Value::Int(2), 1)?),
        "sameas" => |_, v, a| same(v, &argument("sameas", a)?),
        "sequence" => |_, v, a| plain(a, is_sequence(v)),
        "string" => |_, v, a| plain(a, v.as_str().is_some()),
        "test" => |_, v, a| plain(a, v.as_str().is_some_and(|name| find(name).is_some())),
        "true" => |_, v, a| plain(a, matches!(v, Value::Bool(true))),
        "undefined" => |_, v, a| plain(a, v.is_undefined()),
        "upper" => |b, v, a| plain(a, is_case(&to_str(b, v)?, true)),
        "==" | "eq" | "equalto" => |b, v, a| compare(b, Comparison::Eq, v, a),
        "!=" | "ne" => |b, v, a| compare(b, Comparison::Ne, v, a),
        "<" | "lt" | "lessthan" => |b, v, a| compare(b, Comparison::Lt, v, a),
        "<=" | "le" => |b, v, a| compare(b, Comparison::Le, v, a),
        ">" | "gt" | "greaterthan" => |b, v, a| compare(b, Comparison::Gt, v, a),
        ">=" | "ge" => |b, v, a| compare(b, Comparison::Ge, v, a),
        _ => return None,
    };
    Some(Predicate { run })
}

/// The result of a test that takes no arguments.
fn plain(args: Args, holds: bool) -> Result<bool, Fault> {
    args.none("a test")?;
    Ok(holds)
}

fn argument(name: &str, args: Args) -> Result<Value, Fault> {
    let [argument] = args.bind(name, ["value"], 1)?;
    Ok(argument.unwrap_or(Value::None))
}

fn compare(budget: &Budget, comparison: Comparison, value: &Value, args: Args) -> Result<bool, Fault> {
    ops::compare(budget, comparison, value, &argument("a comparison", args)?)
}

/// `value % by == rest`.
fn remainder(budget: &Budget, value: &Value, by: Value, rest: i128) -> Result<bool, Fault> {
    let remainder = ops::arithmetic(budget, Operator::Mod, value, &by)?;
    ops::equal(budget, &remainder, &Value::Int(rest))
}

fn is_callable(value: &Value) -> bool {
    match value {
        Value::Undefined(_) => true,
        Value::Object(object) => matches!(
            **object,
            Object::Macro(..) | Object::Method(..) | Object::Global(_) | Object::Loop(_) | Object::Joiner { .. }
        ),
        _ => false,
    }
}

fn is_iterable(value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            matches!(**object, Object::Range { .. } | Object::View(..) | Object::Generator(_) | Object::Loop(_))
        }
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => false,
        _ => true,
    }
}

fn is_sequence(value: &Value) -> bool {
    match value {
        Value::Object(object) => matches!(**object, Object::Range { .. }),
        other => is_iterable(other),
    }
}

/// `value is other`, where that does not depend on CPython's caches.
fn same(value: &Value, other: &Value) -> Result<bool, Fault> {
    use std::rc::Rc;
    match (value, other) {
        (Value::None, Value::None) => Ok(true),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => Ok(Rc::ptr_eq(a, b)),
        (Value::Dict(a), Value::Dict(b)) => Ok(Rc::ptr_eq(a, b)),
        (Value::Object(a), Value::Object(b)) => Ok(Rc::ptr_eq(a, b)),
        (Value::Undefined(a), Value::Undefined(b)) => Ok(Rc::ptr_eq(a, b)),
        (a, b) if a.type_name() != b.type_name() => Ok(false),
        (a, _) => Err(Fault::new(format!("'sameas' between two values of type '{}' is not supported", a.type_name()))),
    }
}
