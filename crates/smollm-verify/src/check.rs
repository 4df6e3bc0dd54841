//! What an answer must be to pass: a small language of conditions, as data.

use crate::call::Call;
use crate::instruction::Instruction;
use serde::{Deserialize, Serialize};

/// A condition on an answer. Files of held-out items have it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "check", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Check {
    /// The answer is one of these, but for case, white space and a final full stop.
    Exact {
        /// What it may be.
        answers: Vec<String>,
    },
    /// The answer has one of `any` as whole words, whatever their case, and none of `none`.
    Mentions {
        /// Texts of which one must be there.
        any: Vec<String>,
        /// Texts none of which may be there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        none: Vec<String>,
    },
    /// The last number in the answer is this one (thousands may be parted by commas).
    Number {
        /// In decimal digits.
        value: String,
    },
    /// The answer is exactly these calls, in any order, with equal arguments as JSON values; an empty list says that nothing is called.
    Calls {
        /// What must be called.
        calls: Vec<Call>,
    },
    /// Every instruction is followed (IFEval's strict reading).
    Instructions {
        /// What was asked.
        instructions: Vec<Instruction>,
    },
    /// Every one of these texts is there, letter by letter, as whole words, and no number that is in none of them nor in `allowed`.
    Keeps {
        /// Names, numbers, dates.
        terms: Vec<String>,
        /// Further numbers that may be there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        allowed: Vec<String>,
    },
    /// The answer says that it does not know, in one of the ways of this world's refusals.
    Refuses,
    /// The answer does not refuse.
    Answers,
    /// At most so many words.
    AtMostWords {
        /// How many.
        words: usize,
    },
    /// All of these.
    All {
        /// The conditions.
        checks: Vec<Check>,
    },
}
