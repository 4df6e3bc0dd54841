//! What tests share: golden files, fixtures, deterministic tiny models (dev-dependency only).

#![forbid(unsafe_code)]

mod fixtures;
pub mod loopback_hub;

pub use fixtures::{fixtures, repository, testdata};
