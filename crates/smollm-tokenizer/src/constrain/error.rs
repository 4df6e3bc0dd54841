//! What can be wrong with a grammar, and what can go wrong while it is followed.

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

/// Why a constraint cannot go on: it was given a token that it did not allow, or the grammar is too much work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the grammar cannot be followed: {0}")]
pub struct ConstraintError(String);

impl ConstraintError {
    pub(crate) fn new(message: impl AsRef<str>) -> Self {
        Self(one_line(message.as_ref()))
    }
}

/// A message of several lines on one, and not too long.
fn one_line(message: &str) -> String {
    if message.starts_with("panic") {
        return "the compiler gave up on it".into(); // where and why is nothing for whoever asked
    }
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    shortened(&lines.join("; "))
}
