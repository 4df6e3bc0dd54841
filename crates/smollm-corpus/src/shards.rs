//! Shards: tokenised documents in a file, read anywhere without reading what stands before. `docs/shards.md` has the bytes.

mod blocks;
mod error;
mod layout;
mod positioned;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use error::ShardError;
pub use reader::Shard;
pub use writer::ShardWriter;

use crate::records::Unit;

/// Where a document comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file, as it was called when it was read.
    pub file: String,
    /// Line or row, from 1.
    pub number: u64,
    /// Which of the two.
    pub unit: Unit,
    /// The hash of the record ([`crate::records::Record::hash`]).
    pub hash: u64,
}

/// What all documents of a shard have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardKind {
    /// Every id is less.
    pub vocabulary: u32,
    /// Whether two documents that follow each other are a preference pair, the preferred one first.
    pub pairs: bool,
}
