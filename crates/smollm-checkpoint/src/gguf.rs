//! The GGUF format of llama.cpp: typed metadata, then aligned tensors; versions 2 and 3, single files and split models.
//!
//! A file is a header (magic, version, counts), the metadata, one record per tensor (name, dimensions, type, offset), and
//! the data, each tensor aligned (<https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>). Dimensions stand in the file
//! with the contiguous one first; here they are reversed into rows first.

mod cursor;
mod error;
mod metadata;
mod parse;
mod split;
mod types;
mod value;
mod write;

#[cfg(test)]
mod tests;

pub use error::{GgufError, GgufKeyError};
pub use metadata::{FromGguf, GgufMetadata};
pub use parse::{Gguf, GgufTensor, parse};
pub use types::{GgmlType, ggml_type, ggml_type_of};
pub use value::{GgufArray, GgufValue};
pub use write::{write, write_tensors};

pub(crate) use split::{open, read};

/// The first four bytes of every file.
const MAGIC: [u8; 4] = *b"GGUF";
/// Alignment of tensor data in bytes where the metadata does not say.
const DEFAULT_ALIGNMENT: u64 = 32;
/// The metadata key that says.
const ALIGNMENT_KEY: &str = "general.alignment";
/// Most dimensions a tensor has (`GGML_MAX_DIMS` in ggml.h).
const MOST_DIMENSIONS: usize = 4;
