//! What `/completion` reads and writes.

use crate::ask::Sampling;
use crate::body::{Fields, Wire};
use crate::error::ApiError;
use crate::guidance::Guidance;
use crate::native::parameters::Parameters;
use crate::native::timings::{Progress, SpokenTimings};
use crate::openai::logprobs::ChatToken;
use crate::prompts::Prompts;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Prompts to continue. (The attributes are for the document; fields are taken part by part, so that unknown ones show.)
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NativeRequest {
    #[serde(flatten)]
    pub(crate) sampling: Sampling,
    #[serde(flatten)]
    pub(crate) native: Native,
    #[serde(flatten)]
    pub(crate) guidance: Guidance,
}

/// What only llama-server has.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct Native {
    pub(crate) prompt: Prompts,
    /// The longest answer in tokens; the model's own limit where absent, -1 and -2 for as long as the context lasts.
    #[schema(minimum = -2)]
    n_predict: Option<i64>,
    /// Another name for `n_predict`, which goes first.
    #[schema(minimum = -2)]
    max_tokens: Option<i64>,
    /// Log-probabilities of the answer's tokens, and of so many of the likeliest; 0 is none.
    #[schema(minimum = 0, maximum = 100)]
    pub(crate) n_probs: Option<usize>,
    /// Give the ids of the answer, too.
    pub(crate) return_tokens: Option<bool>,
    /// Give these fields alone; `a/b` is the field `b` in `a`.
    pub(crate) response_fields: Option<Vec<String>>,
}

impl Wire for NativeRequest {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ApiError> {
        Ok(Self { sampling: fields.take()?, native: fields.take()?, guidance: fields.take()? })
    }
}

impl Native {
    /// The longest answer that is asked for.
    ///
    /// # Errors
    /// A negative number that has no meaning.
    pub(super) fn max_tokens(&self) -> Result<Option<usize>, ApiError> {
        match self.n_predict.or(self.max_tokens) {
            None => Ok(None),
            Some(-2 | -1) => Ok(Some(usize::MAX)),
            Some(max) => usize::try_from(max).map(Some).map_err(|_| {
                let message = format!("n_predict is {max}; it must be 0 or more, or -1 for no limit");
                ApiError::bad(message).param("n_predict")
            }),
        }
    }
}

/// A whole answer, or the last piece of one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NativeAnswer {
    /// Which of the answers.
    pub(crate) index: usize,
    /// Empty in a stream, whose pieces had it.
    pub(crate) content: String,
    /// Ids of the answer, if asked for.
    pub(crate) tokens: Vec<u32>,
    /// -1: there are no slots to choose from.
    pub(crate) id_slot: i32,
    pub(crate) stop: bool,
    pub(crate) model: String,
    /// Tokens of the answer.
    pub(crate) tokens_predicted: usize,
    /// Tokens of the prompt.
    pub(crate) tokens_evaluated: usize,
    pub(crate) generation_settings: Parameters,
    /// The prompt, special tokens included.
    pub(crate) prompt: String,
    pub(crate) has_new_line: bool,
    /// Whether the context's end cut the answer off.
    pub(crate) truncated: bool,
    /// `eos`, `word` (a stop string) or `limit`.
    pub(crate) stop_type: &'static str,
    /// The stop string.
    pub(crate) stopping_word: String,
    /// Tokens of prompt and answer in the cache.
    pub(crate) tokens_cached: usize,
    pub(crate) timings: SpokenTimings,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) completion_probabilities: Option<Vec<ChatToken>>,
}

/// A piece of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NativePiece {
    pub(crate) index: usize,
    pub(crate) content: String,
    /// The tokens that begin in this piece.
    pub(crate) tokens: Vec<u32>,
    pub(crate) stop: bool,
    pub(crate) id_slot: i32,
    pub(crate) tokens_predicted: usize,
    pub(crate) tokens_evaluated: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timings: Option<SpokenTimings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prompt_progress: Option<Progress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) completion_probabilities: Option<Vec<ChatToken>>,
}

/// What an event of a stream holds.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum NativeEvent {
    Piece(NativePiece),
    /// The end of an answer.
    Last(Box<NativeAnswer>),
    /// The fields of it that `response_fields` names.
    Fields(Map<String, Value>),
}

/// Everything that is answered at once: an answer, several, or the chosen fields of them.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum NativeCompletion {
    One(Box<NativeAnswer>),
    Several(Vec<NativeAnswer>),
    Fields(Map<String, Value>),
    SeveralFields(Vec<Map<String, Value>>),
}

impl PartialSchema for NativeCompletion {
    fn schema() -> RefOr<Schema> {
        let answer = Ref::from_schema_name("NativeAnswer");
        let several = ArrayBuilder::new().items(answer.clone());
        let fields = ObjectBuilder::new().description(Some("The fields that `response_fields` names"));
        RefOr::T(Schema::AnyOf(AnyOfBuilder::new().item(answer).item(several).item(fields).build()))
    }
}

impl ToSchema for NativeCompletion {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push(("NativeAnswer".into(), NativeAnswer::schema()));
        NativeAnswer::schemas(schemas);
    }
}
