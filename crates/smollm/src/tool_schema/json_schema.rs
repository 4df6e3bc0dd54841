//! The JSON schema of a type hint, key by key as transformers writes it.

use super::hint::{Hint, NULL};
use serde_json::{Map, Value, json};

impl Hint {
    /// Its schema, an object.
    pub(super) fn schema(&self) -> Value {
        match self {
            Self::Plain(name) => json!({ "type": name }),
            Self::Any => json!({}),
            Self::List(parts) => match parts.first() {
                Some(items) => json!({ "type": "array", "items": items.schema() }),
                None => json!({ "type": "array" }),
            },
            Self::Tuple(parts) if parts.is_empty() => json!({ "type": "array" }),
            Self::Tuple(parts) => json!({ "type": "array", "prefixItems": all(parts) }),
            Self::Dict(values) => json!({ "type": "object", "additionalProperties": values.schema() }),
            Self::Values(values) => {
                let mut types: Vec<&str> = Vec::new();
                for name in values.iter().map(type_of) {
                    if !types.contains(&name) {
                        types.push(name);
                    }
                }
                json!({ "type": one_or_all(types), "enum": values })
            }
            Self::Union(parts) => union(parts),
        }
    }
}

fn union(parts: &[Hint]) -> Value {
    let mut schemas: Vec<Value> = parts.iter().filter(|part| **part != NULL).map(Hint::schema).collect();
    let simple: Option<Vec<&str>> = schemas.iter().map(only_type).collect();
    let mut made = match simple {
        _ if schemas.len() == 1 => schemas.remove(0),
        Some(mut names) => {
            names.sort_unstable();
            names.dedup();
            json!({ "type": one_or_all(names) })
        }
        None => json!({ "anyOf": schemas }),
    };
    if parts.contains(&NULL) {
        made["nullable"] = true.into();
    }
    made
}

/// The type of a schema that says nothing else.
fn only_type(schema: &Value) -> Option<&str> {
    let keys: &Map<String, Value> = schema.as_object()?;
    if keys.len() == 1 { keys.get("type")?.as_str() } else { None }
}

fn one_or_all(mut names: Vec<&str>) -> Value {
    if names.len() == 1 { names.remove(0).into() } else { names.into() }
}

fn all(parts: &[Hint]) -> Value {
    parts.iter().map(Hint::schema).collect()
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
