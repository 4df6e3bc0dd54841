//! Locks between processes, the same files and the same system call as `huggingface_hub`'s `WeakFileLock`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// A held lock; dropping it releases it. The file stays: unlinking a locked file would split the waiters.
pub(crate) struct FileLock {
    _file: File,
}

/// What an attempt found.
pub(crate) enum Attempt {
    Held(FileLock),
    /// Another process (or thread) holds it.
    Busy,
    /// This file system has no locks.
    Unsupported,
}

impl FileLock {
    /// Tries once.
    pub(crate) fn attempt(path: &Path) -> io::Result<Attempt> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            // A lock on a file that somebody removed in between guards no name; the caller tries again.
            Ok(()) if is_unlinked(&file)? => Ok(Attempt::Busy),
            Ok(()) => Ok(Attempt::Held(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(Attempt::Busy),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(Attempt::Unsupported),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(unix)]
fn is_unlinked(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(file.metadata()?.nlink() == 0)
}

#[cfg(not(unix))]
fn is_unlinked(_: &File) -> io::Result<bool> {
    // An open file cannot be unlinked there.
    Ok(false)
}
