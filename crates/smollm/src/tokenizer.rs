//! Making and judging tokenizers: from files of text to the tokenizer's files, and to figures.

mod eval;
mod roles;
mod texts;
mod train;

pub use eval::evaluate_tokenizers;
pub use roles::TokenRoles;
pub use texts::TextFile;
pub use train::{Stage, TokenizerOptions, train_tokenizer};
