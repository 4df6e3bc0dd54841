//! Text to ids and back, training a vocabulary, messages to prompt, grammars to token masks, and what a model says to calls of tools.

#![forbid(unsafe_code)]

mod added;
mod byte_alphabet;
mod byte_bpe;
mod char_bpe;
mod classes;
pub mod constrain;
mod error;
pub mod eval;
mod gguf;
mod json;
mod merges;
mod offsets;
mod piece_cache;
mod pretokenize;
mod roles;
mod score_bpe;
mod score_merges;
pub mod stream;
pub mod template;
mod to_gguf;
mod to_json;
mod tokenizer;
pub mod tools;
pub mod train;
mod unicode_data;
mod vocab;

pub use error::TokenizerError;
pub use gguf::GgufVocab;
pub use tokenizer::{Specials, Tokenizer};
