//! How a text of a grammar is ended soonest: what an answer is held to when the tokens that it may have run short.
//!
//! The rules are those of the compiled grammar, followed by an Earley parser of their own: beside each item stands how many bytes end
//! the whole text from there. So the cost of ending is known after every token, whatever was drawn.

mod chart;
mod rules;
mod tokens;

pub(super) use chart::Chart;
pub(super) use rules::{NO_END, Rules};
pub(super) use tokens::fewest_tokens;

/// A cost in bytes that no text has.
const NEVER: u32 = u32::MAX / 4;
