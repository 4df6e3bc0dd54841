//! What `/v1/chat/completions` reads and writes.

use crate::ask::{Sampling, token_limit};
use crate::body::{Fields, Wire};
use crate::error::ApiError;
use crate::guidance::Guidance;
use crate::native::timings::{Progress, SpokenTimings};
use crate::openai::logprobs::ChatLogprobs;
use crate::openai::messages::Message;
use crate::openai::thinking::Thinking;
use crate::openai::tools::ToolFields;
use crate::openai::usage::Usage;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A conversation to answer. (The attributes are for the document; fields are taken part by part, so that unknown ones show.)
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChatRequest {
    #[serde(flatten)]
    pub(crate) sampling: Sampling,
    #[serde(flatten)]
    pub(crate) chat: Chat,
    #[serde(flatten)]
    pub(crate) tools: ToolFields,
    #[serde(flatten)]
    pub(crate) thinking: Thinking,
    #[serde(flatten)]
    pub(crate) guidance: Guidance,
}

/// What only chats have.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct Chat {
    #[schema(min_items = 1)]
    pub(crate) messages: Vec<Message>,
    /// The longest answer in tokens; the model's own limit where absent, -1 for as long as the context lasts.
    #[schema(minimum = -1)]
    max_completion_tokens: Option<i64>,
    /// The older name of `max_completion_tokens`.
    #[schema(minimum = -1)]
    pub(crate) max_tokens: Option<i64>,
    /// The same in llama-server's words.
    #[schema(minimum = -1)]
    n_predict: Option<i64>,
    /// Log-probabilities of the answer's tokens.
    logprobs: Option<bool>,
    /// With so many alternatives.
    #[schema(minimum = 0, maximum = 100)]
    top_logprobs: Option<usize>,
    /// Variables of the template, such as `enable_thinking`.
    #[schema(value_type = Option<Object>)]
    pub(crate) chat_template_kwargs: Option<Map<String, Value>>,
    /// End the prompt with the header of an answer (true where absent).
    pub(crate) add_generation_prompt: Option<bool>,
    /// The last message, which is the assistant's, is the beginning of the answer.
    pub(crate) continue_final_message: Option<bool>,
    /// Put the token before the prompt that the model expects, if the template has not (true where absent).
    pub(crate) add_special_tokens: Option<bool>,
}

impl Wire for ChatRequest {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ApiError> {
        let read = Self {
            sampling: fields.take()?,
            chat: fields.take()?,
            tools: fields.take()?,
            thinking: fields.take()?,
            guidance: fields.take()?,
        };
        fields.leave(read.tools.unread());
        Ok(read)
    }
}

impl Chat {
    /// The longest answer that is asked for: the first of its names that is given.
    ///
    /// # Errors
    /// A negative number that has no meaning.
    pub(crate) fn max_tokens(&self) -> Result<Option<usize>, ApiError> {
        let names = [
            ("max_completion_tokens", self.max_completion_tokens),
            ("max_tokens", self.max_tokens),
            ("n_predict", self.n_predict),
        ];
        let given = names.into_iter().find(|(_, value)| value.is_some());
        given.map_or(Ok(None), |(param, value)| token_limit(param, value))
    }

    /// How many alternatives, if log-probabilities are wanted.
    ///
    /// # Errors
    /// Alternatives without log-probabilities.
    pub(crate) fn logprobs_wanted(&self) -> Result<Option<usize>, ApiError> {
        match (self.logprobs.unwrap_or(false), self.top_logprobs) {
            (true, top) => Ok(Some(top.unwrap_or(0))),
            (false, None | Some(0)) => Ok(None),
            (false, Some(_)) => Err(ApiError::bad("top_logprobs needs `logprobs: true`").param("top_logprobs")),
        }
    }
}

/// Tokens of a prompt.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InputTokens {
    pub(crate) input_tokens: usize,
}

/// A whole answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatCompletion {
    pub(crate) id: String,
    pub(crate) object: &'static str,
    /// Seconds since 1970.
    pub(crate) created: u64,
    pub(crate) model: String,
    pub(crate) choices: Vec<ChatChoice>,
    pub(crate) usage: Usage,
    pub(crate) system_fingerprint: String,
    /// Of the first choice, as llama-server tells them.
    pub(crate) timings: SpokenTimings,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatChoice {
    pub(crate) index: usize,
    pub(crate) message: AnswerMessage,
    pub(crate) logprobs: Option<ChatLogprobs>,
    /// `stop`, `length` or `tool_calls`.
    pub(crate) finish_reason: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AnswerMessage {
    pub(crate) role: &'static str,
    /// Null where there are only calls.
    pub(crate) content: Option<String>,
    /// What the model thought before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) tool_calls: Vec<ToolCall>,
    /// Always null.
    pub(crate) refusal: Option<String>,
}

/// A call of a function.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ToolCall {
    pub(crate) id: String,
    pub(crate) r#type: &'static str,
    pub(crate) function: CalledFunction,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct CalledFunction {
    pub(crate) name: String,
    /// The text of a JSON object.
    pub(crate) arguments: String,
}

/// A piece of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatChunk {
    pub(crate) id: String,
    pub(crate) object: &'static str,
    pub(crate) created: u64,
    pub(crate) model: String,
    pub(crate) choices: Vec<ChunkChoice>,
    pub(crate) system_fingerprint: String,
    /// Null but in the last piece, and absent unless asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<Option<Usage>>,
    /// With the usage, and in every piece if that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timings: Option<SpokenTimings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prompt_progress: Option<Progress>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChunkChoice {
    pub(crate) index: usize,
    pub(crate) delta: DeltaMessage,
    pub(crate) logprobs: Option<ChatLogprobs>,
    pub(crate) finish_reason: Option<&'static str>,
}

#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct DeltaMessage {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<&'static str>,
    /// Null in the first piece, which says who speaks and nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) content: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) tool_calls: Vec<DeltaCall>,
}

/// A piece of a call: who is called comes first, then the arguments bit by bit.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct DeltaCall {
    pub(crate) index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) r#type: Option<&'static str>,
    pub(crate) function: DeltaFunction,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct DeltaFunction {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) arguments: String,
}
