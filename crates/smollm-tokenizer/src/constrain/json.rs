//! JSON schemas as the compiler is given them, and which part of one it would not have.

use std::collections::HashMap;

use llguidance::api::ParserLimits;
use llguidance::{GrammarBuilder, JsonCompileOptions};
use serde_json::{Map, Value, json};

use super::error::GrammarError;
use super::schema::{self, child};

/// Levels of any JSON: readers of JSON give up at some depth.
const ANY_LEVELS: usize = 32;
/// Compilations that the search for a culprit may take.
const MOST_TRIES: usize = 200;

/// Where the parts of a prepared schema came from: JSON pointers of it to paths in what the user wrote.
#[derive(Debug, Default)]
pub(super) struct Locations {
    pub(super) of: HashMap<String, String>,
    tries: usize,
}

/// The schema with nothing in it but what the compiler honours, and how JSON is to be written.
///
/// # Errors
/// It has what cannot be made sure of.
pub(super) fn prepared(schema: &Value) -> Result<(Value, Locations), GrammarError> {
    let (mut prepared, of) = schema::translated(schema)?;
    options().apply_to(&mut prepared);
    Ok((prepared, Locations { of, tries: 0 }))
}

/// The schema of any JSON object that every reader takes: not too deep, with numbers that do not overflow.
pub(super) fn any_object() -> Value {
    let number = json!({"type": "number", "minimum": -9_007_199_254_740_991_i64, "maximum": 9_007_199_254_740_991_i64});
    let mut levels = Map::new();
    for level in 0..ANY_LEVELS {
        let mut forms = vec![json!({"type": ["null", "boolean", "string"]}), number.clone()];
        if level + 1 < ANY_LEVELS {
            let inner = json!({"$ref": format!("#/$defs/{}", level + 1)});
            forms.push(json!({"type": "object", "additionalProperties": inner}));
            forms.push(json!({"type": "array", "items": inner}));
        }
        levels.insert(level.to_string(), json!({"anyOf": forms}));
    }
    json!({"type": "object", "additionalProperties": {"$ref": "#/$defs/0"}, "$defs": levels})
}

/// One line, no blanks but one after `:` and `,`, and one way to write each character of a string: else a key could be written twice.
fn options() -> JsonCompileOptions {
    JsonCompileOptions {
        item_separator: ", ".into(),
        key_separator: ": ".into(),
        whitespace_flexible: false,
        json_allowed_escapes: Some("nrbtf\\\"".into()),
        ..JsonCompileOptions::default()
    }
}

impl Locations {
    /// Whether a prepared schema compiles.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn check(&mut self, prepared: &Value) -> Result<(), GrammarError> {
        match self.failure(prepared, prepared.get("$defs")) {
            None => Ok(()),
            Some(reason) => Err(self.blame(prepared, &reason)),
        }
    }

    /// The error for a prepared schema that was refused for `reason`: at the smallest part that is refused by itself.
    pub(super) fn blame(&mut self, prepared: &Value, reason: &str) -> GrammarError {
        let definitions = prepared.get("$defs");
        let (mut node, mut pointer, mut reason) = (prepared, String::new(), reason.to_owned());
        'deeper: loop {
            for (step, part) in parts(node) {
                if let Some(why) = self.failure(part, definitions) {
                    (node, reason) = (part, why);
                    pointer.push_str(&step);
                    continue 'deeper;
                }
            }
            break;
        }
        let path = self.of.get(&pointer).map_or("$", String::as_str);
        GrammarError::schema(path, self.in_words(&reason))
    }

    /// Why `schema` does not compile by itself, if so.
    fn failure(&mut self, schema: &Value, definitions: Option<&Value>) -> Option<String> {
        self.tries += 1;
        if self.tries > MOST_TRIES {
            return None;
        }
        let mut whole = match schema {
            Value::Object(map) => map.clone(),
            Value::Bool(true) => return None,
            _ => return Some("nothing is valid".into()),
        };
        whole.remove("x-guidance");
        if let Some(definitions) = definitions {
            whole.insert("$defs".into(), definitions.clone());
        }
        let compile =
            || options().json_to_llg(GrammarBuilder::new(None, ParserLimits::default()), Value::Object(whole));
        let compiled = llguidance::panic_utils::catch_unwind(std::panic::AssertUnwindSafe(compile));
        compiled.err().map(|e| format!("{e:#}"))
    }

    /// What the compiler says, in words that fit the schema that the user wrote.
    fn in_words(&self, reason: &str) -> String {
        if reason.contains("oneOf constraints are not supported") {
            return "oneOf: its branches cannot be told apart before they are written; use anyOf, or make them differ in type or \
                    in a required constant"
                .into();
        }
        let mut words = reason.to_owned();
        for (pointer, path) in &self.of {
            if pointer.starts_with("/$defs/") && pointer.matches('/').count() == 2 {
                words = words.replace(&format!("#{pointer}"), path);
            }
        }
        words
    }
}

/// The schemas right inside of a prepared schema, with the pointers that lead to them.
fn parts(schema: &Value) -> Vec<(String, &Value)> {
    let mut parts = Vec::new();
    let Value::Object(map) = schema else { return parts };
    for (key, value) in map {
        match (key.as_str(), value) {
            ("properties" | "patternProperties" | "$defs", Value::Object(named)) => {
                parts.extend(named.iter().map(|(name, part)| (child(&child("", key), name), part)));
            }
            ("anyOf" | "allOf" | "oneOf" | "prefixItems", Value::Array(list)) => {
                parts.extend(list.iter().enumerate().map(|(i, part)| (child(&child("", key), &i.to_string()), part)));
            }
            ("items" | "additionalProperties", part) => parts.push((child("", key), part)),
            _ => {}
        }
    }
    // a part that lets nothing through is refused by itself and may still have its place
    parts.retain(|(_, part)| **part != json!(false) && **part != Value::Object(Map::new()));
    parts
}
