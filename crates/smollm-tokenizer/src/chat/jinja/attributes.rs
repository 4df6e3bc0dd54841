//! `value.name`: which attributes the types have, and what the sandbox refuses.

use super::containers;
use super::fault::{Budget, Fault};
use super::repr::push_quoted;
use super::value::{Object, Value};

/// Methods of `str`, all of them harmless.
const STR: [&str; 47] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];
const DICT: [&str; 6] = ["copy", "fromkeys", "get", "items", "keys", "values"];
const DICT_CHANGERS: [&str; 5] = ["clear", "pop", "popitem", "setdefault", "update"];
const LIST: [&str; 3] = ["copy", "count", "index"];
const LIST_CHANGERS: [&str; 8] = ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"];
const TUPLE: [&str; 2] = ["count", "index"];
const INT: [&str; 10] = [
    "as_integer_ratio",
    "bit_count",
    "bit_length",
    "conjugate",
    "denominator",
    "from_bytes",
    "imag",
    "numerator",
    "real",
    "to_bytes",
];
const FLOAT: [&str; 7] = ["as_integer_ratio", "conjugate", "fromhex", "hex", "imag", "is_integer", "real"];

/// What `getattr` finds on a value.
enum Found {
    Value(Value),
    /// There is none; Jinja goes on to `value[name]`.
    Nothing,
}

/// `getattr(value, name)` in the sandbox. The attributes of `loop` are not looked up here.
fn own(value: &Value, name: &str) -> Result<Found, Fault> {
    if name.starts_with("__") && name.ends_with("__") {
        return Ok(Found::Value(unsafe_attribute(value, name)));
    }
    value.defined()?;
    let method = |names: &[&'static str]| names.iter().find(|known| **known == name).map(|known| value.method(known));
    let (methods, changers): (&[&'static str], &[&str]) = match value {
        Value::Str(_) | Value::Markup(_) => (&STR, &[]),
        Value::Dict(_) => (&DICT, &DICT_CHANGERS),
        Value::List(_) => (&LIST, &LIST_CHANGERS),
        // What `groupby` yields has these two; a plain tuple has not.
        Value::Tuple(_) if matches!(name, "grouper" | "list") => return unknown(value, name),
        Value::Tuple(_) => (&TUPLE, &[]),
        Value::Int(_) | Value::Bool(_) if INT.contains(&name) => return unknown(value, name),
        Value::Float(_) if FLOAT.contains(&name) => return unknown(value, name),
        Value::Object(object) => match &**object {
            Object::Namespace(attributes) => {
                let attributes = attributes.borrow();
                let found = attributes.iter().find(|(known, _)| **known == *name);
                return Ok(found.map_or(Found::Nothing, |(_, value)| Found::Value(value.clone())));
            }
            Object::Cycler { items, position } if name == "current" => {
                return Ok(Found::Value(items[position.get()].clone()));
            }
            Object::Cycler { .. } => (&["next", "reset"], &[]),
            Object::Macro(definition, _) if name == "name" => {
                return Ok(Found::Value(definition.name.as_ref().map_or(Value::None, |n| Value::Str(n.clone()))));
            }
            Object::Macro(..) if matches!(name, "arguments" | "caller" | "catch_kwargs" | "catch_varargs") => {
                return unknown(value, name);
            }
            Object::Range { start, stop, step } => {
                return Ok(match name {
                    "start" => Found::Value(Value::Int(*start)),
                    "stop" => Found::Value(Value::Int(*stop)),
                    "step" => Found::Value(Value::Int(*step)),
                    "count" | "index" => return unknown(value, name),
                    _ => Found::Nothing,
                });
            }
            _ => (&[], &[]),
        },
        _ => (&[], &[]),
    };
    if changers.contains(&name) {
        return Ok(Found::Value(unsafe_attribute(value, name)));
    }
    Ok(method(methods).map_or(Found::Nothing, Found::Value))
}

/// What the sandbox gives for an attribute that it keeps from templates: it fails when it is used.
fn unsafe_attribute(value: &Value, name: &str) -> Value {
    Value::hint(format!("access to attribute '{name}' of '{}' object is unsafe.", value.type_name()))
}

fn unknown(value: &Value, name: &str) -> Result<Found, Fault> {
    Err(Fault::new(format!("attribute '{name}' of '{}' is not supported", value.type_name())))
}

/// The `attr` filter: the attribute, never the item of that name.
pub(super) fn attribute_only(value: &Value, name: &str) -> Result<Value, Fault> {
    Ok(match own(value, name)? {
        Found::Value(found) => found,
        Found::Nothing => missing(value, name),
    })
}

fn missing(value: &Value, name: &str) -> Value {
    let mut quoted = String::new();
    push_quoted(name, &mut quoted);
    value.no_attribute(quoted)
}

/// `value.name`: the attribute, else the item of that name, else undefined.
pub(super) fn attribute(budget: &Budget, value: &Value, name: &str) -> Result<Value, Fault> {
    if let Found::Value(found) = own(value, name)? {
        return Ok(found);
    }
    if let Value::Dict(dict) = value
        && let Some(found) = dict.get_str(name)
    {
        return Ok(found.clone());
    }
    budget.bytes(name.len())?;
    Ok(missing(value, name))
}

/// `value[key]`: the item, else for a string the attribute of that name, else undefined.
pub(super) fn subscript(budget: &Budget, value: &Value, key: &Value) -> Result<Value, Fault> {
    if let Some(found) = containers::item(budget, value, key)? {
        return Ok(found);
    }
    if let Some(name) = key.as_str()
        && let Found::Value(found) = own(value, name)?
    {
        return Ok(found);
    }
    containers::missing_item(budget, value, key)
}
