//! Why a record could not be read. Every message is one line.

use super::Place;
use std::path::PathBuf;

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file could not be read.
    #[error("{}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file as a whole is not what it should be.
    #[error("{}: {problem}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// One record is wrong.
    #[error("{place}: {problem}")]
    Record {
        /// Where it stands.
        place: Place,
        /// What is wrong with it.
        problem: String,
    },
}

/// At most 200 characters of `text`, on one line.
pub(crate) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
