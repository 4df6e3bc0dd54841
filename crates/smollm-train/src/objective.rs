//! What is learnt: a loss that is a function of the log-probabilities of tokens, and how it hangs on each of them.

mod next_token;
mod preference;
#[cfg(test)]
mod tests;

pub(crate) use preference::sum;
pub use preference::{Preference, PreferenceLoss};

use smollm_corpus::feed::Batch;
use smollm_kernels::ops::{LogProb, RowWeight};
use std::ops::Range;

/// A loss over the answers of a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// The mean over all supervised tokens of -log p, and `z_loss` times the mean of (log Z)^2 (PaLM, arXiv:2204.02311, section 5).
    /// Pretraining and fine-tuning on demonstrations: they differ in which tokens are supervised.
    NextToken {
        /// The factor of (log Z)^2; 0 for none.
        z_loss: f64,
    },
    /// The mean over pairs of a loss of how much more likely than under a reference the preferred answer has become, and the other one.
    Preference(Preference),
}

/// What a whole step divides by, however it is cut into micro-batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Supervised tokens.
    pub supervised: u64,
    /// Sequences; of pairs, each has two.
    pub sequences: u64,
}

impl Totals {
    /// Those of some micro-batches.
    pub fn of<'a>(batches: impl IntoIterator<Item = &'a Batch>) -> Self {
        batches.into_iter().fold(Self::default(), |sum, batch| Self {
            supervised: sum.supervised + batch.supervised() as u64,
            sequences: sum.sequences + batch.sequences.len() as u64,
        })
    }
}

/// What a micro-batch adds to the loss of its step, and how that loss hangs on each of its targets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Its part of the loss.
    pub loss: f64,
    /// For each target.
    pub weights: Vec<RowWeight>,
    /// Its parts of what is told beside the loss, by the names that TRL has for them.
    pub metrics: Vec<(&'static str, f64)>,
}

/// The targets of a micro-batch, by sequence.
pub(crate) fn targets_of_sequences(batch: &Batch) -> Vec<Range<usize>> {
    let mut end = 0;
    let count = |inputs: &Range<usize>| batch.learnt[inputs.clone()].iter().filter(|learnt| **learnt).count();
    let sequence = |inputs: &Range<usize>| {
        let start = end;
        end += count(inputs);
        start..end
    };
    batch.sequences.iter().map(|sequence| &sequence.inputs).map(sequence).collect()
}

impl Objective {
    /// Whether log-probabilities under a reference are wanted.
    pub fn wants_reference(&self) -> bool {
        matches!(self, Self::Preference(_))
    }

    /// How many things its mean is a mean of: tokens, or pairs.
    pub(crate) fn units(&self, totals: Totals) -> u64 {
        match self {
            Self::NextToken { .. } => totals.supervised,
            Self::Preference(_) => totals.sequences / 2,
        }
    }

    /// The loss of a micro-batch whose supervised tokens have these log-probabilities, as a part of a step with these totals.
    /// `reference` has for each sequence the sum of the log-probabilities of its supervised tokens under the reference, if one is wanted.
    ///
    /// # Panics
    /// If there are not as many log-probabilities as supervised tokens, or as many references as sequences.
    pub fn judge(&self, batch: &Batch, log_probs: &[LogProb], reference: &[f64], totals: Totals) -> Judged {
        assert_eq!(log_probs.len(), batch.supervised(), "judge: log-probabilities and supervised tokens");
        match self {
            Self::NextToken { z_loss } => next_token::judge(*z_loss, log_probs, totals),
            Self::Preference(preference) => {
                assert_eq!(reference.len(), batch.sequences.len(), "judge: references and sequences");
                preference.judge(&targets_of_sequences(batch), log_probs, reference, totals)
            }
        }
    }
}
