//! Writing beside and over existing files without ever leaving half a file, or half a model.

use crate::error::Error;
use serde_json::Value;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::Path;

/// The name of a file in a model's directory, and its content.
pub(crate) type SmallFile = (&'static str, Vec<u8>);

/// The model card.
pub(crate) const CARD: &str = "README.md";

/// What stands beside the weights of a Hugging Face directory, but for config.json: tokenizer, template, generation
/// settings, and the card with the licence.
const SMALL_FILES: [&str; 7] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "generation_config.json",
    "vocab.json",
    CARD,
];

/// Writes a model: `weights` makes the file it is told, then come the small files. If that fails, a directory that was
/// made for it is gone again.
///
/// # Errors
/// Shards of another model are there, the file system refuses, or `weights` fails.
pub(crate) fn write_model(
    directory: &Path,
    small_files: &[SmallFile],
    weights: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<(), Error> {
    refuse_shards(directory)?;
    in_directory(directory, || {
        weights(&directory.join("model.safetensors"))?;
        small_files.iter().try_for_each(|(name, bytes)| write_file(&directory.join(name), bytes))
    })
}

/// Writes small files alone, each through a temporary file in the directory, which is made if need be; what is there under the
/// same name is replaced.
///
/// # Errors
/// The file system refuses.
pub fn write_small_files<Name: AsRef<Path>>(directory: &Path, files: &[(Name, Vec<u8>)]) -> Result<(), Error> {
    let write = |(name, bytes): &(Name, Vec<u8>)| write_file(&directory.join(name), bytes);
    in_directory(directory, || files.iter().try_for_each(write))
}

/// Makes the directory if need be and lets `write` fill it.
fn in_directory(directory: &Path, write: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    let existed = directory.is_dir();
    std::fs::create_dir_all(directory).map_err(|error| Error::Write { path: directory.into(), error })?;
    let written = write();
    if written.is_err() && !existed {
        // only an empty directory goes; where something was written after all, it stays to be looked at
        let _ = std::fs::remove_dir(directory);
    }
    written
}

/// One file cannot replace several: readers that prefer the index would go on with the old weights.
fn refuse_shards(directory: &Path) -> Result<(), Error> {
    let index = "model.safetensors.index.json";
    if directory.join(index).exists() {
        let problem =
            format!("holds a model in shards ({index}), which the new weights would mix with; give another directory");
        return Err(Error::NotAModel { path: directory.into(), problem });
    }
    Ok(())
}

/// Writes `bytes` to `path` through a temporary file in the same directory.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let error = |error| Error::Write { path: path.into(), error };
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = readable().tempfile_in(parent).map_err(error)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(error)?;
    file.persist(path).map_err(|e| error(e.error))?;
    Ok(())
}

/// A folder in which no other process works for as long as this value is there.
#[derive(Debug)]
pub(crate) struct FolderLock {
    /// Let go of with the value, or by the system if the process dies.
    _file: File,
}

impl FolderLock {
    /// Takes the lock of `folder`, which is made if need be; `busy` says that another process has it.
    ///
    /// # Errors
    /// Another process has it, or the file system refuses.
    pub(crate) fn take(folder: &Path, busy: &str) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(|error| Error::Write { path: folder.into(), error })?;
        let path = folder.join(".lock");
        let file = File::create(&path).map_err(|error| Error::Write { path: path.clone(), error })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::Run { path: folder.into(), problem: busy.into() }),
            Err(TryLockError::Error(error)) => Err(Error::Write { path, error }),
        }
    }
}

/// Temporary files are for their owner alone, but models are for whom the umask lets.
fn readable() -> tempfile::Builder<'static, 'static> {
    #[allow(unused_mut, reason = "permissions are those of Unix")]
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}

/// A JSON file as Python's `json.dump(indent=2)` would write it.
pub(crate) fn json_file(name: &'static str, value: &Value) -> SmallFile {
    (name, format!("{value:#}\n").into_bytes())
}

/// The small files that a directory has.
pub(crate) fn small_files(directory: &Path) -> Result<Vec<SmallFile>, Error> {
    let mut found = Vec::new();
    for name in SMALL_FILES {
        let path = directory.join(name);
        if path.is_file() {
            found.push((name, std::fs::read(&path).map_err(|error| Error::Read { path: path.clone(), error })?));
        }
    }
    Ok(found)
}
