//! What is learnt from: records, tokens with a loss mask, shards of them, and which rows make which step.

#![forbid(unsafe_code)]

pub mod examples;
mod hash;
pub mod records;
