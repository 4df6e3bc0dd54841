//! Records: what one line, row or document of a file is learnt from, whatever form it was written in.

mod error;
mod json_array;
mod lines;
mod parquet_rows;
mod place;
mod preference;
mod reader;
mod row;
mod sharegpt;
#[cfg(test)]
mod tests;
mod text;

pub use error::RecordError;
pub use place::{Place, Unit};
pub use reader::{Documents, ReadOptions, Records};

use serde_json::{Map, Value};
use smollm_tokenizer::tools::Tool;

/// One thing to learn from.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A text without turns.
    Text(String),
    /// A conversation.
    Chat(Chat),
    /// Plain text that continues plain text.
    Completion {
        /// What is given.
        prompt: String,
        /// What is learnt.
        completion: String,
    },
    /// Two answers to one conversation, one of which is preferred.
    Pair(Pair),
    /// Two continuations of one plain text, one of which is preferred.
    TextPair {
        /// What is given.
        prompt: String,
        /// The continuation that is preferred.
        chosen: String,
        /// The other one.
        rejected: String,
    },
}

/// Messages, as chat templates know them, and what else the template is given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chat {
    /// Objects with `role`, `content`, and for calls `tool_calls`.
    pub messages: Vec<Value>,
    /// For each message whether it is learnt where only answers are: those of the assistant without `train: false`.
    pub trained: Vec<bool>,
    /// The tools that are offered.
    pub tools: Vec<Tool>,
    /// Further variables of the template (`chat_template_kwargs`), as `enable_thinking`.
    pub variables: Map<String, Value>,
}

/// A conversation and two ways in which it may go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// What both have in common.
    pub prompt: Chat,
    /// The messages that are preferred.
    pub chosen: Vec<Value>,
    /// The other ones.
    pub rejected: Vec<Value>,
}

impl Chat {
    /// Adds a message that is learnt if `trained` and the assistant says it.
    pub fn push(&mut self, message: Value, trained: bool) {
        self.trained.push(trained && message["role"] == "assistant");
        self.messages.push(message);
    }
}

impl Record {
    /// A hash of what is given and what is learnt, the same wherever and however often the record stands: the validation split goes by it.
    /// Of a preference pair it is the hash of the prompt, so that all answers to one prompt stay together.
    pub fn hash(&self) -> u64 {
        use crate::hash::Hasher;
        let mut hasher = Hasher::default();
        match self {
            Self::Text(text) => hasher.part("text", text),
            Self::Completion { prompt, completion } => {
                hasher.part("prompt", prompt);
                hasher.part("completion", completion);
            }
            Self::TextPair { prompt, .. } => hasher.part("prompt", prompt),
            Self::Chat(chat) | Self::Pair(Pair { prompt: chat, .. }) => {
                for message in &chat.messages {
                    hasher.part("message", &message.to_string());
                }
            }
        }
        hasher.finish()
    }
}
