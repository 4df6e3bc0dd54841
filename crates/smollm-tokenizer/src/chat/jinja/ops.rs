//! Python's operators on values: arithmetic, comparison and `in`.

use std::cmp::Ordering;
use std::sync::Arc;

use super::ast::{Comparison, Operator};
use super::containers::{iterate, lookup};
use super::fault::{Budget, Fault};
use super::format::printf;
use super::value::{Object, Value, ViewKind, range_len};

fn unsupported<T>(operator: &str, left: &Value, right: &Value) -> Result<T, Fault> {
    let (left, right) = (left.type_name(), right.type_name());
    Err(Fault::new(format!("unsupported operand type(s) for {operator}: '{left}' and '{right}'")))
}

fn too_large() -> Fault {
    Fault::new("an integer grows beyond 128 bits")
}

/// `left operator right`.
pub(super) fn arithmetic(budget: &Budget, operator: Operator, left: &Value, right: &Value) -> Result<Value, Fault> {
    left.defined()?;
    right.defined()?;
    let sequences = match (operator, left) {
        (Operator::Add, _) => add(budget, left, right)?,
        (Operator::Mul, _) => mul(budget, left, right)?,
        (Operator::Mod, Value::Str(format)) => Some(Value::text(budget, printf(budget, format, right)?)?),
        (Operator::Mod, Value::Markup(_)) => return Err(Fault::new("'%' on a Markup string is not supported")),
        _ => None,
    };
    if let Some(value) = sequences {
        return Ok(value);
    }
    match (left.as_int(), right.as_int(), left.as_float(), right.as_float()) {
        (Some(a), Some(b), ..) => integers(operator, a, b),
        (_, _, Some(a), Some(b)) => floats(operator, a, b).map(Value::Float),
        _ => {
            let symbol = match operator {
                Operator::Add => "+",
                Operator::Sub => "-",
                Operator::Mul => "*",
                Operator::Div => "/",
                Operator::FloorDiv => "//",
                Operator::Mod => "%",
                Operator::Pow => "** or pow()",
            };
            unsupported(symbol, left, right)
        }
    }
}

fn integers(operator: Operator, a: i128, b: i128) -> Result<Value, Fault> {
    let value = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Sub => a.checked_sub(b),
        Operator::Mul => a.checked_mul(b),
        Operator::Div if b == 0 => return Err(Fault::new("division by zero")),
        Operator::Div => return Ok(Value::Float(a as f64 / b as f64)),
        Operator::FloorDiv | Operator::Mod if b == 0 => {
            return Err(Fault::new("integer division or modulo by zero"));
        }
        Operator::FloorDiv => a.checked_div_euclid(b).map(|q| if b < 0 && a.rem_euclid(b) != 0 { q - 1 } else { q }),
        Operator::Mod => a.checked_rem_euclid(b).map(|r| if b < 0 && r != 0 { r + b } else { r }),
        Operator::Pow if b < 0 && a == 0 => return Err(Fault::new("0.0 cannot be raised to a negative power")),
        Operator::Pow if b < 0 => return Ok(Value::Float((a as f64).powf(b as f64))),
        Operator::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
    };
    value.map(Value::Int).ok_or_else(too_large)
}

fn floats(operator: Operator, a: f64, b: f64) -> Result<f64, Fault> {
    Ok(match operator {
        Operator::Add => a + b,
        Operator::Sub => a - b,
        Operator::Mul => a * b,
        Operator::Div if b == 0.0 => return Err(Fault::new("float division by zero")),
        Operator::FloorDiv if b == 0.0 => return Err(Fault::new("float floor division by zero")),
        Operator::Mod if b == 0.0 => return Err(Fault::new("float modulo")),
        Operator::Div => a / b,
        Operator::FloorDiv => float_div_mod(a, b).0,
        Operator::Mod => float_div_mod(a, b).1,
        Operator::Pow if a == 0.0 && b < 0.0 => return Err(Fault::new("0.0 cannot be raised to a negative power")),
        Operator::Pow if a < 0.0 && b.is_finite() && b.fract() != 0.0 => {
            return Err(Fault::new("complex numbers are not supported"));
        }
        Operator::Pow => {
            let power = a.powf(b);
            if power.is_infinite() && a.is_finite() && b.is_finite() {
                return Err(Fault::new("(34, 'Numerical result out of range')"));
            }
            power
        }
    })
}

/// CPython's `float.__divmod__`.
fn float_div_mod(a: f64, b: f64) -> (f64, f64) {
    let mut remainder = a % b;
    let mut quotient = (a - remainder) / b;
    if remainder == 0.0 {
        remainder = 0.0_f64.copysign(b);
    } else if (b < 0.0) != (remainder < 0.0) {
        remainder += b;
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return (0.0_f64.copysign(a / b), remainder);
    }
    let floor = quotient.floor();
    (if quotient - floor > 0.5 { floor + 1.0 } else { floor }, remainder)
}

