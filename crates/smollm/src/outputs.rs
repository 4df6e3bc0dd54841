//! Writing beside and over existing files without ever leaving half a file.

use crate::error::Error;
use serde_json::Value;
use std::io::Write;
use std::path::Path;

/// The files that make up a tokenizer and its template in a Hugging Face directory.
const TOKENIZER_FILES: [&str; 6] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "generation_config.json",
    "vocab.json",
];

/// Creates `path` and what is above it.
pub(crate) fn create_directory(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|error| Error::Write { path: path.into(), error })
}

/// Writes `bytes` to `path` through a temporary file in the same directory.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let error = |error| Error::Write { path: path.into(), error };
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(error)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(error)?;
    file.persist(path).map_err(|e| error(e.error))?;
    Ok(())
}

/// Writes a JSON file as Python's `json.dump(indent=2)` would.
pub(crate) fn write_json(path: &Path, value: &Value) -> Result<(), Error> {
    write_file(path, format!("{value:#}\n").as_bytes())
}

/// Copies tokenizer, template and generation settings from one directory to another.
pub(crate) fn copy_tokenizer_files(from: &Path, to: &Path) -> Result<(), Error> {
    if !from.join("tokenizer.json").is_file() {
        let problem = "has no tokenizer.json".into();
        return Err(Error::NotAModel { path: from.into(), problem });
    }
    for name in TOKENIZER_FILES {
        let path = from.join(name);
        if path.is_file() {
            let bytes = std::fs::read(&path).map_err(|error| Error::Read { path: path.clone(), error })?;
            write_file(&to.join(name), &bytes)?;
        }
    }
    Ok(())
}
