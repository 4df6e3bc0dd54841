//! Calls of functions in what a model said.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A call of a function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The function.
    pub name: String,
    /// Its arguments by name.
    pub arguments: Map<String, Value>,
}

impl Call {
    /// The calls in a text of SmolLM2: the list in its first `<tool_call>[...]</tool_call>` (the closing tag may be missing, as at a limit of
    /// tokens). None if that is no list of calls; an empty list if there is no such block.
    pub fn in_text(text: &str) -> Option<Vec<Self>> {
        let Some((_, block)) = text.split_once("<tool_call>") else { return Some(Vec::new()) };
        let block = block.split_once("</tool_call>").map_or(block, |(block, _)| block);
        serde_json::from_str(block).ok()
    }

    /// The calls of a message: those of its `tool_calls` in OpenAI's form, or if it has none, those in its `content`. None if they cannot be read.
    pub fn in_message(message: &Value) -> Option<Vec<Self>> {
        match message.get("tool_calls") {
            Some(Value::Array(calls)) if !calls.is_empty() => calls.iter().map(Self::of_tool_call).collect(),
            None | Some(Value::Null | Value::Array(_)) => Self::in_text(content(message)),
            Some(_) => None,
        }
    }

    fn of_tool_call(call: &Value) -> Option<Self> {
        let function = call.get("function")?;
        let arguments = match function.get("arguments")? {
            Value::Object(arguments) => arguments.clone(),
            Value::String(text) if text.trim().is_empty() => Map::new(),
            Value::String(text) => serde_json::from_str(text).ok()?,
            _ => return None,
        };
        Some(Self { name: function.get("name")?.as_str()?.to_owned(), arguments })
    }

    /// Is it the same function with equal arguments? Numbers are compared by value: 1 is 1.0.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && same_objects(&self.arguments, &other.arguments)
    }
}

/// Are these the same calls, in any order?
pub(crate) fn same_calls(a: &[Call], b: &[Call]) -> bool {
    let mut left: Vec<&Call> = b.iter().collect();
    a.len() == b.len()
        && a.iter().all(|call| match left.iter().position(|other| call.is_same(other)) {
            Some(at) => {
                left.swap_remove(at);
                true
            }
            None => false,
        })
}

/// What a message says, if it says anything.
pub(crate) fn content(message: &Value) -> &str {
    message.get("content").and_then(Value::as_str).unwrap_or_default()
}

fn same_objects(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        // integers beyond 2^53 must not be compared as floats, where both are integers
        (Value::Number(a), Value::Number(b)) => a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => same_objects(a, b),
        _ => a == b,
    }
}
