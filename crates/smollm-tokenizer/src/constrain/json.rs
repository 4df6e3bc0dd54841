//! JSON schemas as the compiler is given them, and which part of one it would not have.

use std::collections::HashMap;
use std::time::Instant;

use llguidance::api::ParserLimits;
use llguidance::{GrammarBuilder, JsonCompileOptions};
use serde_json::{Map, Value, json};

use super::error::GrammarError;
use super::schema::{self, child};

/// Levels of any JSON: readers of JSON give up at some depth.
const ANY_LEVELS: usize = 32;
/// Values of schemas that may be compiled in the search for a culprit; the search ends at the part that it has got to.
pub(super) const MOST_WORK: usize = 40_000;
/// As so many of them a millisecond counts: two seconds are enough to wait for the place of an error.
const A_MILLISECOND: usize = 20;
/// What a part counts in it beside its values where more is done than reading it.
const AT_LEAST: usize = 100;
/// Schemas in all schemas of a grammar.
const MOST_TOGETHER: usize = 6000;

/// What the compiler says in words that tell nobody what to change, and what is said instead.
const THEIR_WORDS: [(&str, &str); 2] = [
    ("fuel exhausted", "it is too much work to compile"),
    ("Regex is empty", "no text fits: its pattern, format and lengths exclude each other"),
];

/// Why a schema by itself is refused, if it is.
pub(super) type Check<'a> = &'a dyn Fn(&Value) -> Option<String>;

/// How parts are tried in the search for a culprit.
#[derive(Clone, Copy)]
struct Trial<'a> {
    check: Check<'a>,
    /// What each costs at least.
    least: usize,
}

/// Why the compiler cannot read a schema, if so.
fn unread(schema: &Value) -> Option<String> {
    let mut schema = schema.clone();
    schema.as_object_mut()?.remove("x-guidance");
    let compile = || options().json_to_llg(GrammarBuilder::new(None, ParserLimits::default()), schema);
    let compiled = llguidance::panic_utils::catch_unwind(std::panic::AssertUnwindSafe(compile));
    compiled.err().map(|e| format!("{e:#}"))
}

/// A schema with nothing in it but what the compiler honours, and how JSON is to be written.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(super) schema: Value,
    /// From JSON pointers of it to paths in what the user wrote.
    of: HashMap<String, String>,
    /// What is left of [`MOST_WORK`].
    work: usize,
}

/// Whether several schemas may be parts of one grammar.
///
/// # Errors
/// They are too large.
pub(super) fn check_together(schemas: &[Prepared]) -> Result<(), GrammarError> {
    match schemas.iter().map(|schema| schema.of.len()).sum::<usize>() <= MOST_TOGETHER {
        true => Ok(()),
        false => {
            let message = format!("the schemas are too large together: they have more than {MOST_TOGETHER} parts");
            Err(GrammarError::text("grammar", message))
        }
    }
}

/// The schema of any JSON object that every reader takes: not too deep, with numbers that do not overflow.
pub(super) fn any_object() -> Value {
    let mut levels = Map::new();
    add_any(&mut levels);
    json!({"type": "object", "additionalProperties": {"$ref": any()["$ref"]}, "$defs": levels})
}

/// A reference to what [`add_any`] adds.
pub(super) fn any() -> Value {
    json!({"$ref": any_at(0)})
}

fn any_at(level: usize) -> String {
    format!("#/$defs/any-{level}")
}

