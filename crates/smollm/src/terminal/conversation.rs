//! What the terminal needs from a conversation with a model, and nothing else.

use serde::{Deserialize, Serialize};

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The instructions before the first turn.
    System,
    /// The person at the terminal.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

impl Role {
    /// The name used in chat templates and saved chats.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who wrote it.
    pub role: Role,
    /// What was written.
    pub content: String,
}

impl Message {
    /// A message of `role`.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }
}

/// One thing `/set` can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The name, as written in `/set NAME=VALUE` and in saved chats.
    pub name: String,
    /// The present value, in the form that [`Conversation::set`] accepts.
    pub value: String,
    /// One line: what it does and which values it takes.
    pub help: String,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model ended its turn, or a stop string was met.
    Stop,
    /// The limit on the tokens of one answer was reached.
    Length {
        /// So many.
        limit: usize,
    },
    /// The context has no room for another token.
    ContextFull,
    /// `on_text` asked to stop.
    Interrupted,
}

/// Figures of one answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnswerStats {
    /// Tokens of the prompt, template and history included.
    pub prompt_tokens: usize,
    /// Of these, tokens whose keys and values were still in memory.
    pub cached_tokens: usize,
    /// Tokens generated.
    pub generated_tokens: usize,
    /// Seconds from the question to the first token.
    pub seconds_to_first_token: f64,
    /// Tokens per second after the first token.
    pub tokens_per_second: f64,
    /// Why the answer ended.
    pub finish: Finish,
    /// Messages that the model no longer sees, because the context was full (0: it sees all).
    pub dropped_messages: usize,
}

/// How much of the context is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContextUse {
    /// Tokens of the conversation so far.
    pub used: usize,
    /// Tokens that fit.
    pub limit: usize,
}

/// A conversation with one model: its messages, its settings, and the next answer.
///
/// Errors are one line of text, without a final period, fit to be shown to the user as they are.
pub trait Conversation {
    /// The name shown before each answer and used to name saved chats.
    fn model_name(&self) -> &str;

    /// All messages, oldest first; a system message, if any, comes first.
    fn messages(&self) -> &[Message];

    /// Replaces all messages.
    fn set_messages(&mut self, messages: Vec<Message>);

    /// The settings with their present values, in the order to list them. A model that can think
    /// has one named `think` with the values `on` and `off`.
    fn settings(&self) -> Vec<Setting>;

    /// Changes one setting, or changes nothing and says which values it accepts.
    fn set(&mut self, name: &str, value: &str) -> Result<(), String>;

    /// Gives every setting its first value again.
    fn reset_settings(&mut self);

    /// Whether an answer may be begun for the model, by `/prefill`, or by the answer that `/continue` lets go on.
    fn takes_beginnings(&self) -> bool {
        true
    }

    /// How much of the context is in use.
    fn context(&self) -> ContextUse;

    /// Answers the messages, the last of which is the user's, and appends the assistant's message,
    /// also when it was stopped half-way. With `prefill` the answer begins with that text: the
    /// model continues it, and the appended message contains it.
    ///
    /// `on_text` receives the new text piece by piece (never the prefill, never half a character)
    /// and returns false to stop. It may be called with empty text, which asks only whether to go
    /// on: call it so between the chunks of a long prompt, so that Ctrl-C works there too.
    ///
    /// After an error the messages are as they were before.
    fn answer(&mut self, prefill: Option<&str>, on_text: &mut dyn FnMut(&str) -> bool) -> Result<AnswerStats, String>;
}
