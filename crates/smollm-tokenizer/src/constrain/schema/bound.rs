//! Values that a schema says nothing about, kept within what every reader of JSON takes: else a model may write digits and brackets for
//! ever, and what it wrote would be refused when it comes back.

use serde_json::{Map, Value, json};

use super::TYPES;
use super::values::keep_small;
use crate::constrain::json::any;

/// Whether a translated schema is put together of others that must hold at the same time. To cut any JSON with any JSON would take for
/// ever, so such a schema is left as it is.
pub(super) fn is_composed(schema: &Map<String, Value>) -> bool {
    let has = |key: &str| schema.contains_key(key);
    let alone = ["anyOf", "oneOf", "$ref"].into_iter().filter(|key| has(key)).count();
    let besides = schema.keys().filter(|key| *key != "$defs").count();
    has("allOf") || (alone > 0 && besides > 1) || (has("patternProperties") && has("properties"))
}

/// Bounds what may be anything, in a translated schema that is put together of no others; whether there was any of it.
pub(super) fn bound(schema: &mut Value) -> bool {
    let map = match schema {
        Value::Bool(false) => return false,
        Value::Object(map) if !map.is_empty() => map,
        _ => {
            *schema = any();
            return true;
        }
    };
    if map.contains_key("$ref") || map.contains_key("const") || map.contains_key("enum") {
        return false;
    }
    if let Some(Value::Array(branches)) = map.get_mut("anyOf") {
        return any_of(branches);
    }
    if let Some(Value::Array(branches)) = map.get_mut("oneOf") {
        return any_of(branches);
    }
    if !map.contains_key("type") {
        map.insert("type".into(), json!(TYPES.iter().filter(|name| **name != "integer").collect::<Vec<_>>()));
        keep_small(map);
    }
    let is = |wanted: &str| match &map["type"] {
        Value::Array(names) => names.iter().any(|name| name == wanted),
        name => name == wanted,
    };
    let (object, array) = (is("object"), is("array"));
    let mut found = false;
    for (applies, key) in [(object, "additionalProperties"), (array, "items")] {
        if applies {
            found |= bound(map.entry(key).or_insert(Value::Bool(true)));
        }
    }
    for key in ["properties", "patternProperties"] {
        if let Some(Value::Object(named)) = map.get_mut(key) {
            found |= named.values_mut().fold(false, |found, part| bound(part) | found);
        }
    }
    if let Some(Value::Array(parts)) = map.get_mut("prefixItems") {
        found |= any_of(parts);
    }
    found
}

fn any_of(parts: &mut [Value]) -> bool {
    parts.iter_mut().fold(false, |found, part| bound(part) | found)
}
