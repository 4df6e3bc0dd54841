//! Tools in JSON of several forms, as OpenAI's form.

use super::error::ToolSchemaError;
use serde_json::{Map, Value, json};
use smollm_tokenizer::tools::Tool;

/// How deeply lists of tools may lie in each other.
const DEEPEST: usize = 8;
/// What an object may call its list of tools: OpenAI's requests and MCP's answers, OpenAI's older requests, the leaderboard's cases, Gemini's.
const LISTS: [&str; 5] = ["tools", "functions", "function", "functionDeclarations", "function_declarations"];
/// What a function may call the schema of its arguments: OpenAI, Anthropic, MCP, Gemini.
const PARAMETERS: [&str; 5] =
    ["parameters", "input_schema", "inputSchema", "parametersJsonSchema", "parameters_json_schema"];
/// What of a function goes into a tool as it is.
const KEPT: [&str; 4] = ["name", "description", "strict", "return"];
/// Types of other languages, and what JSON Schema calls them; what may be anything has no type.
const TYPES: [(&str, Option<&str>); 9] = [
    ("dict", Some("object")),
    ("float", Some("number")),
    ("double", Some("number")),
    ("int", Some("integer")),
    ("str", Some("string")),
    ("bool", Some("boolean")),
    ("list", Some("array")),
    ("tuple", Some("array")),
    ("any", None),
];
const JSON_TYPES: [&str; 7] = ["object", "array", "string", "number", "integer", "boolean", "null"];

/// What some programs begin a file with, and JSON does not know.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Tools, and what was changed on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    /// `{"type": "function", "function": {...}}` each.
    pub tools: Vec<Value>,
    /// One line for each thing that was left out or renamed, with its place.
    pub notes: Vec<String>,
}

/// The tools in `text`, one JSON document or several (JSON lines): functions in OpenAI's form, bare, or in that of Anthropic, Gemini, MCP
/// or the Berkeley function-calling leaderboard, in lists, requests and cases.
///
/// The leaderboard's types become those of JSON Schema (`dict` is an object, `float` a number, `tuple` an array, and `any` no type), and so do
/// Gemini's (`OBJECT`); dots in names become `_`. Left out are values of an `enum` that its type excludes, `optional`, which says what
/// `required` says, and what Gemini says beside JSON Schema: the order of properties, and that an `enum` is one.
///
/// # Errors
/// The text is no JSON, something in it is no tool, or two different tools have one name.
pub fn of_json(text: &str) -> Result<Converted, ToolSchemaError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let documents: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    let documents = documents.map_err(|error| wrong("JSON", &error.to_string()))?;
    let mut reader = Reader { converted: Converted { tools: Vec::new(), notes: Vec::new() }, given: Vec::new() };
    match &documents[..] {
        [document] => reader.tools_in(document, "", 0)?,
        several => {
            for (index, document) in several.iter().enumerate() {
                reader.tools_in(document, &format!("document {}", index + 1), 0)?;
            }
        }
    }
    if reader.converted.tools.is_empty() {
        return Err(wrong("JSON", "there is no tool"));
    }
    Ok(reader.converted)
}

struct Reader {
    converted: Converted,
    /// What each tool was called.
    given: Vec<String>,
}

impl Reader {
    /// Takes the tools in `value`, which stands at `place`.
    fn tools_in(&mut self, value: &Value, place: &str, depth: usize) -> Result<(), ToolSchemaError> {
        if depth > DEEPEST {
            return Err(wrong(place, "lists of tools nest too deeply"));
        }
        let keys = match value {
            Value::Array(list) => {
                return list
                    .iter()
                    .enumerate()
                    .try_for_each(|(i, one)| self.tools_in(one, &format!("{place}[{i}]"), depth + 1));
            }
            Value::Object(keys) => keys,
            _ => return Err(wrong(place, "is no tool: it must be an object, or a list of such")),
        };
        if let Some(kind) = keys.get("type").filter(|kind| *kind != "function") {
            return Err(wrong(&key(place, "type"), &format!("must be \"function\", not {kind}")));
        }
        if let Some(function) = keys.get("function").filter(|function| function.is_object()) {
            return self.function(function, &key(place, "function"));
        }
        if keys.contains_key("name") {
            return self.function(value, place);
        }
        match LISTS.into_iter().find(|name| keys.get(*name).is_some_and(Value::is_array)) {
            Some(name) => self.tools_in(&keys[name], &key(place, name), depth + 1),
            None => Err(wrong(place, "is no tool: it has no `name`, and no list of tools")),
        }
    }

    fn function(&mut self, function: &Value, place: &str) -> Result<(), ToolSchemaError> {
        let keys = function.as_object().ok_or_else(|| wrong(place, "must be an object"))?;
        let mut made = Map::new();
        for (name, value) in keys {
            match name.as_str() {
                "name" => {
                    let given = value.as_str().unwrap_or_default();
                    let plain = given.replace('.', "_");
                    if plain != given {
                        self.note(&key(place, "name"), &format!("{given} is called {plain}"));
                        made.insert("name".into(), plain.into());
                    } else {
                        made.insert("name".into(), value.clone());
                    }
                }
                name if PARAMETERS.contains(&name) => {
                    if made.contains_key("parameters") {
                        return Err(wrong(&key(place, name), "is a second schema of the arguments"));
                    }
                    let schema = self.schema(value, &key(place, name))?;
                    made.insert("parameters".into(), schema);
                }
                name if KEPT.contains(&name) => {
                    made.insert(name.to_owned(), value.clone());
                }
                "type" => {}
                name => self.note(&key(place, name), "is left out"),
            }
        }
        let tool = json!({ "type": "function", "function": made });
        let checked = Tool::new(&tool).map_err(|error| {
            let inner = error.path.strip_prefix("function.").unwrap_or_default();
            wrong(&key(place, inner), &error.problem)
        })?;
        let given = keys["name"].as_str().unwrap_or_default();
        for (other, called) in self.converted.tools.iter().zip(&self.given) {
            if *other == tool && called == given {
                return Ok(()); // cases of one file share functions
            }
            if other["function"]["name"] == checked.name() {
                return Err(wrong(&key(place, "name"), &format!("{} is the name of another tool too", checked.name())));
            }
        }
        self.given.push(given.to_owned());
        self.converted.tools.push(tool);
        Ok(())
    }

