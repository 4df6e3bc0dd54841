//! What can be wrong with a request, or go wrong under it.

use crate::sampling::SamplingError;
use smollm_model::CheckpointError;

/// A request that cannot be answered; each message carries the numbers.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is nothing to continue.
    #[error("the prompt is empty; a model without a start token needs at least one token")]
    EmptyPrompt,
    /// An id the model has no embedding for.
    #[error("token id {id} at position {position} does not exist: the vocabulary has {vocab_size} entries")]
    TokenOutOfRange {
        /// Place in the prompt.
        position: usize,
        /// The id.
        id: u32,
        /// V.
        vocab_size: usize,
    },
    /// The prompt leaves no room for an answer.
    #[error("the prompt has {prompt} tokens, but the context holds {context}; shorten it or raise the context (--ctx)")]
    PromptTooLong {
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens of the context.
        context: usize,
    },
    /// A sampling parameter out of range.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    /// NaN or infinity came out of the model.
    #[error("the model gave no finite logits at position {position}; `smollm info --check` looks for damaged weights")]
    NotFinite {
        /// Position whose successor was to be predicted.
        position: usize,
    },
    /// The model file changed under us.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}
