//! The facade over the whole system, and the `smollm` binary.
//!
//! Load a model and let it go on with a text:
//!
//! ```
//! use smollm::{GenerateOptions, Model, Prompt};
//! use std::ops::ControlFlow;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let name = "smollm2:135m"; // or a directory, a .gguf file, a hub id
//! # let folder = tempfile::tempdir()?;
//! # let golden = smollm_testkit::golden::logits_golden("gqa-9-3");
//! # let weights = smollm_testkit::tiny::weights(&golden.config);
//! # smollm_testkit::stored::write_model(folder.path(), &golden.config, &weights, smollm_testkit::stored::Stored::F32)?;
//! # smollm_testkit::byte_level::write_tokenizer(folder.path(), 256, false)?;
//! # assert!(matches!(smollm_hub::ModelRef::parse(name)?, smollm_hub::ModelRef::Hub { .. }));
//! # let name = folder.path().to_str().ok_or("a path that is text")?;
//! let model = Model::open(name)?;
//! let options = GenerateOptions { max_tokens: Some(32), ..GenerateOptions::default() };
//! let prompt = Prompt::Text("once upon a time".into());
//! let answer = model.generate(&mut model.session(), &prompt, &options, &mut |text| {
//!     print!("{text}");
//!     ControlFlow::Continue(())
//! })?;
//! println!(" ({} tokens, {})", answer.tokens.len(), answer.end.finish_reason());
//! # assert!(answer.tokens.len() <= 32 && !answer.text.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! [`ChatSession`] holds a conversation, [`agent::Agent`] one whose model calls tools, [`Session::score`] gives log-probabilities,
//! [`convert()`] and [`init()`] write checkpoints, [`train::run::begin`] trains by a recipe. `examples/` has programs to begin with. Every failure is an [`Error`] whose message is one line that says what is wrong and where.

#![forbid(unsafe_code)]

pub mod agent;
mod bench;
mod built_in;
mod chat;
mod convert;
mod defaults;
pub mod demo;
mod error;
mod eval_quant;
mod files;
mod gguf_file;
mod gguf_vocab;
mod importance;
mod info;
mod init;
mod merge;
mod model;
mod outputs;
mod plan;
mod quantize;
mod serve;
pub mod terminal;
mod text;
mod text_parts;
mod tokenizer;
mod tokenizer_files;
pub mod tool_schema;
pub mod train;
pub mod verify;
pub mod writing;

pub use bench::{BenchModel, BenchOptions, BenchReport, BenchResult, Machine, Spread, bench};
pub use built_in::BUILT_IN;
pub use chat::ChatSession;
pub use convert::convert;
pub use defaults::Defaults;
pub use error::Error;
pub use eval_quant::compare;
pub use files::ModelFiles;
pub use importance::{IMATRIX_CHUNK, imatrix};
pub use info::{Damage, DtypeShare, Info};
pub use init::{InitOptions, init};
pub use merge::{MergeOptions, Share, average, merge_adapters};
pub use model::{DEFAULT_CONTEXT_LIMIT, Model, OpenOptions, local_files};
pub use outputs::write_small_files;
pub use plan::Plan;
pub use quantize::{QuantizeOptions, quantize};
pub use serve::{ServeOptions, sources};
pub use smollm_engine::{
    Comparison, Engine, EngineOptions, Event, Request, SamplingParams, Score, Session, Submission, Timings, Token,
    Windows,
};
pub use smollm_hub::Silent;
pub use smollm_model::{Mix, Storage, parameter_count};
pub use text::{Answer, End, GenerateOptions, Prompt};
pub use text_parts::{TextParts, special_tokens};
pub use tokenizer::{Stage, TextFile, TokenRoles, TokenizerOptions, evaluate_tokenizers, train_tokenizer};
