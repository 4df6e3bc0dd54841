//! What can be wrong with a grammar, and what can go wrong while it is followed.

use llguidance::api::StopReason;

use crate::error::shortened;

/// Why a grammar was refused. Every message is one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrammarError {
    /// A schema asks for what cannot be made sure of, or is no schema.
    #[error("{path}: {message}")]
    Schema {
        /// Where in the schema: `$`, then names and indices (`$.properties.tags.uniqueItems`).
        path: String,
        /// What is wrong there.
        message: String,
    },
    /// A regular expression or a grammar cannot be read.
    #[error("{kind}: {message}")]
    Text {
        /// What it was taken for.
        kind: &'static str,
        /// What is wrong with it, with the place where that is known.
        message: String,
    },
    /// There is nothing to choose from.
    #[error("a choice needs at least one text, and none of them may be empty")]
    NoChoice,
    /// The answer may not be long enough for the shortest text of the grammar.
    #[error("at most {limit} tokens may be written, and the shortest text that is allowed takes {shortest}")]
    TooShort {
        /// Tokens that there may be.
        limit: usize,
        /// Tokens of the shortest text: the one of a choice that has the fewest tokens, else the one that has the fewest bytes (another may
        /// have fewer tokens).
        shortest: usize,
    },
}

impl GrammarError {
    pub(crate) fn schema(path: &str, message: impl AsRef<str>) -> Self {
        Self::Schema { path: shortened(path), message: one_line(message.as_ref()) }
    }

    pub(crate) fn text(kind: &'static str, message: impl AsRef<str>) -> Self {
        Self::Text { kind, message: one_line(message.as_ref()) }
    }
}

/// Why a constraint cannot go on. Every message is one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConstraintError {
    /// A token came that may not.
    #[error("the grammar cannot be followed: {0}")]
    Refused(String),
    /// The grammar is too much work from here on.
    #[error("the grammar is too much work here: {0}")]
    TooCostly(String),
    /// The parser of the grammar, or the way to the end of the text, broke down.
    #[error("the grammar cannot be followed: {0}")]
    Broken(String),
}

impl ConstraintError {
    pub(crate) fn refused(message: impl AsRef<str>) -> Self {
        Self::Refused(one_line(message.as_ref()))
    }

    pub(crate) fn broken(message: impl AsRef<str>) -> Self {
        Self::Broken(one_line(message.as_ref()))
    }

    /// What the parser says of a question that is no fault of whoever asked: it gives up only for want of work, or in a panic.
    pub(crate) fn of_parser(message: &str) -> Self {
        match is_panic(message) || has_no_token(message) {
            true => Self::broken(message),
            false => Self::TooCostly(one_line(message)),
        }
    }
}

/// Whether the parser says that no token of the vocabulary may come next, nor the end.
pub(crate) fn has_no_token(message: &str) -> bool {
    message.contains(&StopReason::NoExtensionBias.to_string())
}

/// Whether the compiler or the parser says of itself that it has panicked.
fn is_panic(message: &str) -> bool {
    message.starts_with("panic")
}

/// A message of several lines on one, and not too long.
fn one_line(message: &str) -> String {
    if is_panic(message) {
        return "the compiler gave up on it".into(); // where and why is nothing for whoever asked
    }
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    shortened(&lines.join("; "))
}