/// `left + right` of strings, lists and tuples.
fn add(budget: &Budget, left: &Value, right: &Value) -> Result<Option<Value>, Fault> {
    Ok(Some(match (left, right) {
        (Value::Str(a), Value::Str(b)) => Value::text(budget, join(budget, &[a, b])?)?,
        (Value::Markup(_), _) | (_, Value::Markup(_)) => {
            let mut joined = String::new();
            for side in [left, right] {
                match side {
                    Value::Markup(text) => joined.push_str(text),
                    Value::Str(text) => joined.push_str(&escape_html(text)),
                    _ => return unsupported("+", left, right),
                }
            }
            budget.bytes(joined.len())?;
            Value::Markup(Arc::from(joined))
        }
        (Value::List(a), Value::List(b)) => Value::list(concat(budget, &a.items, &b.items)?)?,
        (Value::Tuple(a), Value::Tuple(b)) => Value::tuple(concat(budget, &a.items, &b.items)?)?,
        (Value::Str(_) | Value::List(_) | Value::Tuple(_), _) => {
            let (to, what) = (left.type_name(), right.type_name());
            return Err(Fault::new(format!("can only concatenate {to} (not \"{what}\") to {to}")));
        }
        _ => return Ok(None),
    }))
}

/// The parts as one string, within the budget.
pub(super) fn join(budget: &Budget, parts: &[&str]) -> Result<String, Fault> {
    budget.bytes(parts.iter().map(|part| part.len()).sum())?;
    Ok(parts.concat())
}

fn concat(budget: &Budget, a: &[Value], b: &[Value]) -> Result<Vec<Value>, Fault> {
    budget.values(a.len() + b.len())?;
    Ok(a.iter().chain(b).cloned().collect())
}

/// `left * right` where one side is a string, list or tuple.
fn mul(budget: &Budget, left: &Value, right: &Value) -> Result<Option<Value>, Fault> {
    let is_sequence =
        |value: &Value| matches!(value, Value::Str(_) | Value::Markup(_) | Value::List(_) | Value::Tuple(_));
    let (of, times) = if is_sequence(left) {
        (left, right)
    } else if is_sequence(right) {
        (right, left)
    } else {
        return Ok(None);
    };
    let Some(count) = times.as_int() else {
        let message = format!("can't multiply sequence by non-int of type '{}'", times.type_name());
        return Err(Fault::new(message));
    };
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    Ok(Some(match of {
        Value::List(seq) | Value::Tuple(seq) => {
            let len = seq.items.len().saturating_mul(count);
            budget.values(len)?;
            let items = seq.items.iter().cloned().cycle().take(len).collect();
            if matches!(of, Value::List(_)) { Value::list(items)? } else { Value::tuple(items)? }
        }
        _ => {
            let text = of.as_str().unwrap_or_default();
            budget.bytes(text.len().saturating_mul(count))?;
            let repeated = Arc::from(text.repeat(if text.is_empty() { 0 } else { count }));
            if matches!(of, Value::Str(_)) { Value::Str(repeated) } else { Value::Markup(repeated) }
        }
    }))
}

/// `-value`, or `+value`.
pub(super) fn sign(value: &Value, negative: bool) -> Result<Value, Fault> {
    value.defined()?;
    match (value, value.as_int()) {
        (_, Some(int)) if negative => int.checked_neg().map(Value::Int).ok_or_else(too_large),
        (_, Some(int)) => Ok(Value::Int(int)),
        (Value::Float(float), _) => Ok(Value::Float(if negative { -float } else { *float })),
        _ => {
            let operator = if negative { '-' } else { '+' };
            Err(Fault::new(format!("bad operand type for unary {operator}: '{}'", value.type_name())))
        }
    }
}

