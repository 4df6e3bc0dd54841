//! Ids in, ids out: sampling, the generation loop of one sequence, and continuous batching of many.
//!
//! Synchronous and without text: a prompt is token ids, an answer is token ids. One [`Session`] holds one sequence's K/V
//! cache and reuses whatever prefix of the next prompt is already in it. An [`Engine`] answers many requests at once.

#![forbid(unsafe_code)]

mod answer;
mod compare;
mod draft;
mod engine;
mod error;
mod filter;
mod generate;
mod mask;
mod pooling;
mod request;
mod rng;
mod sampler;
mod sampling;
mod score;
mod session;

pub use compare::{Comparison, compare};
pub use draft::{Drafter, Guess, ModelDrafter, PromptLookup};
pub use engine::{Engine, EngineHandle, EngineOptions, EngineStats, EventSink, ExpectedWait, Limits, MemoryPlan};
pub use error::EngineError;
pub use generate::{Generation, Progress};
pub use mask::{Ending, MaskError, MaskTiming, TokenMask, TokenSet, WORTH_AN_ERRAND};
pub use pooling::Pooling;
pub use request::{Event, FinishReason, Request, RequestId, Submission, Timings, Token, choice_seed};
pub use rng::random_seed;
pub use sampler::Sampler;
pub use sampling::{SamplingError, SamplingParams};
pub use score::{Score, Windows};
pub use session::{Session, SessionOptions};
