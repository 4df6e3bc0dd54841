//! Why a tokenizer could not be trained.

use crate::TokenizerError;

/// Why a tokenizer could not be trained. Every message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Bytes and special tokens are more than the vocabulary may have.
    #[error("a vocabulary of {asked} tokens has no place for {bytes} bytes and {specials} special tokens")]
    VocabSize {
        /// Tokens asked for.
        asked: usize,
        /// Bytes that must have a token.
        bytes: usize,
        /// Special tokens.
        specials: usize,
    },
    /// A special token that cannot be one.
    #[error("the special token {token:?} {problem}")]
    Special {
        /// The token.
        token: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is nothing to learn from.
    #[error("there is no text to train on")]
    NoText,
    /// Not even the most frequent words have a place in memory.
    #[error("{memory} bytes of memory have no place for the most frequent words alone, which need {needed}")]
    Memory {
        /// Bytes allowed.
        memory: usize,
        /// Bytes needed.
        needed: u64,
    },
    /// Counts that have no place in memory could not be kept or read back.
    #[error("a scratch file for counts of words: {0}")]
    Scratch(std::io::Error),
    /// What was trained is no tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}
