//! What `/v1/completions` reads and writes.

use crate::ask::{Sampling, token_limit};
use crate::body::{Fields, Wire};
use crate::error::ApiError;
use crate::guidance::Guidance;
use crate::native::timings::{Progress, SpokenTimings};
use crate::openai::logprobs::Logprobs;
use crate::openai::usage::Usage;
use crate::prompts::Prompts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Prompts to continue. (The attributes are for the document; fields are taken part by part, so that unknown ones show.)
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CompletionRequest {
    #[serde(flatten)]
    pub(crate) sampling: Sampling,
    #[serde(flatten)]
    pub(crate) completion: Continuation,
    #[serde(flatten)]
    pub(crate) guidance: Guidance,
}

/// What only completions have.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct Continuation {
    pub(crate) prompt: Prompts,
    /// The longest answer in tokens, 16 where absent; -1 for as long as the context lasts.
    #[schema(minimum = -1)]
    max_tokens: Option<i64>,
    /// The same in llama-server's words.
    #[schema(minimum = -1)]
    n_predict: Option<i64>,
    /// Log-probabilities of the answer's tokens and of so many alternatives; with `echo` of the prompt's tokens too.
    #[schema(minimum = 0, maximum = 100)]
    pub(crate) logprobs: Option<usize>,
    /// Begin the answer with the prompt.
    pub(crate) echo: Option<bool>,
}

impl Wire for CompletionRequest {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ApiError> {
        Ok(Self { sampling: fields.take()?, completion: fields.take()?, guidance: fields.take()? })
    }
}

impl Continuation {
    /// The longest answer that is asked for.
    ///
    /// # Errors
    /// A negative number that has no meaning.
    pub(super) fn max_tokens(&self) -> Result<Option<usize>, ApiError> {
        match self.max_tokens {
            None => token_limit("n_predict", self.n_predict),
            given => token_limit("max_tokens", given),
        }
    }
}

/// A whole answer, or a piece of one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Completion {
    pub(crate) id: String,
    pub(crate) object: &'static str,
    /// Seconds since 1970.
    pub(crate) created: u64,
    pub(crate) model: String,
    /// Those of the first prompt, then those of the second, ...
    pub(crate) choices: Vec<CompletionChoice>,
    pub(crate) system_fingerprint: String,
    /// In a stream null but in the last piece, and absent unless asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<Option<Usage>>,
    /// Of the first choice, as llama-server tells them; in a stream with the usage, and in every piece if that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timings: Option<SpokenTimings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prompt_progress: Option<Progress>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CompletionChoice {
    pub(crate) index: usize,
    pub(crate) text: String,
    pub(crate) logprobs: Option<Logprobs>,
    /// `stop` or `length`; null in a piece that is not the last.
    pub(crate) finish_reason: Option<&'static str>,
}
