//! What a user writes after `-m`, parsed: a path, a repository of the hub, or a short name.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::names::{NameError, RepoId, RepoPath, Revision};
use crate::short_names;

/// Where a model is to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelRef {
    /// A folder or `.gguf` file that exists.
    Path(PathBuf),
    /// A repository of the hub.
    Hub {
        /// `org/name`.
        repo: RepoId,
        /// Branch, tag or commit; `None` is `main` when fetching, and every revision when removing.
        revision: Option<Revision>,
        /// One GGUF of the repository; `None` is its safetensors model, or its only GGUF.
        file: Option<HubFile>,
    },
}

/// Which GGUF of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HubFile {
    /// By its path.
    Exact(RepoPath),
    /// By its quantisation, as in `Q4_K_M`, in upper case.
    Quant(String),
}

impl ModelRef {
    /// Reads a model name. In this order:
    ///
    /// 1. a path that exists (so a folder `smollm2:135m` beats the short name);
    /// 2. `org/name`, `org/name@revision`, `org/name:file.gguf`, `org/name:Q4_K_M`, `org/name@revision:file.gguf`
    ///    (also with `@revision` last);
    /// 3. a short name of [`crate::short_names`], with an optional `@revision`.
    ///
    /// # Errors
    /// [`NameError`] naming the rule that is broken, or the nearest short names.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if Path::new(text).exists() {
            return Ok(Self::Path(PathBuf::from(text)));
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return Err(NameError::Url { text: text.to_owned() });
        }
        let end = text.find(['@', ':']).unwrap_or(text.len());
        let (head, rest) = text.split_at(end);
        if reads_like_a_path(text, head) {
            return Err(NameError::NoSuchPath { text: text.to_owned() });
        }
        if !head.contains('/') {
            let (name, revision) = match text.split_once('@') {
                Some((name, revision)) => (name, Some(Revision::new(revision)?)),
                None => (text, None),
            };
            return short_names::resolve(name, revision);
        }
        let repo = RepoId::new(head)?;
        let (revision, file) = match (rest.strip_prefix('@'), rest.strip_prefix(':')) {
            (Some(rest), _) => match rest.split_once(':') {
                Some((revision, file)) => (Some(revision), Some(file)),
                None => (Some(rest), None),
            },
            (None, Some(rest)) => match rest.rsplit_once('@') {
                Some((file, revision)) => (Some(revision), Some(file)),
                None => (None, Some(rest)),
            },
            (None, None) => (None, None),
        };
        Ok(Self::Hub {
            repo,
            revision: revision.map(Revision::new).transpose()?,
            file: file.map(HubFile::parse).transpose()?,
        })
    }
}

/// Whether a name that does not exist was meant as a path, so that the error can say so.
fn reads_like_a_path(text: &str, head: &str) -> bool {
    let drive = head.len() == 1 && text[head.len()..].starts_with(":/");
    let file = !text.contains(':') && (text.ends_with(".gguf") || text.ends_with(".safetensors"));
    text.starts_with(['.', '/', '~']) || text.contains('\\') || head.matches('/').count() > 1 || drive || file
}

impl HubFile {
    fn parse(text: &str) -> Result<Self, NameError> {
        if text.to_ascii_lowercase().ends_with(".gguf") {
            return RepoPath::new(text).map(Self::Exact);
        }
        let plausible = !text.is_empty()
            && text.len() <= 32
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !plausible {
            return Err(NameError::Quant { text: text.to_owned() });
        }
        Ok(Self::Quant(text.to_ascii_uppercase()))
    }
}

impl fmt::Display for ModelRef {
    /// A text that [`ModelRef::parse`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Hub { repo, revision, file } => {
                write!(f, "{repo}")?;
                if let Some(revision) = revision {
                    write!(f, "@{revision}")?;
                }
                match file {
                    Some(HubFile::Exact(path)) => write!(f, ":{path}"),
                    Some(HubFile::Quant(quant)) => write!(f, ":{quant}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
