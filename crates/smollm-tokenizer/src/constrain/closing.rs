//! How a text of a grammar is ended soonest: what an answer is held to when the tokens that it may have run short.
//!
//! The rules are those of the compiled grammar, followed by an Earley parser of their own: beside what may come next stands how many bytes
//! end the whole text after it. So the cost of ending is known after every token, whatever was drawn. What is soonest is counted in bytes:
//! of two texts the one with more bytes may have fewer tokens. Where an answer is one of a list of texts, it is counted in tokens.
//!
//! All that may fail for want of work fails when the grammar is compiled. What is found out while an answer is written is bounded by a number
//! of states, at once and in all: where an end is not found, the text is taken to have none there, and the answer goes another way. An answer
//! that may look for no more goes on as it is planned to end.
//!
//! What an answer finds hangs on itself alone, so that it is the same whatever else is written under its grammar, but for two things. Work on
//! the expressions of lexemes has a bound as well, far above what a token needs, and who comes to a place that others have been to has less
//! of it. And when the states of all are forgotten because there are too many, what an answer had to search for is counted again.

mod chart;
mod completion;
mod lexemes;
mod listed;
mod row;
mod rules;
mod search;
mod tokens;

pub(super) use chart::Chart;
pub(super) use completion::Completion;
#[cfg(test)]
pub(super) use lexemes::SEARCHES;
pub(super) use lexemes::lexer_bytes;
pub(super) use listed::Listed;
pub(super) use rules::{Rules, Untold};
pub(super) use search::Searches;
pub(super) use tokens::Speller;

/// A cost in bytes that no text has.
const NEVER: u32 = u32::MAX / 4;

/// Something takes more work than there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMuch;

/// Said of it.
pub(super) const TOO_MUCH: &str = "it takes too much work to find out how it ends soonest";

/// Why a text cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// It would take too much work.
    TooMuch,
    /// The rules do not allow it.
    Not(String),
}

impl From<TooMuch> for Stop {
    fn from(_: TooMuch) -> Self {
        Self::TooMuch
    }
}

impl From<Stop> for String {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::TooMuch => TOO_MUCH.into(),
            Stop::Not(why) => why,
        }
    }
}
