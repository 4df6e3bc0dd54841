//! What tests share: golden files, fixtures, deterministic tiny models (dev-dependency only).

#![forbid(unsafe_code)]

pub mod byte_level;
mod fixtures;
pub mod gguf;
pub mod golden;
pub mod loopback_hub;
pub mod stored;
pub mod stories260k;
pub mod tiny;

pub use fixtures::{fixtures, repository, testdata};
