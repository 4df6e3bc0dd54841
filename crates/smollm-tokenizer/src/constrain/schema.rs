//! JSON Schema, as far as output can be held to it: read keyword by keyword into a schema of nothing but what the compiler honours.
//!
//! A keyword that restricts what is valid, and is not honoured, is refused with its path. Annotations are left out, references lead to
//! `$defs`, and older drafts are written as 2020-12.

mod bound;
mod ecma;
mod exclusive;
mod keywords;
mod values;

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::error::GrammarError;
use super::json::add_any;
pub(super) use values::LARGEST;

/// How deep schemas may be nested: far more than anybody writes, and safe for the stack.
const MOST_NESTED: usize = 64;
/// Bytes of the places of all parts, each with the names that lead to it.
const MOST_BYTES: usize = 16 << 20;
/// Schemas in a schema: to compile so many takes seconds, and twice as many more than twice as long.
const MOST_SCHEMAS: usize = 3000;
/// Different patterns, each of which takes up to some milliseconds.
const MOST_PATTERNS: usize = 500;

const TYPES: &[&str] = &["null", "boolean", "integer", "number", "string", "array", "object"];

/// The schema in the compiler's own words, and where each part of it (a JSON pointer) stood.
///
/// # Errors
/// It is no schema, or has what cannot be made sure of.
pub(super) fn translated(schema: &Value) -> Result<(Value, HashMap<String, String>), GrammarError> {
    let old_refs = match schema.get("$schema") {
        None => false,
        Some(draft) => keywords::refs_stand_alone(draft)?,
    };
    let mut translation = Translation {
        root: schema,
        old_refs,
        definitions: Vec::new(),
        written: HashMap::new(),
        locations: HashMap::new(),
        count: 0,
        bytes: 0,
        patterns: HashSet::new(),
        multiples: Vec::new(),
        composed: false,
        tags: Vec::new(),
    };
    let root = match translation.schema(schema, At::root())? {
        Value::Bool(true) => Map::new(),
        Value::Object(map) => map,
        _ => return Err(GrammarError::schema("$", "nothing is valid")),
    };
    let mut definitions = Map::new();
    while let Some(definition) = translation.definitions.get(definitions.len()).cloned() {
        let name = definitions.len().to_string();
        let at = At { pointer: child("/$defs", &name), path: definition.path, depth: 0 };
        definitions.insert(name, translation.schema(definition.schema, at)?);
    }
    translation.check_multiples()?;
    let mut root = Value::Object(root);
    if !translation.composed {
        let found = definitions.values_mut().fold(bound::bound(&mut root), |found, part| bound::bound(part) | found);
        if found {
            add_any(&mut definitions);
        }
    }
    if !definitions.is_empty() {
        root["$defs"] = definitions.into();
    }
    translation.tags.iter().for_each(|(place, tag)| exclusive::require(&mut root, place, tag));
    Ok((root, translation.locations))
}

/// A schema that references lead to.
#[derive(Debug, Clone)]
struct Definition<'a> {
    schema: &'a Value,
    path: String,
}

