//! What a tool is: a name, a description, and a schema of what it takes.

use crate::error::shortened;
use serde_json::{Map, Value, json};

/// Bytes of the longest name.
const LONGEST_NAME: usize = 128;

/// A function that a model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    name: String,
    /// A JSON schema of type `object`.
    parameters: Value,
    /// `{"type": "function", "function": {...}}` as it was given, for the model.
    shown: Value,
}

/// What is wrong with a tool, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct ToolError {
    /// The field, as `function.parameters.type`.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Tool {
    /// From `{"type": "function", "function": {"name", "description", "parameters"}}`, or the inner object by itself. Further keys, such
    /// as the `return` of transformers, are shown to the model as they are; `strict`, which is about the server, is not.
    ///
    /// # Errors
    /// Something is missing or of the wrong type.
    pub fn new(given: &Value) -> Result<Self, ToolError> {
        let outer = given.as_object().ok_or_else(|| wrong("", "must be an object"))?;
        let (function, at) = match (outer.get("type"), outer.get("function")) {
            (Some(kind), Some(function)) if kind == "function" => (function, "function."),
            (Some(kind), None) if kind == "function" && outer.contains_key("name") => (given, ""),
            (Some(kind), _) if kind == "function" => return Err(wrong("function", "is missing")),
            (Some(kind), _) => {
                return Err(wrong("type", &format!("must be \"function\", not {}", shortened(&kind.to_string()))));
            }
            (None, Some(function)) => (function, "function."),
            (None, None) => (given, ""),
        };
        let place = |key: &str| format!("{at}{key}");
        let keys = function.as_object().ok_or_else(|| wrong(at.trim_end_matches('.'), "must be an object"))?;
        let name = match keys.get("name") {
            Some(Value::String(name)) => name.clone(),
            Some(_) => return Err(wrong(&place("name"), "must be a string")),
            None => return Err(wrong(&place("name"), "is missing")),
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-.:/".contains(c);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(fits) {
            let problem = format!(
                "must be 1 to {LONGEST_NAME} letters, digits or _-.:/ (it is {})",
                shortened(&format!("{name:?}"))
            );
            return Err(wrong(&place("name"), &problem));
        }
        if keys.get("description").is_some_and(|text| !text.is_string() && !text.is_null()) {
            return Err(wrong(&place("description"), "must be a string"));
        }
        let parameters = match keys.get("parameters") {
            None | Some(Value::Null) => no_parameters(),
            Some(schema) => parameters(schema, &place("parameters"))?,
        };
        let shown: Map<String, Value> =
            keys.iter().filter(|(key, _)| *key != "strict" && (!at.is_empty() || *key != "type")).map(own).collect();
        Ok(Self { name, parameters, shown: json!({ "type": "function", "function": shown }) })
    }

    /// A tool in parts; `parameters` is a JSON schema of type `object`.
    ///
    /// # Errors
    /// As [`Tool::new`].
    pub fn of(name: &str, description: &str, parameters: Value) -> Result<Self, ToolError> {
        Self::new(&json!({ "name": name, "description": description, "parameters": parameters }))
    }

    /// What calls name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The schema of the arguments, an object. Where the function says nothing else, it takes no arguments but those listed: they bind by
    /// name, so a name that the function does not have could mean nothing.
    pub fn parameters(&self) -> &Value {
        &self.parameters
    }

    /// As a model sees it.
    pub fn shown(&self) -> &Value {
        &self.shown
    }
}

fn own((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

fn wrong(path: &str, problem: &str) -> ToolError {
    ToolError { path: path.into(), problem: problem.into() }
}

fn no_parameters() -> Value {
    json!({ "type": "object", "properties": {}, "additionalProperties": false })
}

/// The schema of arguments, made explicit.
fn parameters(schema: &Value, at: &str) -> Result<Value, ToolError> {
    let Some(keys) = schema.as_object() else { return Err(wrong(at, "must be a JSON schema, an object")) };
    match keys.get("type") {
        None => {}
        Some(kind) if kind == "object" => {}
        Some(kind) => {
            let problem = format!("must be \"object\", not {}", shortened(&kind.to_string()));
            return Err(wrong(&format!("{at}.type"), &problem));
        }
    }
    if keys.get("properties").is_some_and(|properties| !properties.is_object()) {
        return Err(wrong(&format!("{at}.properties"), "must be an object"));
    }
    let mut keys = keys.clone();
    keys.insert("type".into(), "object".into());
    // beside a reference drafts 6 and 7 read nothing, so it moves to where it holds together with the rest
    if let Some(reference) = keys.remove("$ref") {
        let all = keys.entry("allOf").or_insert_with(|| json!([]));
        match all.as_array_mut() {
            Some(all) => all.push(json!({ "$ref": reference })),
            None => return Err(wrong(&format!("{at}.allOf"), "must be a list")),
        }
    }
    // composed schemas list properties elsewhere
    const ELSEWHERE: [&str; 8] =
        ["$ref", "allOf", "anyOf", "oneOf", "patternProperties", "additionalProperties", "if", "unevaluatedProperties"];
    if !ELSEWHERE.iter().any(|key| keys.contains_key(*key)) {
        keys.insert("additionalProperties".into(), false.into());
    }
    Ok(Value::Object(keys))
}
