//! Why a tokenizer could not be read, found or written.

use std::path::PathBuf;

/// Why a tokenizer could not be read or converted. Every message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The file could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not the JSON that it should be.
    #[error("{name}: line {line}, column {column}: {message}")]
    Json {
        /// The file, as the caller calls it.
        name: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// A field contradicts the rest of the file.
    #[error("{name}: {field}: {message}")]
    Invalid {
        /// The file, as the caller calls it.
        name: String,
        /// The field, as a path from the top.
        field: String,
        /// What is wrong with it.
        message: String,
    },
    /// A field asks for a tokenisation that this crate does not have.
    #[error("{name}: {field} = {value} is not supported ({supported})")]
    Unsupported {
        /// The file, as the caller calls it.
        name: String,
        /// The field, as a path from the top.
        field: String,
        /// Its value as JSON, cut after 200 characters.
        value: String,
        /// What would be accepted.
        supported: String,
    },
    /// The tokenizer has no exact form as a GGUF vocabulary.
    #[error("this tokenizer has no GGUF form: {reason}")]
    NoGgufForm {
        /// What GGUF cannot express.
        reason: String,
    },
    /// The tokenizer has no exact form as a `tokenizer.json`.
    #[error("this tokenizer has no tokenizer.json form: {reason}")]
    NoJsonForm {
        /// What `tokenizer.json` cannot express.
        reason: String,
    },
}

impl TokenizerError {
    pub(crate) fn invalid(name: &str, field: impl Into<String>, message: impl Into<String>) -> Self {
        // Names of fields come from the file too.
        Self::Invalid { name: name.to_owned(), field: shortened(&field.into()), message: message.into() }
    }

    pub(crate) fn unsupported(
        name: &str,
        field: impl Into<String>,
        value: impl std::fmt::Display,
        supported: impl Into<String>,
    ) -> Self {
        let (field, value) = (shortened(&field.into()), shortened(&value.to_string()));
        Self::Unsupported { name: name.to_owned(), field, value, supported: supported.into() }
    }

    pub(crate) fn json(name: &str, error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let mut message = error.to_string();
        // serde_json ends its message with the position, which stands in front here.
        if let Some(end) = message.rfind(" at line ") {
            message.truncate(end);
        }
        Self::Json { name: name.to_owned(), line, column, message: shortened(&message) }
    }

    pub(crate) fn no_gguf_form(reason: impl Into<String>) -> Self {
        Self::NoGgufForm { reason: reason.into() }
    }

    pub(crate) fn no_json_form(reason: impl Into<String>) -> Self {
        Self::NoJsonForm { reason: reason.into() }
    }
}

/// At most 200 characters of `text`, on one line.
pub(crate) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
