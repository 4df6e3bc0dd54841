//! Why a record gives no example. Every message is one line.

use crate::records::Place;
use std::fmt;

/// Why a record gives no example.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExampleError {
    /// Nothing can be made of it.
    #[error("{place}: {problem}")]
    Record {
        /// Where it stands.
        place: Place,
        /// What is wrong with it.
        problem: String,
    },
    /// It would be learnt from, but what there was to learn is lost.
    #[error("{place}: {lost}")]
    Lost {
        /// Where it stands.
        place: Place,
        /// What is lost.
        lost: Lost,
    },
}

/// What there was to learn and is not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// No token of the example counts in the loss.
    Nothing,
    /// Answers are cut away whole.
    Answers {
        /// How many.
        cut: usize,
        /// Of how many.
        of: usize,
    },
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => write!(f, "no token of this example counts in the loss"),
            Self::Answers { cut, of } => write!(f, "the limit on tokens cuts {cut} of {of} answers away whole"),
        }
    }
}
