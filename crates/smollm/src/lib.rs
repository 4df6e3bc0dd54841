//! The facade over the whole system, and the `smollm` binary.

#![forbid(unsafe_code)]

mod bench;
mod chat;
mod convert;
mod defaults;
mod error;
mod files;
mod gguf_vocab;
mod info;
mod init;
mod model;
mod outputs;
pub mod terminal;
mod text;
mod text_parts;
mod tokenizer_files;

pub use bench::{BenchModel, BenchOptions, BenchReport, BenchResult, Machine, Spread, bench};
pub use chat::ChatSession;
pub use convert::convert;
pub use defaults::Defaults;
pub use error::Error;
pub use files::ModelFiles;
pub use info::{Damage, DtypeShare, Info};
pub use init::{InitOptions, init};
pub use model::{DEFAULT_CONTEXT_LIMIT, Model, OpenOptions, local_files};
pub use smollm_engine::{SamplingParams, Score, Session, Timings, Token, Windows};
pub use smollm_model::parameter_count;
pub use text::{Answer, End, GenerateOptions, Prompt};
pub use text_parts::TextParts;
