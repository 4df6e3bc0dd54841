//! What can be wrong with a request, or go wrong under it.

use crate::mask::MaskError;
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
    /// The prompt leaves no room for an answer. Clients know this error by its words: "prompt is too long" (OpenAI's and Anthropic's),
    /// "exceeds the available context size" and "too large" (llama-server's).
    #[error(
        "the prompt is too long: it has {prompt} tokens, which exceeds the available context size of {context} tokens \
         and is too large to answer; shorten it{}",
        more_room(*context, *model)
    )]
    PromptTooLong {
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens of the context.
        context: usize,
        /// Tokens that the model was made for at most.
        model: usize,
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
    /// No token is left to choose: bias and mask make each impossible.
    #[error("no token is allowed after position {position}: the logit bias or the mask rules out all of them")]
    NothingAllowed {
        /// Position whose successor was to be chosen.
        position: usize,
    },
    /// The rules of a mask cannot go on.
    #[error("the constraint on the answer failed: {0}")]
    Mask(#[from] MaskError),
    /// No answer was asked for, or more than there may be.
    #[error("{choices} choices were asked for; it must be between 1 and {limit}")]
    Choices {
        /// Asked for.
        choices: usize,
        /// Allowed.
        limit: usize,
    },
    /// The adapter is not one for the engine's model.
    #[error("the adapter was loaded for another model")]
    ForeignAdapter,
    /// The queue is full; the request may be tried again later.
    #[error("{waiting} requests are waiting already, and the limit is {limit}; try again later")]
    QueueFull {
        /// Requests that wait.
        waiting: usize,
        /// How many may.
        limit: usize,
    },
    /// The model that guesses has other tokens.
    #[error("the draft model has a vocabulary of {draft} and the model one of {target}; they must share one tokenizer")]
    DraftVocabulary {
        /// V of the draft model.
        draft: usize,
        /// V of the model.
        target: usize,
    },
    /// A budget of memory is too small.
    #[error("weights, buffers and the smallest cache need {needed} bytes, but the budget is {memory} bytes")]
    OverBudget {
        /// Bytes needed.
        needed: usize,
        /// Bytes allowed.
        memory: usize,
    },
    /// The model's heads cannot be kept in this type.
    #[error("a {dtype} cache needs heads of whole blocks of 32, and those of this model have {head_dim} elements")]
    CacheType {
        /// The type.
        dtype: &'static str,
        /// D.
        head_dim: usize,
    },
    /// The system has no address space for the key/value cache.
    #[error("this system has no memory for a key/value cache of {tokens} tokens; ask for a smaller one")]
    NoMemory {
        /// Tokens asked for.
        tokens: usize,
    },
    /// The key/value cache of an engine holds nothing.
    #[error("a key/value cache of {tokens} tokens is less than one block of {block_tokens}")]
    NoCache {
        /// Tokens asked for.
        tokens: usize,
        /// Tokens of a block.
        block_tokens: usize,
    },
    /// The thread that ran the engine is gone.
    #[error("the engine has stopped")]
    Stopped,
    /// The system gives no thread to the engine.
    #[error("cannot start the engine's thread: {0}")]
    Thread(std::io::Error),
    /// The model file changed under us.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// What else would help against a context that is too small.
fn more_room(context: usize, model: usize) -> String {
    if context < model { format!(" or raise the context (--ctx, up to {model})") } else { String::new() }
}
