//! Writes a file beside its final name and renames it into place, so that no reader ever sees half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::CheckpointError;

/// Bytes collected before one `write` call. All data passes through this buffer on purpose: a source that is a mapped
/// file cut short then faults here, in our own code, where the mapping's signal handler explains it; handed to the
/// kernel directly it would come back as "bad address" against the wrong file.
const STAGING: usize = 1 << 20;

/// A file under construction; dropped without [`ReplaceFile::finish`] it leaves nothing behind.
pub(crate) struct ReplaceFile {
    target: PathBuf,
    temporary: PathBuf,
    file: Option<File>,
    staged: Vec<u8>,
    written: u64,
}

impl ReplaceFile {
    /// Starts `target`; its folder must exist. An existing file stays as it is until [`Self::finish`].
    pub(crate) fn create(target: &Path) -> Result<Self, CheckpointError> {
        let name = target.file_name().ok_or_else(|| {
            CheckpointError::io(
                target,
                "create",
                std::io::Error::new(ErrorKind::InvalidInput, "the path names no file"),
            )
        })?;
        for attempt in 0..u32::MAX {
            let mut temporary = std::ffi::OsString::from(".");
            temporary.push(name);
            temporary.push(format!(".{}-{attempt}.partial", std::process::id()));
            let temporary = target.with_file_name(temporary);
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => {
                    let staged = Vec::with_capacity(STAGING);
                    return Ok(Self { target: target.to_path_buf(), temporary, file: Some(file), staged, written: 0 });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(CheckpointError::io(target, "create", error)),
            }
        }
        Err(CheckpointError::io(target, "create", std::io::Error::from(ErrorKind::AlreadyExists)))
    }

    /// Bytes given so far: the offset in the file of the next one.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Appends `bytes`.
    pub(crate) fn append(&mut self, mut bytes: &[u8]) -> Result<(), CheckpointError> {
        self.written += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(STAGING - self.staged.len()));
            self.staged.extend_from_slice(now);
            bytes = later;
            if self.staged.len() == STAGING {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Appends zeros up to the next multiple of `alignment`.
    pub(crate) fn pad_to(&mut self, alignment: u64) -> Result<(), CheckpointError> {
        let mut missing = self.written.next_multiple_of(alignment) - self.written;
        while missing > 0 {
            let step = missing.min(64);
            self.append(&[0; 64][..step as usize])?;
            missing -= step;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), CheckpointError> {
        if let Some(file) = &mut self.file {
            file.write_all(&self.staged).map_err(|error| CheckpointError::io(&self.target, "write", error))?;
        }
        self.staged.clear();
        Ok(())
    }

    /// Brings everything to the disk and gives the file its final name, replacing what was there.
    pub(crate) fn finish(mut self) -> Result<(), CheckpointError> {
        self.flush()?;
        if let Some(file) = self.file.take() {
            file.sync_all().map_err(|error| CheckpointError::io(&self.target, "sync", error))?;
        }
        if let Err(error) = fs::rename(&self.temporary, &self.target) {
            // A failed rename leaves the temporary file; `drop` only removes it while `file` is there.
            let _ = fs::remove_file(&self.temporary);
            return Err(CheckpointError::io(&self.target, "rename the finished file to", error));
        }
        sync_folder(&self.target);
        Ok(())
    }
}

impl Drop for ReplaceFile {
    fn drop(&mut self) {
        // Closed first: some systems refuse to remove an open file.
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Makes the rename itself durable. Not every system can open a folder, and the file is whole either way: no error.
fn sync_folder(file: &Path) {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}
