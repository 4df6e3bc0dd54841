//! The share of what the machine can do at best that steps come to.

use crate::error::Error;
use crate::train::data::FeedCounts;
use crate::train::estimate::{Basis, estimate};
use crate::train::recipe::Recipe;
use smollm_kernels::{Cpu, roof};
use smollm_model::ModelConfig;
use smollm_train::Reference;

/// What a step takes, and what the machine can do.
pub(super) struct Roof {
    /// Floating-point operations of a token in a step.
    per_token: f64,
    /// Floating-point operations a second, at best.
    per_second: f64,
}

impl Roof {
    /// The operations of `recipe` are those of its estimate; the machine is measured, for some milliseconds.
    pub(super) fn measured(
        cpu: &Cpu,
        recipe: &Recipe,
        config: &ModelConfig,
        counts: &FeedCounts,
        reference: &Reference,
    ) -> Result<Self, Error> {
        let estimate = estimate(recipe, config, counts, Basis::MeasuredFlops(1.0))?;
        let in_steps = matches!(reference, Reference::Base | Reference::Model(_));
        let reference = if in_steps { estimate.work.reference / estimate.tokens.max(1.0) } else { 0.0 };
        Ok(Self { per_token: estimate.work.per_token + reference, per_second: roof::fma_gflops(cpu) * 1e9 })
    }

    /// From 0 to 1, but for estimates that are too high.
    pub(super) fn share(&self, tokens_per_second: f64) -> f64 {
        self.per_token * tokens_per_second / self.per_second
    }
}
