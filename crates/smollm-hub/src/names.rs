//! Repository ids, revisions and file paths that are safe to put into a URL and into the cache's folders.

use std::fmt;

/// Why a model name cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing was given.
    #[error("the model name is empty; give a folder, a .gguf file, org/name or a short name such as smollm2:135m")]
    Empty,
    /// It reads like a path, and nothing is there.
    #[error("{}: no such file or folder (a file of a hub repository is written org/name:file.gguf)", shown(.text))]
    NoSuchPath {
        /// What was given.
        text: String,
    },
    /// A web address.
    #[error("{}: give the repository as org/name, not as a web address (another hub: set HF_ENDPOINT)", shown(.text))]
    Url {
        /// What was given.
        text: String,
    },
    /// Not a repository id of the hub.
    #[error("{}: not a repository id: {why}", shown(.text))]
    Repo {
        /// What was given.
        text: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// Not a branch, tag or commit.
    #[error("{}: not a branch, tag or commit: {why}", shown(.text))]
    Revision {
        /// What was given.
        text: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// Not a file name.
    #[error("{}: not a file of a repository: {why}", shown(.text))]
    File {
        /// What was given.
        text: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// After `:` neither a `.gguf` file nor something like `Q4_K_M`.
    #[error("{}: after `:` comes a .gguf file or a quantisation such as Q4_K_M", shown(.text))]
    Quant {
        /// What was given.
        text: String,
    },
    /// Not in the table of short names.
    #[error("{}: no such file, folder or short name{}", shown(.text), suggest(.suggestions))]
    UnknownShortName {
        /// What was given.
        text: String,
        /// The nearest names of the table, best first.
        suggestions: Vec<String>,
    },
    /// The table knows the model, but no GGUF of it in this quantisation.
    #[error(
        "{name}: no GGUF of {repo} with {quant} is known{}; name a repository as org/name:{quant}, or use {name} and `smollm convert`",
        known_names(.known)
    )]
    NoGguf {
        /// The short name without the quantisation.
        name: String,
        /// Its safetensors repository.
        repo: String,
        /// The quantisation asked for.
        quant: String,
        /// Short names with a quantisation that is known.
        known: Vec<String>,
    },
}

/// A user's text, fit for one line of a terminal.
fn shown(text: &str) -> String {
    if text.is_empty() { "(nothing)".to_owned() } else { text.escape_debug().to_string() }
}

fn suggest(suggestions: &[String]) -> String {
    match suggestions {
        [] => "; a repository of the hub is written org/name".to_owned(),
        some => format!("; did you mean {}?", some.join(" or ")),
    }
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!(" (known: {})", known.join(", ")) }
}

/// `org/name` of a model repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepoId(String);

impl RepoId {
    /// Checks the rules of the hub: two parts of letters, digits, `-`, `_`, `.`; no `--` or `..`; no `-` or `.` at an
    /// end; at most 96 characters each; not ending in `.git`.
    ///
    /// # Errors
    /// [`NameError::Repo`] with the rule that is broken.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let refuse = |why| Err(NameError::Repo { text: text.to_owned(), why });
        let Some((org, name)) = text.split_once('/') else { return refuse("it has no organisation, as in org/name") };
        for part in [org, name] {
            if part.is_empty() || part.len() > 96 {
                return refuse("each part has 1 to 96 characters");
            }
            if !part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
                return refuse("only letters, digits, `-`, `_` and `.` are allowed, with one `/`");
            }
            if part.starts_with(['-', '.']) || part.ends_with(['-', '.']) {
                return refuse("a part must not start or end with `-` or `.`");
            }
            if part.contains("--") || part.contains("..") {
                return refuse("`--` and `..` are not allowed");
            }
        }
        if name.ends_with(".git") {
            return refuse("it must not end in .git");
        }
        Ok(Self(text.to_owned()))
    }

    /// `org/name`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder of the cache: `models--org--name`.
    pub(crate) fn folder(&self) -> String {
        format!("models--{}", self.0.replace('/', "--"))
    }

    /// The id whose folder this is.
    pub(crate) fn from_folder(folder: &str) -> Option<Self> {
        let id = folder.strip_prefix("models--")?.replacen("--", "/", 1);
        Self::new(&id).ok().filter(|id| id.folder() == folder)
    }
}

/// A branch, tag or commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revision(String);

impl Revision {
    /// Checks the rules that git has for reference names, as far as they matter for paths and URLs.
    ///
    /// # Errors
    /// [`NameError::Revision`] with the rule that is broken.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let refuse = |why| Err(NameError::Revision { text: text.to_owned(), why });
        if text.is_empty() || text.len() > 200 {
            return refuse("it has 1 to 200 characters");
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || "\\~^:?*[@".contains(c)) {
            return refuse("blanks, control characters and \\ ~ ^ : ? * [ @ are not allowed");
        }
        if text.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.starts_with('-')) {
            return refuse("no part may be empty or start with `.` or `-`");
        }
        if text.contains("..") || text.ends_with('.') || text.ends_with(".lock") {
            return refuse("`..` and an end in `.` or `.lock` are not allowed");
        }
        Ok(Self(text.to_owned()))
    }

    /// The branch `main`.
    pub fn main() -> Self {
        Self("main".to_owned())
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A full commit hash, which never changes its meaning.
    pub fn is_commit(&self) -> bool {
        is_hex(&self.0, 40)
    }
}

/// A file of a repository: a relative path with `/`, no `..`, nothing that Windows or Unix would read as absolute.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepoPath(String);

impl RepoPath {
    /// Checks a path that came from a user or from a server.
    ///
    /// # Errors
    /// [`NameError::File`] with the rule that is broken.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let refuse = |why| Err(NameError::File { text: text.to_owned(), why });
        if text.is_empty() || text.len() > 1024 {
            return refuse("it has 1 to 1024 bytes");
        }
        if text.chars().any(|c| c.is_control() || c == '\\') {
            return refuse("control characters and backslashes are not allowed");
        }
        for part in text.split('/') {
            if part.is_empty() || part == "." || part == ".." {
                return refuse("it must be relative, without `.`, `..` or empty parts");
            }
            if part.len() > 255 || (part.as_bytes()[0].is_ascii_alphabetic() && part.as_bytes().get(1) == Some(&b':')) {
                return refuse("a part must not be a drive or longer than 255 bytes");
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The path with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many folders it lies in.
    pub(crate) fn depth(&self) -> usize {
        self.0.matches('/').count()
    }
}

/// `len` lower-case hexadecimal digits.
pub(crate) fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Display for RepoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
