//! Ids in, ids out: sampling and the generation loop.
//!
//! Synchronous and without text: a prompt is token ids, an answer is token ids. One [`Session`] holds one sequence's K/V
//! cache and reuses whatever prefix of the next prompt is already in it.

#![forbid(unsafe_code)]

mod compare;
mod error;
mod filter;
mod generate;
mod rng;
mod sampler;
mod sampling;
mod score;
mod session;

pub use compare::{Comparison, compare};
pub use error::EngineError;
pub use generate::{Event, FinishReason, Generation, Request, Timings, Token};
pub use rng::random_seed;
pub use sampler::Sampler;
pub use sampling::{SamplingError, SamplingParams};
pub use score::{Score, Windows};
pub use session::{Session, SessionOptions};
