//! What preferences are measured against: a model that does not change.

use crate::learner::Learner;
use crate::objective::{sum, targets_of_sequences};
use crate::trainer::{base_log_probs, log_probs};
use smollm_corpus::feed::Batch;
use smollm_kernels::Cpu;
use smollm_kernels::ops::LogProb;

/// Where log-probabilities under the reference come from.
#[derive(Debug, Default)]
pub enum Reference {
    /// Nowhere: the objective wants none.
    #[default]
    None,
    /// The base of the adapter that is learnt.
    Base,
    /// A second model is run beside the one that learns.
    Model(Box<Learner>),
    /// They were computed before the first step.
    Kept {
        /// Of what is learnt.
        training: KeptReference,
        /// Of what is held out.
        held_out: KeptReference,
    },
}

/// For documents of data sets the sum of the log-probabilities of their supervised tokens.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeptReference {
    /// By data set and document; NaN for what is not known.
    pub sums: Vec<Vec<f32>>,
}

impl Reference {
    /// For each sequence the sum of the log-probabilities of its supervised tokens; none if the objective wants none.
    /// `learner` is the one that learns; `is_held_out` tells data sets apart that have the same numbers.
    pub(crate) fn log_probs(&mut self, cpu: &Cpu, learner: &mut Learner, batch: &Batch, is_held_out: bool) -> Vec<f64> {
        let sums = match self {
            Self::None => return Vec::new(),
            Self::Base => sums(batch, &base_log_probs(cpu, learner, batch)),
            Self::Model(model) => sums(batch, &log_probs(cpu, model, batch)),
            Self::Kept { held_out, .. } if is_held_out => held_out.of(batch),
            Self::Kept { training, .. } => training.of(batch),
        };
        sums.into_iter().map(f64::from).collect()
    }
}

/// By sequence, in the precision that is kept.
fn sums(batch: &Batch, log_probs: &[LogProb]) -> Vec<f32> {
    targets_of_sequences(batch).iter().map(|targets| sum(log_probs, targets)).collect()
}

impl KeptReference {
    /// Whether all sequences of a batch are known.
    pub fn knows(&self, batch: &Batch) -> bool {
        self.of(batch).iter().all(|sum| !sum.is_nan())
    }

    /// NaN for what is not known.
    fn of(&self, batch: &Batch) -> Vec<f32> {
        let kept = |(source, document): (usize, u64)| {
            self.sums.get(source).and_then(|sums| sums.get(usize::try_from(document).ok()?)).copied()
        };
        (0..batch.sequences.len())
            .map(|sequence| document(batch, sequence).and_then(kept).unwrap_or(f32::NAN))
            .collect()
    }

    /// Computes those of a batch under `learner`, as it is now.
    pub fn add(&mut self, cpu: &Cpu, learner: &mut Learner, batch: &Batch) {
        let found = sums(batch, &log_probs(cpu, learner, batch));
        for (sequence, sum) in found.into_iter().enumerate() {
            let Some((source, document)) = document(batch, sequence) else { continue };
            let place = usize::try_from(document).expect("documents that were read are counted in memory");
            if self.sums.len() <= source {
                self.sums.resize_with(source + 1, Vec::new);
            }
            let sums = &mut self.sums[source];
            if sums.len() <= place {
                sums.resize(place + 1, f32::NAN);
            }
            sums[place] = sum;
        }
    }
}

/// The data set and the document of a sequence; answers of pairs are made of one.
fn document(batch: &Batch, sequence: usize) -> Option<(usize, u64)> {
    let span = batch.spans.get(batch.sequences[sequence].spans.start)?;
    Some((span.source, span.document))
}
