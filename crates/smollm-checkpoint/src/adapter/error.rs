//! What can be wrong with a PEFT adapter, naming the field or the tensor.

use crate::error::quote;

/// Why an adapter cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// The configuration is not the JSON it should be.
    #[error("not valid at byte {offset}: {reason}")]
    Json {
        /// Offset in the file.
        offset: usize,
        /// The parser's reason.
        reason: String,
    },
    /// A field is missing or holds something else than it should.
    #[error("field {field:?} is {found}, not {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// What stands there ("missing" or the value).
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// The adapter is of a kind that is not supported.
    #[error("field {field:?} is {value}: {why}")]
    Unsupported {
        /// The field.
        field: &'static str,
        /// Its value, as JSON.
        value: String,
        /// What is supported.
        why: &'static str,
    },
    /// A key of `rank_pattern` or `alpha_pattern` that is not a regular expression that can be used.
    #[error("field {field:?} has the pattern {}, which cannot be used: {reason}", quote(pattern))]
    Pattern {
        /// The field.
        field: &'static str,
        /// The pattern.
        pattern: String,
        /// The expression parser's reason.
        reason: String,
    },
    /// There is nothing to apply.
    #[error("holds no LoRA weights")]
    Empty,
    /// A tensor that is no part of a LoRA adapter for linear layers.
    #[error("tensor {} is not part of a LoRA adapter for linear layers: {expected}", quote(name))]
    UnknownTensor {
        /// The tensor.
        name: String,
        /// What was expected of it.
        expected: &'static str,
    },
    /// `A` without `B`, or the other way round.
    #[error("tensor {} is there, but {} is missing", quote(present), quote(missing))]
    NoPartner {
        /// The tensor that is there.
        present: String,
        /// The one that should be too.
        missing: String,
    },
    /// A matrix with the wrong shape.
    #[error("tensor {} has shape {shape:?}, not {expected}", quote(name))]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// The shape it should have.
        expected: String,
    },
}