struct Translation<'a> {
    root: &'a Value,
    /// In drafts before 2019-09 nothing beside a `$ref` counts.
    old_refs: bool,
    /// Those that references lead to, in the order in which they were met.
    definitions: Vec<Definition<'a>>,
    /// From the target of a reference to its number.
    written: HashMap<String, usize>,
    locations: HashMap<String, String>,
    count: usize,
    /// Bytes of `locations`.
    bytes: usize,
    /// Patterns that can be matched from left to right.
    patterns: HashSet<(&'a str, ecma::Readers)>,
    /// What numbers must be multiples of, and where that is said.
    multiples: Vec<(u64, String)>,
    /// Whether several schemas hold for the same value somewhere.
    composed: bool,
    /// What is written always, and where in what is made: a property that tells alternatives apart.
    tags: Vec<(String, &'a str)>,
}

/// A place in a schema.
#[derive(Debug, Clone)]
struct At {
    /// In what is made, as a JSON pointer.
    pointer: String,
    /// In what was given, for messages.
    path: String,
    depth: usize,
}

impl At {
    fn root() -> Self {
        Self { pointer: String::new(), path: "$".into(), depth: 0 }
    }

    /// The keyword `key` of the schema that stands here.
    fn key(&self, key: &str) -> Self {
        self.keyed(key, key)
    }

    /// The same where the keyword is written as another.
    fn keyed(&self, given: &str, made: &str) -> Self {
        Self { pointer: child(&self.pointer, made), path: format!("{}.{given}", self.path), depth: self.depth + 1 }
    }

    fn index(&self, index: usize) -> Self {
        Self {
            pointer: child(&self.pointer, &index.to_string()),
            path: format!("{}[{index}]", self.path),
            depth: self.depth,
        }
    }

    fn refuse(&self, message: impl AsRef<str>) -> GrammarError {
        GrammarError::schema(&self.path, message)
    }
}

/// The JSON pointer (RFC 6901) of a member.
pub(super) fn child(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

impl<'a> Translation<'a> {
    /// Counts parts: schemas, values of an `enum`, names that are required, each of which the compiler makes something of.
    fn count(&mut self, parts: usize, at: &At) -> Result<(), GrammarError> {
        self.count += parts;
        match self.count > MOST_SCHEMAS {
            true => Err(at.refuse(format!("the schema is too large: it has more than {MOST_SCHEMAS} parts"))),
            false => Ok(()),
        }
    }

    fn schema(&mut self, schema: &'a Value, at: At) -> Result<Value, GrammarError> {
        self.count(1, &at)?;
        if at.depth > MOST_NESTED {
            return Err(at.refuse(format!("the schema is nested more than {MOST_NESTED} levels deep")));
        }
        self.bytes += at.pointer.len() + at.path.len();
        if self.bytes > MOST_BYTES {
            return Err(at.refuse(format!(
                "the names in the schema are too long for its many parts: more than {MOST_BYTES} bytes"
            )));
        }
        self.locations.insert(at.pointer.clone(), at.path.clone());
        let Value::Object(given) = schema else {
            return match schema {
                Value::Bool(_) => Ok(schema.clone()),
                other => Err(at.refuse(format!("a schema is an object or a boolean, not {}", kind(other)))),
            };
        };
        let mut made = Map::new();
        if let Some(reference) = given.get("$ref").filter(|_| self.old_refs) {
            made.insert("$ref".into(), self.reference(reference, &at.key("$ref"))?);
            return Ok(made.into());
        }
        // `allOf` gathers what must hold besides
        let mut besides = Vec::new();
        for (keyword, value) in given {
            self.keyword(keyword, value, given, &at, &mut made, &mut besides)?;
        }
        values::keep_small(&mut made);
        values::close(&mut made);
        if !besides.is_empty() {
            let all = made.entry("allOf").or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(all) = all {
                all.extend(besides);
            }
        }
        self.composed |= bound::is_composed(&made);
        Ok(made.into())
    }

    /// Numbers that must be a multiple of several others are held to their least common multiple, which the compiler computes in 32 bits.
    /// Which of them meet is not looked into: all do, if any may.
    fn check_multiples(&self) -> Result<(), GrammarError> {
        let Some((_, path)) = self.multiples.last().filter(|_| self.composed) else { return Ok(()) };
        let mut common = 1;
        for &(multiple, _) in &self.multiples {
            common = common / gcd(common, multiple) * multiple;
            // on the way there it multiplies
            if common > u64::from(u32::MAX) / self.multiples.iter().map(|(multiple, _)| *multiple).max().unwrap_or(1) {
                return Err(GrammarError::schema(
                    path,
                    "the numbers in `multipleOf` are too large to be told together, in a schema that is put together of others",
                ));
            }
        }
        Ok(())
    }

    /// A schema for each name.
    fn named(&mut self, value: &'a Value, at: &At) -> Result<Value, GrammarError> {
        let one = |(name, part): (&String, &'a Value)| Ok((name.clone(), self.schema(part, at.key(name))?));
        Ok(Value::Object(members(value, at)?.iter().map(one).collect::<Result<_, GrammarError>>()?))
    }

    /// A list of schemas.
    fn list(&mut self, value: &'a Value, at: &At) -> Result<Value, GrammarError> {
        match value {
            Value::Array(list) if !list.is_empty() => {
                let parts = list.iter().enumerate().map(|(i, part)| {
                    let at = At { depth: at.depth + 1, ..at.index(i) };
                    self.schema(part, at)
                });
                parts.collect()
            }
            _ => Err(at.refuse("must be a list of at least one schema")),
        }
    }

    /// A reference inside of the schema, as a reference to a definition.
    fn reference(&mut self, value: &'a Value, at: &At) -> Result<Value, GrammarError> {
        let Value::String(reference) = value else {
            return Err(at.refuse(format!("must be a string, not {}", kind(value))));
        };
        let pointer = match reference.strip_prefix('#') {
            Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => unescaped(pointer),
            _ => None,
        };
        let Some(pointer) = pointer else {
            return Err(at.refuse(format!(
                "{reference:?} is not supported: a reference must be a JSON pointer into the same schema (#/...)"
            )));
        };
        let Some(target) = self.root.pointer(&pointer) else {
            return Err(at.refuse(format!("{reference:?} leads nowhere")));
        };
        let number = match self.written.get(&pointer) {
            Some(&number) => number,
            None => {
                let path = format!("${}", pointer.replace('/', "."));
                self.definitions.push(Definition { schema: target, path });
                self.written.insert(pointer, self.definitions.len() - 1);
                self.definitions.len() - 1
            }
        };
        Ok(Value::String(format!("#/$defs/{number}")))
    }
}

/// Schemas by name.
fn members<'a>(value: &'a Value, at: &At) -> Result<&'a Map<String, Value>, GrammarError> {
    value.as_object().ok_or_else(|| at.refuse(format!("must be an object of schemas, not {}", kind(value))))
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A JSON pointer from a URI fragment: percent signs undone.
fn unescaped(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// What a value is, for messages.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
