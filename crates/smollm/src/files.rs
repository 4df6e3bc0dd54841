//! Which files make up a model, whatever form it comes in.

use crate::built_in::{BUILT_IN, SHOWN};
use crate::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// The form of a local model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelFiles {
    /// A directory with config.json, safetensors and usually tokenizer files.
    Directory(PathBuf),
    /// A .gguf file (the first one, if it is split), which carries configuration, tokenizer and template.
    Gguf(PathBuf),
    /// The GGUF file that is a part of this program.
    BuiltIn,
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
        let entries = std::fs::read_dir(path).map_err(|error| Error::Read { path: path.into(), error })?;
        let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        files.sort();
        let ggufs: Vec<PathBuf> = files.iter().filter(|p| has_extension(p, "gguf")).cloned().collect();
        let describes_a_model = path.join("config.json").is_file() || path.join("tokenizer.json").is_file();
        // repositories of GGUF files often keep these two files beside them; the weights decide
        if describes_a_model && (ggufs.is_empty() || files.iter().any(|p| has_extension(p, "safetensors"))) {
            return Ok(Self::Directory(path.into()));
        }
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

    /// The directory or file; that of the built-in model is nowhere on disk.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Directory(path) | Self::Gguf(path) => Some(path),
            Self::BuiltIn => None,
        }
    }
}

impl fmt::Display for ModelFiles {
    /// The path, or words that stand for one in messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.named().display())
    }
}

impl ModelFiles {
    /// What stands for a path in errors; see [`fmt::Display`].
    pub(crate) fn named(&self) -> &Path {
        self.path().unwrap_or(Path::new(SHOWN))
    }

    /// What the model is called: the repository, for a snapshot in the hub's cache; else the file or directory.
    pub(crate) fn model_name(&self) -> String {
        let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        let text = |part: Option<&OsStr>| part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default();
        match self {
            Self::BuiltIn => BUILT_IN.into(),
            Self::Gguf(path) => {
                let stem = text(real(path).file_stem());
                stem.split("-00001-of-").next().unwrap_or_default().to_owned()
            }
            Self::Directory(path) => {
                let path = real(path);
                let repository = path.ancestors().nth(2).map(|folder| text(folder.file_name())).unwrap_or_default();
                let is_snapshot = text(path.parent().and_then(Path::file_name)) == "snapshots";
                match repository.strip_prefix("models--").filter(|_| is_snapshot).and_then(|id| id.split_once("--")) {
                    Some((_, name)) => name.to_owned(),
                    None => text(path.file_name()),
                }
            }
        }
    }
}

/// Whether a safetensors file is what its directory's model is read from: another one must not stand for it.
fn belongs_to_a_directory(path: &Path, directory: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name == "model.safetensors"
        || (name.starts_with("model-") && directory.join("model.safetensors.index.json").is_file())
}

#[cfg(test)]
mod tests;
