//! Floating-point operations of a run: two for each weight and token in a product, and four for each key, head element and token in attention.

use super::memory::Sizes;
use crate::train::data::FeedCounts;
use crate::train::recipe::{Keeping, Objective, Recipe, Reference};
use smollm_corpus::packing::Packing;
use smollm_model::ModelConfig;

/// Floating-point operations, by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Work {
    /// Of a token that is learnt from, there and back.
    pub per_token: f64,
    /// Of all steps.
    pub steps: f64,
    /// Of the reference's log-probabilities.
    pub reference: f64,
    /// Of all evaluations.
    pub evaluations: f64,
}

impl Work {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.steps + self.reference + self.evaluations
    }
}

pub(super) fn work(
    recipe: &Recipe,
    config: &ModelConfig,
    counts: &FeedCounts,
    sizes: &Sizes,
    (steps, tokens, supervised): (u64, f64, f64),
) -> Work {
    let sum = |of: fn(&crate::train::data::Counts) -> u64| counts.training.iter().map(of).sum::<u64>() as f64;
    let row = f64::from(recipe.data.sequence_length);
    // How many tokens a token sees, itself included, on average.
    let seen = match recipe.data.packing {
        Packing::Wrapped => (row + 1.0) / 2.0,
        _ => ((sum(|counts| counts.tokens) / sum(|counts| counts.documents).max(1.0)).min(row) + 1.0) / 2.0,
    };
    let attention = 4.0 * config.num_hidden_layers as f64 * config.query_size() as f64 * seen;
    let layers = 2.0 * (sizes.layers + sizes.adapters) as f64 + attention;
    let head = 2.0 * sizes.head as f64 * supervised;
    let forward = layers + head;
    // The gradient of the inputs takes what the way there takes, that of the weights as much again where they are learnt.
    let learnt_share = if recipe.lora.is_some() { sizes.adapters as f64 / sizes.layers.max(1) as f64 } else { 1.0 };
    let products = 2.0 * sizes.layers as f64;
    let backward =
        products * (1.0 + learnt_share) + 2.0 * attention + head * if recipe.lora.is_some() { 1.0 } else { 2.0 };
    let again = if recipe.compute.activations == Keeping::Recompute { layers } else { 0.0 };
    let per_token = forward + backward + again;
    let reference = match recipe.objective {
        Objective::NextToken { .. } => 0.0,
        Objective::Preference { reference: Reference::Live, .. } => forward * tokens,
        // The base of adapters is asked in each step, whatever is said of the reference.
        Objective::Preference { .. } if recipe.lora.is_some() => forward * tokens,
        // Each pair is asked for once, however often it comes.
        Objective::Preference { reference: Reference::Precomputed, .. } => {
            forward * tokens.min(sum(|counts| counts.tokens))
        }
    };
    let evaluations = recipe.evaluation.map_or(0.0, |evaluation| {
        let rows: u64 = counts.validation.iter().map(|counts| counts.rows).sum();
        let held: u64 = counts.validation.iter().map(|counts| counts.tokens).sum();
        let share = evaluation.rows.map_or(1.0, |some| (some as f64 / rows.max(1) as f64).min(1.0));
        steps.div_ceil(evaluation.every_steps) as f64 * held as f64 * share * forward
    });
    Work { per_token, steps: per_token * tokens, reference, evaluations }
}
