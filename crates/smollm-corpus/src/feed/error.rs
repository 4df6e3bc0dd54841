//! Why there are no rows. Every message is one line.

use crate::mixture::MixtureError;
use crate::packing::PackError;
use crate::shards::ShardError;
use std::path::PathBuf;

/// Why there are no rows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// A data set cannot be read or is damaged.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// The stages do not fit the sources.
    #[error(transparent)]
    Mixture(#[from] MixtureError),
    /// A data set's documents do not fit rows.
    #[error("{}: {source}", folder.display())]
    Pack {
        /// The data set.
        folder: PathBuf,
        /// What does not fit.
        source: PackError,
    },
    /// A data set, or the part of it that is asked for, has nothing to learn.
    #[error("{}: not a single row comes of this data set or of this part of it", folder.display())]
    Empty {
        /// The data set.
        folder: PathBuf,
    },
    /// Data sets that do not go together.
    #[error("{} and {} have different vocabularies, or one has preference pairs and the other has not", one.display(), other.display())]
    Kinds {
        /// The first data set.
        one: PathBuf,
        /// Another one.
        other: PathBuf,
    },
    /// More documents than are numbered, or longer ones.
    #[error("{}: more than 4,294,967,295 documents, or one with more tokens than that", folder.display())]
    TooLarge {
        /// The data set.
        folder: PathBuf,
    },
    /// A share that is none.
    #[error("a validation share of {share} is not within 0 and 1")]
    Share {
        /// What was asked for.
        share: f64,
    },
    /// A span of another feed.
    #[error("there is no source {source_number}: there are {sources}")]
    NoSource {
        /// What was asked for.
        source_number: usize,
        /// How many there are.
        sources: usize,
    },
}
