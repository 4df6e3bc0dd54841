//! What becomes of each keyword: honoured, left out as an annotation, or refused.

use llguidance::derivre::{RegexAst, RegexBuilder};
use llguidance::regex_to_lark;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

use super::ecma::Readers;
use super::values::{LIMITS, check_value, count, limit, writable};
use super::{At, MOST_PATTERNS, TYPES, Translation, ecma, exclusive, kind, members};
use crate::constrain::error::GrammarError;
use crate::constrain::formats;

/// Keywords that say something about valid values and restrict none.
const ANNOTATIONS: &[&str] = &[
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$schema",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "definitions",
    "deprecated",
    "description",
    "discriminator",
    "example",
    "examples",
    "externalDocs",
    "nullable", // of OpenAPI 3.0: that null would be valid too is no reason to write it
    "readOnly",
    "title",
    "writeOnly",
    "xml",
];

/// Keywords that restrict what is valid in ways that a grammar from left to right does not have.
const NOT_HELD: &[&str] = &[
    "$dynamicRef",
    "$recursiveAnchor",
    "$recursiveRef",
    "$vocabulary",
    "contains",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "maxContains",
    "minContains",
    "not",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Branches of a `oneOf` that are compared with each other.
const MOST_BRANCHES: usize = 100;

/// Work that a pattern may take to be read.
const PATTERN_FUEL: u64 = 200_000;

/// Whether in the draft that `$schema` names nothing beside a `$ref` counts.
pub(super) fn refs_stand_alone(draft: &Value) -> Result<bool, GrammarError> {
    let name = draft.as_str().unwrap_or_default();
    let draft_of = name.trim_end_matches('#').trim_start_matches("https://").trim_start_matches("http://");
    match draft_of {
        "json-schema.org/draft/2020-12/schema" | "json-schema.org/draft/2019-09/schema" => Ok(false),
        "json-schema.org/draft-07/schema" | "json-schema.org/draft-06/schema" => Ok(true),
        _ => Err(GrammarError::schema(
            "$.$schema",
            format!("{draft} is not supported; drafts 6, 7, 2019-09 and 2020-12 are"),
        )),
    }
}

impl<'a> Translation<'a> {
    /// One keyword of the schema `given`, which stands at `at`.
    pub(super) fn keyword(
        &mut self,
        keyword: &str,
        value: &'a Value,
        given: &'a Map<String, Value>,
        at: &At,
        made: &mut Map<String, Value>,
        besides: &mut Vec<Value>,
    ) -> Result<(), GrammarError> {
        let here = at.key(keyword);
        let honoured = match keyword {
            "type" => types(value, &here)?,
            "const" => {
                check_value(value, &here)?;
                value.clone()
            }
            "enum" => {
                self.count(value.as_array().map_or(0, Vec::len), &here)?;
                enumeration(value, &here)?
            }
            "oneOf" if !given.contains_key("anyOf") => return self.one_of(value, at, made),
            "anyOf" | "allOf" | "oneOf" => self.list(value, &here)?,
            "$ref" => self.reference(value, &here)?,
            "properties" => {
                keys_are_writable(value, &here)?;
                self.named(value, &here)?
            }
            "patternProperties" => {
                let mut written = Map::new();
                for (given, part) in members(value, &here)? {
                    let pattern = self.check_pattern(given, Readers::Ecma, &here.key(given))?;
                    let part = self.schema(part, here.keyed(given, &pattern))?;
                    if written.insert(pattern, part).is_some() {
                        return Err(here.key(given).refuse("the same pattern stands here in another form"));
                    }
                }
                written.into()
            }
            "propertyNames" => return self.property_names(value, given, at, made),
            // said of the names that `propertyNames` allows
            "additionalProperties" if given.get("propertyNames").is_some_and(|names| !is_any_name(names)) => {
                return Ok(());
            }
            "additionalProperties" => self.schema(value, here)?,
            "required" => {
                self.count(value.as_array().map_or(0, Vec::len), &here)?;
                required(value, &here)?
            }
            "minProperties" => min_properties(value, given, &here)?,
            "maxProperties" | "minItems" | "maxItems" | "minLength" | "maxLength" => count(value, &here)?,
            "prefixItems" => self.list(value, &here)?,
            "items" => return self.items(value, given, at, made),
            // only beside a list in `items`, with which it is read
            "additionalItems" => return Ok(()),
            "pattern" => {
                let pattern = value.as_str().ok_or_else(|| here.refuse("must be a string"))?;
                self.check_pattern(pattern, Readers::All, &here)?.into()
            }
            "format" => return format_of(value, given, &here, made, besides),
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => limit(value, &here)?,
            "multipleOf" => {
                let multiple = multiple(value, &here)?;
                self.multiples.extend(multiple.as_u64().map(|multiple| (multiple, here.path)));
                multiple
            }
            "uniqueItems" => return unique_items(value, given, &here),
            // an address for references from elsewhere; what it changes for references inside is refused
            "$id" | "id" if at.pointer.is_empty() => return Ok(()),
            "$id" => return Err(here.refuse("a schema inside of another may not have an address of its own")),
            name if ANNOTATIONS.contains(&name) || name.starts_with("x-") => return Ok(()),
            name if NOT_HELD.contains(&name) => {
                return Err(here.refuse(format!("`{name}` is not supported: output cannot be held to it")));
            }
            name => return Err(here.refuse(format!("`{name}` is no keyword that is known"))),
        };
        made.insert(keyword.to_owned(), honoured);
        Ok(())
    }

    /// Alternatives of which one alone may hold: any of them, where they exclude each other. Where a property would tell them apart that not
    /// all require, as that of a discriminated union with defaults, it is written always.
    fn one_of(&mut self, value: &'a Value, at: &At, made: &mut Map<String, Value>) -> Result<(), GrammarError> {
        let branches = value.as_array().filter(|branches| branches.len() <= MOST_BRANCHES);
        let exclusive = self.are_exclusive(value);
        let tag = branches.filter(|_| !exclusive).and_then(|branches| exclusive::tag(self.root, branches));
        if !exclusive && tag.is_none() {
            made.insert("oneOf".into(), self.list(value, &at.key("oneOf"))?);
            return Ok(());
        }
        let place = at.keyed("oneOf", "anyOf");
        made.insert("anyOf".into(), self.list(value, &place)?);
        if let (Some(branches), Some(tag)) = (branches, tag) {
            self.tags.extend((0..branches.len()).map(|i| (place.index(i).pointer, tag)));
        }
        Ok(())
    }

    /// Whether no two of these schemas hold for one value.
    fn are_exclusive(&self, branches: &Value) -> bool {
        let Value::Array(branches) = branches else { return false };
        // each with each other: of so many the compiler may find out by itself
        branches.len() <= MOST_BRANCHES
            && branches
                .iter()
                .enumerate()
                .all(|(i, a)| branches[..i].iter().all(|b| exclusive::exclude_each_other(self.root, a, b)))
    }

    /// Names that properties may have: all strings, some that are told, or those that a pattern matches.
    fn property_names(
        &mut self,
        names: &'a Value,
        given: &'a Map<String, Value>,
        at: &At,
        made: &mut Map<String, Value>,
    ) -> Result<(), GrammarError> {
        if is_any_name(names) {
            return Ok(());
        }
        let here = at.key("propertyNames");
        let refuse = |what: &str| Err(here.refuse(format!("`propertyNames` is not supported {what}")));
        if ["properties", "patternProperties"].iter().any(|key| given.contains_key(*key)) {
            return refuse("beside `properties` and `patternProperties`");
        }
        let Value::Object(said) = names else { return refuse("unless it is an object") };
        let of_names = |key: &String| !ANNOTATIONS.contains(&key.as_str()) && (key != "type" || said[key] != "string");
        let mut rest = said.iter().filter(|(key, _)| of_names(key));
        let (Some((key, value)), None) = (rest.next(), rest.next()) else {
            return refuse("but for a `pattern`, a `const` or an `enum`");
        };
        let values = given.get("additionalProperties").unwrap_or(&Value::Bool(true));
        let place =
            |written: &str, name: &str| At { path: at.key("additionalProperties").path, ..at.key(written).key(name) };
        match (key.as_str(), value) {
            ("pattern", Value::String(pattern)) => {
                let pattern = self.check_pattern(pattern, Readers::All, &here.key("pattern"))?;
                let values = self.schema(values, place("patternProperties", &pattern))?;
                made.insert("patternProperties".into(), Value::Object([(pattern, values)].into_iter().collect()));
            }
            ("enum", Value::Array(_)) | ("const", Value::String(_)) => {
                let listed = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                let mut properties = Map::new();
                for (i, name) in listed.iter().enumerate() {
                    // no name is anything but a string
                    let Value::String(name) = name else { continue };
                    writable(name, &here.key(key).index(i))?;
                    properties.insert(name.clone(), self.schema(values, place("properties", name))?);
                }
                made.insert("properties".into(), properties.into());
            }
            _ => return refuse("but for a `pattern`, a `const` or an `enum`"),
        }
        made.insert("additionalProperties".into(), false.into());
        Ok(())
    }

    /// A pattern as the compiler reads it, if it can be matched from left to right.
    fn check_pattern(&mut self, given: &'a str, readers: Readers, at: &At) -> Result<String, GrammarError> {
        let refuse = |why: &dyn std::fmt::Display| at.refuse(format!("the pattern {given:?} is not supported: {why}"));
        let pattern = ecma::to_rust(given, readers).map_err(|why| refuse(&why))?;
        if !self.patterns.insert((given, readers)) {
            return Ok(pattern);
        }
        if self.patterns.len() > MOST_PATTERNS {
            return Err(at.refuse(format!("the schema has more than {MOST_PATTERNS} different patterns")));
        }
        let ast = RegexAst::SearchRegex(regex_to_lark(&pattern, "dw"));
        let mut builder = RegexBuilder::new();
        let compile = || builder.mk(&ast).and_then(|expr| builder.to_regex_limited(expr, PATTERN_FUEL).map(|_| ()));
        let compiled = llguidance::panic_utils::catch_unwind(std::panic::AssertUnwindSafe(compile));
        compiled.map(|()| pattern).map_err(|e| refuse(&format!("{e:#}")))
    }

    /// `items` in its two forms: of all elements, or of the first ones, each its own (before 2020-12).
    fn items(
        &mut self,
        value: &'a Value,
        given: &'a Map<String, Value>,
        at: &At,
        made: &mut Map<String, Value>,
    ) -> Result<(), GrammarError> {
        let Value::Array(list) = value else {
            made.insert("items".into(), self.schema(value, at.key("items"))?);
            return Ok(());
        };
        if given.contains_key("prefixItems") {
            return Err(at.key("items").refuse("must be a schema where there are `prefixItems`"));
        }
        if !list.is_empty() {
            made.insert("prefixItems".into(), self.list(value, &at.keyed("items", "prefixItems"))?);
        }
        if let Some(rest) = given.get("additionalItems") {
            made.insert("items".into(), self.schema(rest, at.keyed("additionalItems", "items"))?);
        }
        Ok(())
    }
}

/// Whether this schema of names allows each: every name is a string.
fn is_any_name(names: &Value) -> bool {
    match names {
        Value::Bool(any) => *any,
        Value::Object(said) => said.iter().all(|(key, value)| match key.as_str() {
            "type" => value == "string",
            key => ANNOTATIONS.contains(&key),
        }),
        _ => false,
    }
}

fn types(value: &Value, at: &At) -> Result<Value, GrammarError> {
    let names = match value {
        Value::Array(names) if !names.is_empty() => names.as_slice(),
        one => std::slice::from_ref(one),
    };
    match names.iter().find(|name| !name.as_str().is_some_and(|name| TYPES.contains(&name))) {
        Some(other) => Err(at.refuse(format!("{other} is no type; types are {}", TYPES.join(", ")))),
        None => Ok(value.clone()),
    }
}

fn enumeration(value: &Value, at: &At) -> Result<Value, GrammarError> {
    match value {
        Value::Array(values) if !values.is_empty() => {
            values.iter().enumerate().try_for_each(|(i, value)| check_value(value, &at.index(i)))?;
            Ok(value.clone())
        }
        _ => Err(at.refuse("must be a list of at least one value")),
    }
}

fn keys_are_writable(value: &Value, at: &At) -> Result<(), GrammarError> {
    let Value::Object(named) = value else { return Ok(()) };
    named.keys().try_for_each(|name| writable(name, &at.key(name)))
}

fn required(value: &Value, at: &At) -> Result<Value, GrammarError> {
    let Value::Array(names) = value else {
        return Err(at.refuse(format!("must be a list of names, not {}", kind(value))));
    };
    for (i, name) in names.iter().enumerate() {
        let name = name.as_str().ok_or_else(|| at.index(i).refuse("must be a string"))?;
        writable(name, &at.index(i))?;
    }
    Ok(value.clone())
}

/// A text could have one key twice, which counts once: only one property beyond the required ones is sure to be another.
fn min_properties(value: &Value, given: &Map<String, Value>, at: &At) -> Result<Value, GrammarError> {
    let made = count(value, at)?;
    let required: HashSet<&str> =
        given.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let required = required.len() as u64;
    match made.as_u64() {
        Some(min) if min > required + 1 => Err(at.refuse(format!(
            "{min} is not supported: it may be at most one more than `required` has names ({required})"
        ))),
        _ => Ok(made),
    }
}

fn unique_items(value: &Value, given: &Map<String, Value>, at: &At) -> Result<(), GrammarError> {
    let at_most_one = given.get("maxItems").and_then(Value::as_u64).is_some_and(|max| max <= 1);
    match value {
        Value::Bool(unique) if !unique || at_most_one => Ok(()),
        Value::Bool(_) => Err(at.refuse("`uniqueItems` is not supported: output cannot be held to it")),
        other => Err(at.refuse(format!("must be a boolean, not {}", kind(other)))),
    }
}

fn multiple(value: &Value, at: &At) -> Result<Value, GrammarError> {
    match value.as_f64() {
        Some(of) if of > 0.0 && of.fract() == 0.0 && of <= f64::from(u32::MAX) => Ok(json!(of as u64)),
        Some(of) if of > 0.0 => Err(at.refuse(format!(
            "{value} is not supported: it must be a whole number below 2^32, as programs divide others inexactly"
        ))),
        _ => Err(at.refuse("must be a number above 0")),
    }
}

fn format_of(
    value: &Value,
    given: &Map<String, Value>,
    at: &At,
    made: &mut Map<String, Value>,
    besides: &mut Vec<Value>,
) -> Result<(), GrammarError> {
    let name = value.as_str().ok_or_else(|| at.refuse("must be a string"))?;
    if let Some(limits) = formats::limits(name) {
        for ((limit, exclusive), value) in LIMITS.into_iter().zip(limits) {
            let Some(value) = value else { continue };
            match given.contains_key(limit) || given.contains_key(exclusive) {
                true => besides.push(json!({ limit: value })),
                false => drop(made.insert(limit.into(), value.into())),
            }
        }
        return Ok(());
    }
    if formats::is_shown(name) {
        return Ok(());
    }
    let Some(pattern) = formats::pattern(name) else {
        return Err(at.refuse(format!("{value} is not supported; {}", formats::KNOWN)));
    };
    if !given.contains_key("pattern") {
        made.insert("pattern".into(), pattern.into());
        return Ok(());
    }
    let mut other = json!({"pattern": pattern});
    if let Some(types) = given.get("type") {
        other["type"] = types.clone();
    }
    besides.push(other);
    Ok(())
}
