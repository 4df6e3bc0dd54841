//! The safetensors format: one JSON header, then the bytes of every tensor; whole models of one file or many shards.
//!
//! A file is eight bytes of header length (little endian), that many bytes of JSON (`{name: {dtype, shape, data_offsets}}`,
//! padded with spaces), and the data, which the offsets must cover without gap or overlap
//! (<https://github.com/huggingface/safetensors#format>). A model of several files has a `model.safetensors.index.json`
//! whose `weight_map` says which shard holds which tensor.
//!
//! Why not the `safetensors` crate: its errors name no offset and often no tensor ("invalid shape, data type, or offset"),
//! it keeps the last of two equal keys without a word, and an unknown dtype is a parse error of the whole header. The rules
//! checked here are the same, and what [`write()`] writes is byte for byte what that crate (and so Python's `save_file`)
//! writes for the same tensors.

mod header;
mod shards;
mod write;

#[cfg(test)]
mod tests;

pub use header::{Header, HeaderError, StoredDtype, TensorEntry, parse_header};
pub use shards::{IndexError, parse_index};
pub use write::{write, write_tensors};

pub(crate) use shards::open;