    /// A schema in the words of JSON Schema.
    fn schema(&mut self, given: &Value, place: &str) -> Result<Value, ToolSchemaError> {
        let Some(keys) = given.as_object() else { return Ok(given.clone()) };
        let mut made = Map::new();
        for (name, value) in keys {
            let here = key(place, name);
            let value = match name.as_str() {
                "type" => match types(value, &here)? {
                    Some(types) => types,
                    None => continue,
                },
                "properties" | "patternProperties" | "$defs" | "definitions" => match value {
                    Value::Object(named) => self.named(named, &here)?,
                    other => other.clone(),
                },
                "items" | "prefixItems" | "anyOf" | "oneOf" | "allOf" => match value {
                    Value::Array(list) => {
                        let each = list.iter().enumerate();
                        each.map(|(i, one)| self.schema(one, &format!("{here}[{i}]"))).collect::<Result<_, _>>()?
                    }
                    one => self.schema(one, &here)?,
                },
                "additionalProperties" | "not" => self.schema(value, &here)?,
                "optional" if value.is_boolean() => {
                    self.note(&here, "is left out");
                    continue;
                }
                "propertyOrdering" | "property_ordering" if value.is_array() => {
                    self.note(&here, "is left out");
                    continue;
                }
                "format" if value == "enum" && keys.contains_key("enum") => {
                    self.note(&here, "is left out");
                    continue;
                }
                _ => value.clone(),
            };
            made.insert(name.clone(), value);
        }
        self.fitting_choices(&mut made, place);
        Ok(Value::Object(made))
    }

    fn named(&mut self, named: &Map<String, Value>, place: &str) -> Result<Value, ToolSchemaError> {
        let each = named.iter().map(|(name, schema)| Ok((name.clone(), self.schema(schema, &key(place, name))?)));
        each.collect::<Result<Map<_, _>, _>>().map(Value::Object)
    }

    /// Leaves out what a type excludes from an `enum`, or the `enum` where nothing would be left.
    fn fitting_choices(&mut self, schema: &mut Map<String, Value>, place: &str) {
        let (Some(kind), Some(Value::Array(values))) = (schema.get("type").cloned(), schema.get("enum")) else {
            return;
        };
        let fitting: Vec<Value> = values.iter().filter(|value| is_of(value, &kind)).cloned().collect();
        if fitting.len() == values.len() {
            return;
        }
        let left_out = values.len() - fitting.len();
        self.note(
            &key(place, "enum"),
            &format!("{left_out} of {} values are not of the type {kind}, and left out", values.len()),
        );
        if fitting.is_empty() {
            schema.shift_remove("enum");
        } else {
            schema.insert("enum".into(), fitting.into());
        }
    }

    fn note(&mut self, place: &str, what: &str) {
        self.converted.notes.push(format!("{place}: {what}"));
    }
}

/// JSON Schema's words for the types that `value` names; none where anything is meant.
fn types(value: &Value, place: &str) -> Result<Option<Value>, ToolSchemaError> {
    let one = |value: &Value| match value.as_str() {
        Some(name) if JSON_TYPES.contains(&name) => Ok(Some(name.to_owned())),
        // as Gemini writes them
        Some(name) if JSON_TYPES.iter().any(|known| known.to_ascii_uppercase() == name) => {
            Ok(Some(name.to_ascii_lowercase()))
        }
        Some(name) => match TYPES.iter().find(|(known, _)| *known == name) {
            Some((_, own)) => Ok(own.map(str::to_owned)),
            None => Err(wrong(place, &format!("{value} is no type; types are {}", JSON_TYPES.join(", ")))),
        },
        None => Err(wrong(place, "must be the name of a type, or a list of such")),
    };
    match value {
        Value::Array(list) => {
            let names: Option<Vec<String>> = list.iter().map(one).collect::<Result<_, _>>()?;
            Ok(names.map(Value::from))
        }
        value => Ok(one(value)?.map(Value::from)),
    }
}

/// Whether a value is of a type, or of one of several.
fn is_of(value: &Value, kind: &Value) -> bool {
    let one = |name: &Value| match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => true,
    };
    kind.as_array().map_or_else(|| one(kind), |kinds| kinds.iter().any(one))
}

fn key(place: &str, name: &str) -> String {
    match (place, name) {
        ("", name) => name.to_owned(),
        (place, "") => place.to_owned(),
        (place, name) => format!("{place}.{name}"),
    }
}

fn wrong(place: &str, problem: &str) -> ToolSchemaError {
    let place = if place.is_empty() { "JSON" } else { place };
    ToolSchemaError::Json { place: place.to_owned(), problem: problem.to_owned() }
}