/// Adds definitions of any JSON that every reader takes.
pub(super) fn add_any(definitions: &mut Map<String, Value>) {
    let number = json!({"type": "number", "minimum": -schema::LARGEST, "maximum": schema::LARGEST});
    for level in 0..ANY_LEVELS {
        let mut forms = vec![json!({"type": ["null", "boolean", "string"]}), number.clone()];
        if level + 1 < ANY_LEVELS {
            let inner = json!({"$ref": any_at(level + 1)});
            forms.push(json!({"type": "object", "additionalProperties": inner}));
            forms.push(json!({"type": "array", "items": inner}));
        }
        definitions.insert(format!("any-{level}"), json!({"anyOf": forms}));
    }
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

impl Prepared {
    /// # Errors
    /// The schema has what cannot be made sure of.
    pub(crate) fn new(schema: &Value) -> Result<Self, GrammarError> {
        let (mut schema, of) = schema::translated(schema)?;
        options().apply_to(&mut schema);
        Ok(Self { schema, of, work: MOST_WORK })
    }

    /// The same without a translation, for what is known to be in the compiler's own words.
    pub(super) fn own(mut schema: Value) -> Self {
        options().apply_to(&mut schema);
        Self { schema, of: HashMap::new(), work: MOST_WORK }
    }

    /// Why it does not compile, if so, by `check` where it can be read: at the smallest part that is refused by itself, as far as `work`
    /// goes, of which it takes its share.
    pub(super) fn refusal(mut self, check: Check<'_>, work: &mut usize) -> Option<GrammarError> {
        self.work = *work;
        let refusal = self.refused(check);
        *work = self.work;
        refusal
    }

    fn refused(&mut self, check: Check<'_>) -> Option<GrammarError> {
        let schema = std::mem::take(&mut self.schema);
        let trials = [Trial { check: &unread, least: 0 }, Trial { check, least: AT_LEAST }];
        let mut failures = trials.into_iter().map(|trial| (trial, self.failure(&schema, schema.get("$defs"), trial)));
        let (trial, reason) = failures.find_map(|(trial, reason)| Some((trial, reason?)))?;
        Some(self.blamed(&schema, &reason, trial))
    }

    /// The error for a schema that was refused for `reason`.
    pub(super) fn blame(mut self, reason: &str, check: Check<'_>) -> GrammarError {
        let schema = std::mem::take(&mut self.schema);
        let reading = Trial { check: &unread, least: 0 };
        let trial = match self.failure(&schema, schema.get("$defs"), reading) {
            Some(_) => reading,
            None => Trial { check, least: AT_LEAST },
        };
        self.blamed(&schema, reason, trial)
    }

    fn blamed(&mut self, schema: &Value, reason: &str, trial: Trial<'_>) -> GrammarError {
        let definitions = schema.get("$defs");
        let (mut node, mut pointer, mut reason) = (schema, String::new(), reason.to_owned());
        'deeper: loop {
            for (step, part) in parts(node) {
                if let Some(why) = self.failure(part, definitions, trial) {
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

    /// Why `schema` does not compile by itself, if so, and if there is work left to find out.
    fn failure(&mut self, schema: &Value, definitions: Option<&Value>, trial: Trial<'_>) -> Option<String> {
        let mut whole = match schema {
            Value::Object(map) => map.clone(),
            Value::Bool(true) => return None,
            _ => return Some("nothing is valid".into()),
        };
        if let Some(definitions) = definitions {
            whole.insert("$defs".into(), definitions.clone());
        }
        let mut whole = Value::Object(whole);
        self.work = self.work.checked_sub(trial.least + size(&whole))?;
        options().apply_to(&mut whole);
        let begun = Instant::now();
        let failure = (trial.check)(&whole);
        self.work = self.work.saturating_sub(A_MILLISECOND * begun.elapsed().as_millis() as usize);
        failure
    }

    /// What the compiler says, in words that fit the schema that the user wrote.
    fn in_words(&self, reason: &str) -> String {
        if reason.contains("oneOf constraints are not supported") {
            return "oneOf: its branches cannot be told apart before they are written; use anyOf, or make them differ in type or \
                    in a required constant"
                .into();
        }
        for (theirs, ours) in THEIR_WORDS {
            if reason.contains(theirs) {
                return ours.to_owned();
            }
        }
        let is_definition =
            |pointer: &&String| pointer.starts_with("/$defs/") && pointer.bytes().filter(|&b| b == b'/').count() == 2;
        let mut definitions: Vec<&String> = self.of.keys().filter(is_definition).collect();
        // `#/$defs/1` stands in `#/$defs/10`
        definitions.sort_by_key(|pointer| (std::cmp::Reverse(pointer.len()), *pointer));
        definitions
            .into_iter()
            .fold(reason.to_owned(), |words, pointer| words.replace(&format!("#{pointer}"), &self.of[pointer]))
    }
}

/// Values in a value.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(size).sum(),
        Value::Object(members) => members.values().map(size).sum(),
        _ => 0,
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
