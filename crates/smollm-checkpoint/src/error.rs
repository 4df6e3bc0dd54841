//! What can be wrong with a checkpoint on disk, in one line that names the file, the place and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::adapter::AdapterError;
use crate::gguf::{GgufError, GgufKeyError};
use crate::imatrix::ImatrixError;
use crate::safetensors::{HeaderError, IndexError};

/// Anything that keeps a checkpoint from being opened, read or written.
///
/// Every message is one line, whatever stands in the file: names are quoted, escaped and shortened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The operating system refused an operation on a file.
    #[error("{}: cannot {action}: {error}", OneLine(file))]
    Io {
        /// The file the operation was for.
        file: PathBuf,
        /// What was attempted, as a verb phrase ("open", "write").
        action: &'static str,
        /// The operating system's answer.
        error: std::io::Error,
    },
    /// The path is there, but it cannot be a checkpoint.
    #[error("{}: {problem}", OneLine(path))]
    NotACheckpoint {
        /// The path that was given.
        path: PathBuf,
        /// What is there instead, and what was expected.
        problem: String,
    },
    /// A safetensors file breaks the format.
    #[error("{}: {error}", OneLine(file))]
    Safetensors {
        /// The file.
        file: PathBuf,
        /// The broken rule.
        error: HeaderError,
    },
    /// `model.safetensors.index.json` breaks its format or does not fit the shards beside it.
    #[error("{}: {error}", OneLine(file))]
    Index {
        /// The index file.
        file: PathBuf,
        /// The broken rule.
        error: IndexError,
    },
    /// A GGUF file breaks the format.
    #[error("{}: {error}", OneLine(file))]
    Gguf {
        /// The file.
        file: PathBuf,
        /// The broken rule.
        error: GgufError,
    },
    /// A GGUF metadata key is missing or holds something else than asked for.
    #[error("{}: {error}", OneLine(file))]
    GgufKey {
        /// The file.
        file: PathBuf,
        /// The key and what is wrong with it.
        error: GgufKeyError,
    },
    /// A PEFT adapter is broken or asks for something that is not supported.
    #[error("{}: {error}", OneLine(file))]
    Adapter {
        /// `adapter_config.json` or the weights file.
        file: PathBuf,
        /// The field or tensor and what is wrong with it.
        error: AdapterError,
    },
    /// An importance matrix is broken, or is none.
    #[error("{}: {error}", OneLine(file))]
    Imatrix {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        error: ImatrixError,
    },
    /// Two tensors of one checkpoint have the same name.
    #[error("tensor {} is in both {} and {}", quote(name), OneLine(first), OneLine(second))]
    DuplicateTensor {
        /// The name.
        name: String,
        /// The file that has it first.
        first: PathBuf,
        /// The file that has it again.
        second: PathBuf,
    },
    /// A tensor was asked for that the checkpoint does not have.
    #[error("{}: tensor {} is missing ({count} tensors are there)", OneLine(file), quote(name))]
    MissingTensor {
        /// The checkpoint (its first file).
        file: PathBuf,
        /// The name asked for.
        name: String,
        /// How many tensors the checkpoint has.
        count: usize,
    },
    /// A tensor was asked for as a weight, but its element type is not one a weight may have.
    #[error("{}: tensor {} has type {dtype}, which cannot be used as a weight", OneLine(file), quote(name))]
    UnsupportedDtype {
        /// The file that holds the tensor.
        file: PathBuf,
        /// The tensor.
        name: String,
        /// The name of its type in the container's words.
        dtype: &'static str,
    },
    /// A tensor's bytes do not fit its type and shape (tensors built in memory or being written).
    #[error("{}: tensor {} of type {dtype} and shape {shape:?} {problem}", OneLine(file), quote(name))]
    BadTensor {
        /// The file being written, or `(in memory)`.
        file: PathBuf,
        /// The tensor.
        name: String,
        /// The name of its type.
        dtype: &'static str,
        /// Its shape, rows first.
        shape: Vec<usize>,
        /// What is wrong, continuing the sentence.
        problem: String,
    },
    /// A mapped file is no longer what was opened.
    #[error("{}: {change} while in use; restore the file and run again", OneLine(file))]
    ChangedWhileMapped {
        /// The file.
        file: PathBuf,
        /// What was seen ("was truncated from 10 to 5 bytes").
        change: String,
    },
    /// Something given to a writer cannot be represented in the format.
    #[error("{}: cannot write {what}: {problem}", OneLine(file))]
    CannotWrite {
        /// The file that was to be written.
        file: PathBuf,
        /// The tensor or key, already quoted.
        what: String,
        /// Why not.
        problem: String,
    },
}

impl CheckpointError {
    pub(crate) fn io(file: &Path, action: &'static str, error: std::io::Error) -> Self {
        Self::Io { file: file.to_path_buf(), action, error }
    }

    pub(crate) fn not_a_checkpoint(path: &Path, problem: impl Into<String>) -> Self {
        Self::NotACheckpoint { path: path.to_path_buf(), problem: problem.into() }
    }
}

/// Longest name shown in a message, in characters; a hostile file may hold names of megabytes.
const SHOWN: usize = 120;

/// A name out of a file, fit for a one-line message: quoted, control characters escaped, shortened.
pub(crate) fn quote(name: &str) -> String {
    match name.char_indices().nth(SHOWN) {
        None => format!("{name:?}"),
        Some((cut, _)) => format!("{:?}... ({} bytes)", &name[..cut], name.len()),
    }
}

/// A path shown on one line: control characters are escaped, everything else is as the user typed it.
pub(crate) struct OneLine<'a>(pub(crate) &'a Path);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.to_string_lossy().chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}
