//! What tests share: golden files, fixtures, deterministic tiny models (dev-dependency only).

#![forbid(unsafe_code)]

mod fixtures;

pub use fixtures::{fixtures, repository, testdata};
