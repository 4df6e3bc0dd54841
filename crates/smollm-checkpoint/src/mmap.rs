//! Model files mapped into memory, with an answer to the one thing that can go wrong with that: the file changes.
//!
//! This module is the crate's only place for `unsafe`. A mapping is read as `&[u8]` for as long as a
//! [`Checkpoint`](crate::Checkpoint) lives, and nobody can stop another program from writing to the file meanwhile.
//! Two nets are stretched under it:
//!
//! - a page past a new, shorter end raises SIGBUS: the handler in `sigbus` says which file it was and ends the program;
//! - the rest of the last page, and bytes overwritten in place, change silently: [`Mapping::still_intact`] sees it in the
//!   file's size and modification time. A reader calls it before trusting what it computed.
//!
//! A file that is *replaced* by renaming another one over it is no fault: the mapping keeps the old file alive. That is
//! how the writers of this crate, and the hub's cache, replace files.

#![allow(unsafe_code)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use memmap2::Mmap;
use smollm_kernels::Bytes;

use crate::error::CheckpointError;

#[cfg(unix)]
mod sigbus;

#[cfg(test)]
mod tests;

/// One file, mapped read-only from its first to its last byte as they were when it was opened.
pub(crate) struct Mapping {
    // Declared before `map`, so that the handler forgets the range before it is unmapped.
    #[cfg(unix)]
    _watch: sigbus::Watch,
    map: Mmap,
    file: File,
    path: PathBuf,
    modified: Option<SystemTime>,
}

impl Mapping {
    /// Maps a regular, non-empty file.
    pub(crate) fn open(path: &Path) -> Result<Arc<Self>, CheckpointError> {
        let io = |action| move |error| CheckpointError::io(path, action, error);
        // Asked before opening: opening a pipe would wait for its writer.
        if !std::fs::metadata(path).map_err(io("open"))?.is_file() {
            return Err(CheckpointError::not_a_checkpoint(path, "is not a regular file"));
        }
        let file = File::open(path).map_err(io("open"))?;
        let metadata = file.metadata().map_err(io("open"))?;
        if metadata.len() == 0 {
            return Err(CheckpointError::not_a_checkpoint(path, "is empty; the download may have failed"));
        }
        let len = usize::try_from(metadata.len())
            .map_err(|_| CheckpointError::not_a_checkpoint(path, "is larger than this machine can address"))?;
        // SAFETY: the mapping is read-only and private to this struct, and `map` lives as long as every borrow of it.
        // Rust asks that nobody changes the bytes meanwhile; the module text says what happens if somebody does.
        let map = unsafe { memmap2::MmapOptions::new().len(len).map(&file) }.map_err(io("map"))?;
        #[cfg(unix)]
        let watch = sigbus::watch(&map, path)?;
        Ok(Arc::new(Self {
            #[cfg(unix)]
            _watch: watch,
            map,
            file,
            path: path.to_path_buf(),
            modified: metadata.modified().ok(),
        }))
    }

    /// Checks size and modification time of the open file against those at opening.
    pub(crate) fn still_intact(&self) -> Result<(), CheckpointError> {
        let metadata = self.file.metadata().map_err(|error| CheckpointError::io(&self.path, "check", error))?;
        let (before, now) = (self.map.len() as u64, metadata.len());
        let change = if now < before {
            format!("was truncated from {before} to {now} bytes")
        } else if now > before {
            format!("grew from {before} to {now} bytes")
        } else if metadata.modified().ok() != self.modified {
            "was written to".to_owned()
        } else {
            return Ok(());
        };
        Err(CheckpointError::ChangedWhileMapped { file: self.path.clone(), change })
    }
}

impl Mapping {
    /// The file from its first to its last byte; the bytes keep the mapping alive.
    pub(crate) fn bytes(self: &Arc<Self>) -> Bytes {
        Bytes::new(Owner(Arc::clone(self)))
    }

    /// Gives the memory of the pages read so far back to the system; what is read again is fetched again.
    pub(crate) fn release(&self) {
        // SAFETY: the mapping is of a file and read-only, so dropped pages come back with the same bytes; where the file has
        // changed meanwhile, it is as if it had changed before they were read (see the module text).
        #[cfg(unix)]
        let released = unsafe { self.map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
        // A system that does not take the advice keeps the pages, which costs memory and nothing else.
        #[cfg(unix)]
        drop(released);
    }
}

struct Owner(Arc<Mapping>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0.map
    }
}
