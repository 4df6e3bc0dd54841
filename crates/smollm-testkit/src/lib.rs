//! What tests share: golden files, fixtures, deterministic tiny models (dev-dependency only).

#![forbid(unsafe_code)]
