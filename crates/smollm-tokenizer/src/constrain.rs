//! Grammars to token masks: output that cannot be anything but what a JSON schema, a regular expression or a grammar allows.
//!
//! [`Grammars`] compiles for one tokenizer. A [`Grammar`] is shared by all answers that are bound by it; each begins with a
//! [`Constraint`] of its own, which says before every token which ones may come and hears which one came:
//!
//! ```
//! # use smollm_tokenizer::{Tokenizer, constrain::{GrammarSource, Grammars}};
//! # fn answer(tokenizer: std::sync::Arc<Tokenizer>, model: impl Fn(&[u32]) -> u32) -> Result<(), Box<dyn std::error::Error>> {
//! let schema = serde_json::json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
//! let grammar = Grammars::new(tokenizer).compile(&GrammarSource::JsonSchema(schema))?;
//! let mut constraint = grammar.begin();
//! while !constraint.has_ended() {
//!     let allowed = constraint.allowed()?;
//!     let id = model(allowed.words()); // or the end of the answer, where `allowed.may_end()`
//!     let taken = constraint.accept(id)?;
//! }
//! # Ok(()) }
//! ```
//!
//! JSON is written on one line with `": "` and `", "` between its parts, as Python's `json.dumps` does, so it cannot run on in blanks.
//! Properties come in the order of the schema. Special tokens are never part of the text.
//!
//! An answer of a limited number of tokens ([`Grammar::begin_within`]) is whole when they are used up: a token after which the rest would
//! not suffice is replaced by one that ends the text sooner. What ends a text soonest is counted in tokens for a choice, and in bytes for all
//! else: there a limit may be refused that another text, of more bytes and fewer tokens, would have kept.

mod budget;
mod closing;
mod error;
mod formats;
mod gbnf;
mod grammar;
mod json;
mod kept;
mod lark;
mod matchers;
mod schema;
mod state;
mod trie;

pub use error::{ConstraintError, GrammarError};
pub use grammar::{Grammar, GrammarSource, Grammars};
pub use state::{Allowed, Constraint};

#[cfg(test)]
mod tests;
