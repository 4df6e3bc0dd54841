//! What is asked of a model and what it answers, whether one sequence runs or many.

use crate::mask::TokenMask;
use crate::pooling::Pooling;
use crate::sampling::SamplingParams;
use smollm_model::LoraWeights;
use std::sync::Arc;

/// How a prompt is to be continued.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// At most this many tokens are generated; the context's end is a limit in any case.
    pub max_tokens: Option<usize>,
    /// Tokens that end the answer; they are not part of it.
    pub stop_ids: Vec<u32>,
    /// Log-probabilities of each token and of this many likeliest alternatives.
    pub logprobs: Option<usize>,
    /// How tokens are chosen.
    pub sampling: SamplingParams,
}

/// A prompt for the engine, and all that is asked of it.
#[derive(Debug)]
pub struct Submission {
    /// Token ids, at least one.
    pub prompt: Vec<u32>,
    /// How it is continued.
    pub request: Request,
    /// How many independent answers; choice `i` is drawn with the seed [`choice_seed`]`(seed, i)`.
    pub choices: usize,
    /// Log-probabilities of the prompt's own tokens and of this many likeliest alternatives ([`Event::PromptTokens`]).
    pub prompt_logprobs: Option<usize>,
    /// Instead of an answer, a vector of the prompt ([`Event::Embedding`]); `request` is then of no account, and there is one choice.
    pub pooling: Option<Pooling>,
    /// What tokens the answers may take.
    pub mask: Option<Box<dyn TokenMask>>,
    /// A LoRA adapter of the engine's model to answer with. The request keeps it: whoever loaded it may let go of it.
    pub adapter: Option<Arc<LoraWeights>>,
    /// Whether keys and values that other requests left behind may be used; the answer is the same.
    pub reuse: bool,
}

impl Submission {
    /// One answer to `prompt`, with nothing else asked.
    pub fn new(prompt: Vec<u32>, request: Request) -> Self {
        Self {
            prompt,
            request,
            choices: 1,
            prompt_logprobs: None,
            pooling: None,
            mask: None,
            adapter: None,
            reuse: true,
        }
    }
}

/// The seed of choice `choice` of a request with `seed`: choice 0 is the answer that a request for one gets.
pub fn choice_seed(seed: u64, choice: usize) -> u64 {
    seed.wrapping_add((choice as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)) // 2^64 / golden ratio: neighbours stay apart
}

/// A request of an engine, unique in its lifetime and ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(crate) u64);

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One token with what was asked about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Its id.
    pub id: u32,
    /// ln of its probability under the model itself, before penalties, bias, masks, temperature and filters; only if asked for.
    pub logprob: Option<f32>,
    /// The likeliest tokens with their log-probabilities, likeliest first; only if asked for.
    pub top: Vec<(u32, f32)>,
}

/// What a request of the engine gives, in order. It ends with `Failed`, or with the `Finished` of its last choice.
#[derive(Debug)]
pub enum Event {
    /// `done` of `total` prompt tokens are in the cache.
    Prefill {
        /// Were there before, left behind by others.
        cached: usize,
        /// In the cache so far.
        done: usize,
        /// Tokens of the prompt.
        total: usize,
    },
    /// The next prompt tokens with their log-probabilities, if they were asked for: all but the first, which has nothing before
    /// it, in one or more portions.
    PromptTokens(Vec<Token>),
    /// The vector of the prompt, C numbers, if it was asked for.
    Embedding(Vec<f32>),
    /// A token was chosen.
    Token {
        /// Which of the answers.
        choice: usize,
        /// What was chosen.
        token: Token,
    },
    /// An answer is complete.
    Finished {
        /// Which of the answers.
        choice: usize,
        /// Why.
        reason: FinishReason,
        /// How long it took.
        timings: Timings,
    },
    /// The request cannot be answered further; nothing follows, for any choice.
    Failed(crate::EngineError),
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model chose this stop token.
    Stop(u32),
    /// Its mask lets nothing follow, or a limit came where it might have ended.
    Complete,
    /// `max_tokens` were generated.
    Length,
    /// The context is full.
    ContextFull,
    /// The caller asked to stop.
    Cancelled,
}

/// How long a request took, by part.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timings {
    /// Seconds before its prompt was begun.
    pub queued_s: f64,
    /// Prompt tokens that were in the cache already.
    pub cached_tokens: usize,
    /// Prompt tokens computed.
    pub prefill_tokens: usize,
    /// Seconds from the beginning of the prompt until the first token was chosen.
    pub prefill_s: f64,
    /// Tokens chosen after the first.
    pub decode_tokens: usize,
    /// Seconds of those.
    pub decode_s: f64,
}
