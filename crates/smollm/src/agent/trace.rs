//! What an agent did.

use crate::text::Answer;
use serde_json::{Map, Value, json};

/// The answer to one question, and the way to it.
#[derive(Debug, Clone)]
pub struct AgentRun {
    /// What the model said last, without calls.
    pub text: String,
    /// Its answers, each with what it called.
    pub steps: Vec<AgentStep>,
    /// Why there is no further step.
    pub end: AgentEnd,
}

/// One answer of the model.
#[derive(Debug, Clone)]
pub struct AgentStep {
    /// What it said beside calls.
    pub text: String,
    /// What it called, in order; nothing if the answer was cut.
    pub calls: Vec<AgentCall>,
    /// The answer as it was generated: its text has the calls in the model's own form.
    pub answer: Answer,
    /// The oldest messages that had no place in its prompt.
    pub dropped_messages: usize,
}

/// A call, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentCall {
    /// The tool.
    pub name: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// What it returned, or what went wrong.
    pub result: Result<Value, String>,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentEnd {
    /// The model answered without a call.
    Answered,
    /// There were as many steps as there may be, and the last one had calls.
    StepLimit,
    /// An answer met the limit on tokens, or the context was full.
    Length,
    /// The caller stopped it.
    Interrupted,
}

/// What happens, as it happens.
#[derive(Debug)]
pub enum AgentEvent<'a> {
    /// A piece of text, which may be empty.
    Text(&'a str),
    /// This is called now.
    Call {
        /// The tool.
        name: &'a str,
        /// Its arguments, in JSON.
        arguments: &'a str,
    },
    /// This came of it.
    Result(&'a AgentCall),
}

impl AgentEnd {
    /// `stop`, `length`, `step_limit` or `interrupted`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "stop",
            Self::StepLimit => "step_limit",
            Self::Length => "length",
            Self::Interrupted => "interrupted",
        }
    }
}

impl AgentCall {
    /// What the model is told: a text as it is, anything else in JSON.
    pub(super) fn told(&self) -> String {
        match &self.result {
            Ok(Value::String(text)) => text.clone(),
            Ok(value) => value.to_string(),
            Err(problem) => json!({ "error": problem }).to_string(),
        }
    }
}
