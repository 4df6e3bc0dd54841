//! What is learnt from: records, tokens with a loss mask, shards of them, and which rows make which step.
//!
//! The way of a file: [`records`] reads it record by record, [`examples`] makes tokens of a record and tells which of them are learnt,
//! [`dataset`] keeps them in [`shards`]; [`prepare`] does all that. The way to a step: a [`feed`] puts documents into rows ([`packing`]), deals the rows of several data
//! sets ([`mixture`]), and gives the rows of any step as a batch.
//!
//! ```
//! use smollm_corpus::dataset::Dataset;
//! use smollm_corpus::examples::{ExampleOptions, Loss, OnLost};
//! use smollm_corpus::feed::{Feed, FeedOptions, Part, Source};
//! use smollm_corpus::mixture::Stage;
//! use smollm_corpus::packing::Packing;
//! use smollm_corpus::prepare::{Job, prepare};
//! use smollm_corpus::records::ReadOptions;
//! use smollm_tokenizer::template::local_time;
//! use smollm_tokenizer::{Specials, Tokenizer};
//! use std::ops::ControlFlow;
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let (file, out) = (folder.path().join("texts.jsonl"), folder.path().join("data"));
//! # std::fs::write(&file, "{\"text\": \"one two three\"}\n{\"text\": \"four five\"}\n")?;
//! # let json = smollm_testkit::byte_level::tokenizer_json(300).to_string();
//! # let tokenizer = Tokenizer::from_json(json.as_bytes(), "tokenizer.json")?;
//! let examples = ExampleOptions {
//!     loss: Loss::All,
//!     max_tokens: None,
//!     max_prompt: None,
//!     end_token: tokenizer.eos(),
//!     specials: Specials::Parse,
//!     on_lost: OnLost::Stop,
//!     variables: serde_json::Map::new(),
//!     now: local_time(),
//! };
//! let read = ReadOptions::default();
//! let job = Job { files: &[file], read, tokenizer: &tokenizer, template: None, examples, shard_tokens: 1 << 28 };
//! prepare(&job, &out, &mut |_| ControlFlow::Continue(()))?;
//!
//! let source = Source { dataset: Arc::new(Dataset::open(&out)?), part: Part::All };
//! let stages = vec![Stage { from_tokens: 0, weights: vec![1.0] }];
//! let options = FeedOptions { packing: Packing::BestFit, row_tokens: 2048, seed: 8, shuffle: true, stages };
//! let feed = Feed::new(&[source], &options)?;
//! let (step, rows) = (1_000_000, 4);
//! let batch = feed.batch(step * rows..(step + 1) * rows)?;
//! assert_eq!((batch.rows.len(), batch.sequences.len()), (4, 8));
//! assert_eq!(feed.origin(&batch.spans[0])?.number, batch.spans[0].document + 1);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod dataset;
pub mod examples;
pub mod feed;
mod hash;
pub mod mixture;
pub mod packing;
mod permutation;
pub mod prepare;
pub mod records;
pub mod shards;
