//! Files of items: JSON lines, each an exercise, a text of known probability, or a preference pair.

use crate::error::Error;
use serde::Deserialize;
use serde_json::Value;
use smollm_tokenizer::tools::Tool;
use smollm_verify::Check;
use std::path::Path;

/// A line of a file of items.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The heading it counts under: the name of its file.
    pub kind: String,
    /// What it is.
    pub body: ItemBody,
}

/// What an item is.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemBody {
    /// A conversation that the model answers.
    Exercise {
        /// Objects with `role` and `content`.
        messages: Vec<Value>,
        /// What may be called.
        tools: Vec<Tool>,
        /// What a right answer fulfils.
        check: Check,
    },
    /// A text whose probability is known.
    Text {
        /// What is given of it.
        prompt: String,
        /// What is scored.
        completion: String,
        /// Minus the logarithm of the probability of `completion` after `prompt`.
        nats: f64,
    },
    /// Two answers to a conversation.
    Pair {
        /// The conversation.
        messages: Vec<Value>,
        /// What may be called.
        tools: Vec<Tool>,
        /// The message that is preferred.
        chosen: Value,
        /// The other one.
        rejected: Value,
    },
}

/// A line as it is written. What a training record may have beside it is let be.
#[derive(Debug, Deserialize)]
struct Line {
    messages: Option<Vec<Value>>,
    #[serde(default)]
    tools: Vec<Value>,
    check: Option<Check>,
    prompt: Option<Value>,
    completion: Option<String>,
    nats: Option<f64>,
    chosen: Option<Value>,
    rejected: Option<Value>,
}

/// The items of a file, all of the kind that its name says; at least one.
///
/// # Errors
/// The file cannot be read or has no items, or a line is none of the three forms or has a check that tells nothing.
pub fn read_items(path: &Path) -> Result<Vec<Item>, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::Read { path: path.into(), error })?;
    let text = String::from_utf8(bytes)
        .map_err(|error| Error::NotUtf8 { path: path.into(), offset: error.utf8_error().valid_up_to() })?;
    let kind = path.file_stem().map_or_else(|| "items".into(), |stem| stem.to_string_lossy().into_owned());
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let items = lines
        .map(|(line, text)| match body(text) {
            Ok(body) => Ok(Item { kind: kind.clone(), body }),
            Err(problem) => Err(Error::Line { path: path.into(), line, problem }),
        })
        .collect::<Result<Vec<Item>, Error>>()?;
    if items.is_empty() { Err(Error::NoItems { path: path.into() }) } else { Ok(items) }
}

fn body(text: &str) -> Result<ItemBody, String> {
    let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let tools =
        line.tools.iter().map(|tool| Tool::new(tool).map_err(|error| error.to_string())).collect::<Result<_, _>>()?;
    match line {
        Line { messages: Some(messages), check: Some(check), .. } => match check.fault() {
            Some(fault) => Err(fault.into()),
            None => Ok(ItemBody::Exercise { messages, tools, check }),
        },
        Line { completion: Some(completion), nats: Some(nats), prompt, .. } => match prompt {
            Some(Value::String(prompt)) => Ok(ItemBody::Text { prompt, completion, nats }),
            _ => Err("`prompt` must be a string beside `completion`".into()),
        },
        Line { prompt: Some(Value::Array(messages)), chosen: Some(chosen), rejected: Some(rejected), .. } => {
            Ok(ItemBody::Pair { messages, tools, chosen: only(chosen)?, rejected: only(rejected)? })
        }
        _ => Err("is no item: `messages` and `check`, `prompt`, `completion` and `nats`, or `prompt` (messages), `chosen` and `rejected`".into()),
    }
}

/// The message of an answer, which training data have in a list.
fn only(answer: Value) -> Result<Value, String> {
    match answer {
        Value::Array(mut messages) if messages.len() == 1 => Ok(messages.remove(0)),
        message @ Value::Object(_) => Ok(message),
        _ => Err("`chosen` and `rejected` must be one message each".into()),
    }
}
