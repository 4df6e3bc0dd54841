//! Values in schemas: which ones can be written in exactly one way, and compared without rounding.

use serde_json::{Map, Value, json};

use super::{At, kind};
use crate::constrain::error::GrammarError;

/// Beyond 2^53 numbers with a point leave whole numbers out.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The smallest number above 0 that values are compared with: the compiler writes limits without exponents.
const LEAST: f64 = 1e-9;

/// The keywords for the least and the greatest number.
pub(super) const LIMITS: [(&str, &str); 2] = [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")];

/// The largest number that every reader of JSON takes as it is (RFC 8259, section 6).
pub(in crate::constrain) const LARGEST: i64 = 9_007_199_254_740_991;

/// Keeps numbers without limits within those that readers agree about: a model may write digits for ever.
pub(super) fn keep_small(schema: &mut Map<String, Value>) {
    let is_number = |name: &Value| name == "number" || name == "integer";
    let numbers = match schema.get("type") {
        Some(Value::Array(names)) => names.iter().any(is_number),
        Some(name) => is_number(name),
        None => false,
    };
    for ((limit, exclusive), value) in LIMITS.into_iter().zip([-LARGEST, LARGEST]) {
        if numbers && !schema.contains_key(limit) && !schema.contains_key(exclusive) {
            schema.insert(limit.into(), value.into());
        }
    }
}

/// Makes limits that are no valid numbers themselves limits that are: the nearest numbers within, as programs hold them (beside 0, 1e-9). Digits have no end,
/// and 0.99999999999999999999, which is below 1, is read as 1; besides, the compiler lets some of the excluded limits through. Integers are
/// told apart exactly.
pub(super) fn close(schema: &mut Map<String, Value>) {
    if schema.get("type").is_some_and(|name| name == "integer") {
        return;
    }
    for ((limit, exclusive), sign) in LIMITS.into_iter().zip([1.0, -1.0]) {
        let Some(excluded) = schema.shift_remove(exclusive).as_ref().and_then(Value::as_f64) else { continue };
        let inside = sign * if excluded == 0.0 { LEAST } else { (sign * excluded).next_up() };
        let is_tighter = |other: f64| sign * other >= sign * inside;
        if !schema.get(limit).and_then(Value::as_f64).is_some_and(is_tighter) {
            schema.insert(limit.into(), inside.into());
        }
    }
}

/// Whether output can be a value of `const` or `enum`.
pub(super) fn check_value(value: &Value, at: &At) -> Result<(), GrammarError> {
    match value {
        Value::Null | Value::Bool(_) => Ok(()),
        Value::Number(_) => limit(value, at).map(|_| ()),
        Value::String(text) => writable(text, at),
        Value::Array(values) => values.iter().enumerate().try_for_each(|(i, value)| check_value(value, &at.index(i))),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            writable(name, &at.key(name))?;
            check_value(value, &at.key(name))
        }),
    }
}

/// Whether a string can be written without `\u`, which would be a second way to write it.
pub(super) fn writable(text: &str, at: &At) -> Result<(), GrammarError> {
    let without_letter = |c: &char| *c < ' ' && !matches!(c, '\n' | '\r' | '\t' | '\u{8}' | '\u{c}');
    match text.chars().find(without_letter) {
        Some(c) => Err(at.refuse(format!("the control character U+{:04X} is not supported", u32::from(c)))),
        None => Ok(()),
    }
}

/// A number that values are compared with.
pub(super) fn limit(value: &Value, at: &At) -> Result<Value, GrammarError> {
    match value.as_f64() {
        Some(number) if number.abs() < EXACT && number.abs() >= LEAST || number_is_zero(value) => Ok(value.clone()),
        Some(_) => {
            Err(at.refuse(format!("{value} is not supported: it must be 0, or between 1e-9 and 2^53 without its sign")))
        }
        None => Err(at.refuse(format!("must be a number, not {}", kind(value)))),
    }
}

fn number_is_zero(value: &Value) -> bool {
    value.as_f64() == Some(0.0)
}

/// How many there may or must be.
pub(super) fn count(value: &Value, at: &At) -> Result<Value, GrammarError> {
    match value.as_f64() {
        Some(count) if count >= 0.0 && count.fract() == 0.0 && count < EXACT => Ok(json!(count as u64)),
        _ => Err(at.refuse("must be a whole number, 0 or more")),
    }
}
