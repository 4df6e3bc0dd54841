//! Bytes on disk to validated, named, typed tensors and back: safetensors, GGUF, adapters.
//!
//! A [`Checkpoint`] is opened once, checked whole at the door, and then is a set of named [`Tensor`]s whose bytes lie in the
//! mapped files; after that only a name that is not there can fail. What a tensor *means* is somebody else's matter.
//! The parsers ([`safetensors::parse_header`], [`safetensors::parse_index`], [`gguf::parse`], [`adapter::AdapterConfig::parse`])
//! are pure functions of byte slices: no panic, and no allocation that the length of the slice does not justify.

#![deny(unsafe_code)]

pub mod adapter;
mod checkpoint;
mod digest;
mod error;
pub mod gguf;
pub mod imatrix;
mod json;
mod mmap;
mod progress;
mod replace_file;
pub mod safetensors;
mod sniff;
mod tensor;

pub use checkpoint::Checkpoint;
pub use error::CheckpointError;
pub use progress::Progress;
pub use tensor::{OtherTensor, Tensor, TensorSpec};
