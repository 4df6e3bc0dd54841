//! An exercise: what is said, what may be called, the answer, and how to tell a good one.

use serde_json::{Value, json};
use smollm_verify::Check;

/// An exercise of any kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Objects with `role` and `content`, the last one the user's (or a tool's).
    pub messages: Vec<Value>,
    /// Functions in the form of OpenAI's `tools`; most items have none.
    pub tools: Vec<Value>,
    /// The message of the assistant that is right: `role`, `content`, and `tool_calls` for calls.
    pub answer: Value,
    /// What any right answer fulfils, `answer` among them.
    pub check: Check,
}

impl Item {
    /// One question and its answer.
    pub fn of(question: impl Into<String>, answer: impl Into<String>, check: Check) -> Self {
        Self { messages: vec![user(question)], tools: Vec::new(), answer: assistant(answer), check }
    }
}

/// What the user says.
pub(crate) fn user(text: impl Into<String>) -> Value {
    json!({"role": "user", "content": text.into()})
}

/// What the assistant says.
pub(crate) fn assistant(text: impl Into<String>) -> Value {
    json!({"role": "assistant", "content": text.into()})
}

/// How it is told to behave.
pub(crate) fn system(text: impl Into<String>) -> Value {
    json!({"role": "system", "content": text.into()})
}

/// The text as people type it in a hurry: sometimes without capitals, sometimes without the mark at its end.
pub(crate) fn casual(draw: &mut crate::Draw, text: &str) -> String {
    let mut text = text.to_owned();
    if draw.chance(0.15) {
        text = text.to_lowercase();
    }
    if draw.chance(0.15) {
        text.truncate(text.trim_end_matches(['.', '?', '!']).len());
    }
    text
}