/// `left == right`.
pub(super) fn equal(budget: &Budget, left: &Value, right: &Value) -> Result<bool, Fault> {
    budget.values(1)?;
    Ok(match (left, right) {
        (Value::Undefined(_), Value::Undefined(_)) | (Value::None, Value::None) => true,
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            if std::rc::Rc::ptr_eq(a, b) {
                return Ok(true);
            }
            if a.items.len() != b.items.len() {
                return Ok(false);
            }
            for (a, b) in a.items.iter().zip(&b.items) {
                if !equal(budget, a, b)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Dict(a), Value::Dict(b)) => {
            if std::rc::Rc::ptr_eq(a, b) {
                return Ok(true);
            }
            if a.entries().len() != b.entries().len() {
                return Ok(false);
            }
            for (key, value) in a.entries() {
                let Some(other) = lookup(budget, right, key)? else { return Ok(false) };
                if !equal(budget, value, &other)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Object(a), Value::Object(b)) => match (&**a, &**b) {
            (Object::Range { start, stop, step }, Object::Range { start: start_b, stop: stop_b, step: step_b }) => {
                let len = range_len(*start, *stop, *step);
                len == range_len(*start_b, *stop_b, *step_b)
                    && (len == 0 || (start == start_b && (len == 1 || step == step_b)))
            }
            _ => std::rc::Rc::ptr_eq(a, b),
        },
        _ => match (left.as_str(), right.as_str()) {
            (Some(a), Some(b)) => {
                budget.bytes(a.len().min(b.len()))?;
                a == b
            }
            (None, None) => match (left.as_int(), right.as_int(), left.as_float(), right.as_float()) {
                (Some(a), Some(b), ..) => a == b,
                (_, _, Some(a), Some(b)) => number_order(left, right, a, b) == Some(Ordering::Equal),
                _ => false,
            },
            _ => false,
        },
    })
}

/// Exact comparison of an integer and a float, or of two floats.
fn number_order(left: &Value, right: &Value, a: f64, b: f64) -> Option<Ordering> {
    let exact = |int: i128, float: f64| -> Option<Ordering> {
        if float.is_nan() {
            return None;
        }
        if float >= 2_f64.powi(127) {
            return Some(Ordering::Less);
        }
        if float < -(2_f64.powi(127)) {
            return Some(Ordering::Greater);
        }
        let whole = float.trunc();
        Some(int.cmp(&(whole as i128)).then(if float > whole {
            Ordering::Less
        } else if float < whole {
            Ordering::Greater
        } else {
            Ordering::Equal
        }))
    };
    match (left.as_int(), right.as_int()) {
        (Some(int), None) => exact(int, b),
        (None, Some(int)) => exact(int, a).map(Ordering::reverse),
        _ => a.partial_cmp(&b),
    }
}

/// The order of two values for `operator` (named in the error); `None` where a NaN is involved.
fn try_order(budget: &Budget, left: &Value, right: &Value, operator: &str) -> Result<Option<Ordering>, Fault> {
    budget.values(1)?;
    left.defined()?;
    right.defined()?;
    match (left, right) {
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            for (a, b) in a.items.iter().zip(&b.items) {
                if !equal(budget, a, b)? {
                    return try_order(budget, a, b, operator);
                }
            }
            Ok(Some(a.items.len().cmp(&b.items.len())))
        }
        _ => match (left.as_str(), right.as_str(), left.as_float(), right.as_float()) {
            (Some(a), Some(b), ..) => {
                budget.bytes(a.len().min(b.len()))?;
                Ok(Some(a.cmp(b)))
            }
            (_, _, Some(a), Some(b)) => Ok(match (left.as_int(), right.as_int()) {
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                _ => number_order(left, right, a, b),
            }),
            _ => {
                let (left, right) = (left.type_name(), right.type_name());
                let message = format!("'{operator}' not supported between instances of '{left}' and '{right}'");
                Err(Fault::new(message))
            }
        },
    }
}

/// The order of two values, for sorting: a NaN is equal to everything.
pub(super) fn order(budget: &Budget, left: &Value, right: &Value, operator: &str) -> Result<Ordering, Fault> {
    Ok(try_order(budget, left, right, operator)?.unwrap_or(Ordering::Equal))
}

/// `left comparison right`.
pub(super) fn compare(budget: &Budget, comparison: Comparison, left: &Value, right: &Value) -> Result<bool, Fault> {
    let ordered =
        |operator: &str, holds: fn(Ordering) -> bool| Ok(try_order(budget, left, right, operator)?.is_some_and(holds));
    match comparison {
        Comparison::Eq => equal(budget, left, right),
        Comparison::Ne => Ok(!equal(budget, left, right)?),
        Comparison::Lt => ordered("<", Ordering::is_lt),
        Comparison::Le => ordered("<=", Ordering::is_le),
        Comparison::Gt => ordered(">", Ordering::is_gt),
        Comparison::Ge => ordered(">=", Ordering::is_ge),
        Comparison::In => contains(budget, right, left),
        Comparison::NotIn => Ok(!contains(budget, right, left)?),
    }
}

/// `item in container`.
pub(super) fn contains(budget: &Budget, container: &Value, item: &Value) -> Result<bool, Fault> {
    match container {
        Value::Str(text) | Value::Markup(text) => {
            let Some(item) = item.as_str() else {
                let message = format!("'in <string>' requires string as left operand, not {}", item.type_name());
                return Err(Fault::new(message));
            };
            budget.bytes(text.len())?;
            return Ok(text.contains(item));
        }
        Value::Dict(_) => return Ok(lookup(budget, container, item)?.is_some()),
        Value::Object(object) => match &**object {
            Object::View(dict, ViewKind::Keys) => {
                return Ok(lookup(budget, &Value::Dict(dict.clone()), item)?.is_some());
            }
            Object::Namespace(_) => {
                return Err(Fault::new("argument of type 'Namespace' is not iterable"));
            }
            _ => {}
        },
        Value::Undefined(_) | Value::List(_) | Value::Tuple(_) => {}
        other => return Err(Fault::new(format!("argument of type '{}' is not iterable", other.type_name()))),
    }
    for candidate in iterate(budget, container)? {
        if equal(budget, &candidate, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `markupsafe.escape`.
pub(super) fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&#39;"),
            '"' => escaped.push_str("&#34;"),
            other => escaped.push(other),
        }
    }
    escaped
}
