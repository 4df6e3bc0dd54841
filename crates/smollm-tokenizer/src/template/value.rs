//! JSON to template values, keeping key order and the difference between whole and floating numbers.

use minijinja::Value;
use serde_json::Value as Json;

pub(super) fn to_template(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(b) => Value::from(*b),
        Json::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(n), _) => Value::from(n),
            (None, Some(n)) => Value::from(n),
            (None, None) => Value::from(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(list) => Value::from(list.iter().map(to_template).collect::<Vec<_>>()),
        Json::Object(keys) => Value::from_pairs(keys.iter().map(|(k, v)| (k.as_str(), to_template(v)))),
    }
}
