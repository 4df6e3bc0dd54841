//! Which files on disk make up a model, whatever form it comes in.

use crate::error::Error;
use std::path::{Path, PathBuf};

/// The form of a local model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelFiles {
    /// A directory with config.json, safetensors and usually tokenizer files.
    Directory(PathBuf),
    /// A .gguf file (the first one, if it is split), which carries configuration, tokenizer and template.
    Gguf(PathBuf),
}

impl ModelFiles {
    /// Looks at a path that exists.
    ///
    /// # Errors
    /// A file of another kind, or a directory without a model.
    pub fn at(path: &Path) -> Result<Self, Error> {
        let has_extension =
            |path: &Path, wanted: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(wanted));
        if path.is_file() {
            if has_extension(path, "gguf") {
                return Ok(Self::Gguf(path.into()));
            }
            if has_extension(path, "safetensors") {
                let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
                return match belongs_to_a_directory(path, parent) {
                    true => Ok(Self::Directory(parent.into())),
                    false => Err(Error::NotAModel {
                        path: path.into(),
                        problem: "is neither model.safetensors nor a shard that model.safetensors.index.json names"
                            .into(),
                    }),
                };
            }
            return Err(Error::NotAModel {
                path: path.into(),
                problem: "is neither a .gguf nor a .safetensors file".into(),
            });
        }
        if path.join("config.json").is_file() || path.join("tokenizer.json").is_file() {
            return Ok(Self::Directory(path.into()));
        }
        let entries = std::fs::read_dir(path).map_err(|error| Error::Read { path: path.into(), error })?;
        let mut ggufs: Vec<PathBuf> =
            entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| has_extension(p, "gguf")).collect();
        ggufs.sort();
        let first_of_a_split = |p: &Path| p.to_string_lossy().contains("-00001-of-");
        match ggufs.as_slice() {
            [one] => Ok(Self::Gguf(one.clone())),
            [first, ..] if first_of_a_split(first) && !ggufs[1..].iter().any(|p| first_of_a_split(p)) => {
                Ok(Self::Gguf(first.clone()))
            }
            [] => {
                Err(Error::NotAModel { path: path.into(), problem: "has neither config.json nor a .gguf file".into() })
            }
            many => {
                let names: Vec<_> = many.iter().filter_map(|p| p.file_name()?.to_str()).collect();
                let problem = format!("holds several .gguf files, name one of them: {}", names.join(", "));
                Err(Error::NotAModel { path: path.into(), problem })
            }
        }
    }

    /// The directory or file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Directory(path) | Self::Gguf(path) => path,
        }
    }
}

/// Whether a safetensors file is what its directory's model is read from: another one must not stand for it.
fn belongs_to_a_directory(path: &Path, directory: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name == "model.safetensors"
        || (name.starts_with("model-") && directory.join("model.safetensors.index.json").is_file())
}
