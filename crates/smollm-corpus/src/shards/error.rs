//! Why a shard could not be read or written. Every message is one line.

use std::path::PathBuf;

/// Why a shard or a folder of them could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    /// The file could not be read.
    #[error("{}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file could not be written.
    #[error("{}: cannot be written: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are not those of a shard, or not any more.
    #[error("{}: byte {offset}: {problem}", file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        problem: String,
    },
    /// The folder is not a whole data set.
    #[error("{}: {problem}", path.display())]
    Dataset {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}
