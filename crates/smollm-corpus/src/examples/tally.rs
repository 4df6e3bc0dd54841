//! What was made of records, counted.

use serde::{Deserialize, Serialize};

/// Counts over the examples that were made; of records that were skipped there is only the number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Records that gave an example.
    pub examples: u64,
    /// Their documents: a preference pair has two.
    pub documents: u64,
    /// Tokens of all documents.
    pub tokens: u64,
    /// Of those, the tokens that count in the loss.
    pub supervised: u64,
    /// Documents of which something was cut away.
    pub truncated: u64,
    /// Tokens that were cut away.
    pub cut_tokens: u64,
    /// Answers that were cut away whole.
    pub answers_cut: u64,
    /// Records that were skipped because nothing of them would be learnt.
    pub skipped: u64,
}
