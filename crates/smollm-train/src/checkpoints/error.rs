//! Why a state is not written or not read. Every message is one line.

use smollm_checkpoint::CheckpointError;
use std::path::{Path, PathBuf};

/// Why a state is not written or not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The file system refuses.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// Of which file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Its reason.
        source: std::io::Error,
    },
    /// A file of tensors cannot be written or read.
    #[error(transparent)]
    Tensors(#[from] CheckpointError),
    /// `state.json` is not what it should be.
    #[error("{}: {problem}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A file is not the one that was written.
    #[error("{}: its checksum is {found:08x} in place of {expected:08x}: it was damaged or cut short", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: u32,
        /// What it is.
        found: u32,
    },
    /// Not one state is whole.
    #[error(
        "{}: no checkpoint is whole ({}); to begin anew, remove that folder",
        folder.display(),
        torn.iter().map(|(_, error)| error.to_string()).collect::<Vec<_>>().join("; ")
    )]
    AllTorn {
        /// The folder of all.
        folder: PathBuf,
        /// Each with its reason, the newest first.
        torn: Vec<(PathBuf, SaveError)>,
    },
    /// The tensors are not those that are learnt.
    #[error("{}: {problem}; it belongs to another model or recipe", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What differs first.
        problem: String,
    },
}

impl SaveError {
    pub(crate) fn io(path: &Path, action: &'static str, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), action, source }
    }

    /// Whether a state is damaged, so that an older one may serve; else something is wrong with how it is used.
    pub fn is_torn(&self) -> bool {
        match self {
            Self::Io { source: error, .. } | Self::Tensors(CheckpointError::Io { error, .. }) => {
                error.kind() == std::io::ErrorKind::NotFound
            }
            Self::Tensors(_) | Self::State { .. } | Self::Checksum { .. } => true,
            Self::AllTorn { .. } | Self::Other { .. } => false,
        }
    }
}
