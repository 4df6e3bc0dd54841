//! What a recipe will take: steps, tokens, memory and time, before anything is computed.

mod memory;
mod table;
#[cfg(test)]
mod tests;
mod work;

pub use memory::MemoryNeed;
pub(crate) use table::grouped;
pub use work::Work;

use crate::error::Error;
use crate::train::data::{FeedCounts, Lost};
use crate::train::recipe::Recipe;
use smollm_model::ModelConfig;

/// What the time is told from.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Training steps of this recipe were measured at so many tokens per second.
    MeasuredTokensPerSecond(f64),
    /// So many floating-point operations per second were measured on a part of the model.
    MeasuredFlops(f64),
}

/// What a run takes.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// Elements of all tensors, adapters included.
    pub parameters: u64,
    /// Elements that are learnt.
    pub learnt: u64,
    /// Steps.
    pub steps: u64,
    /// Rows of a step.
    pub rows_per_step: u64,
    /// Rows of an epoch; 0 if the data were not looked at.
    pub epoch_rows: u64,
    /// How often the data is gone through; `None` if they were not looked at.
    pub epochs: Option<f64>,
    /// Tokens of a step, on average.
    pub tokens_per_step: f64,
    /// Tokens of the run: inputs, each of which predicts one.
    pub tokens: f64,
    /// The share of them that counts in the loss.
    pub supervised_share: f64,
    /// What of the data is not learnt.
    pub lost: Lost,
    /// The most memory, by what it is for.
    pub memory: MemoryNeed,
    /// Floating-point operations.
    pub work: Work,
    /// Time of the steps, evaluations and the reference, in seconds.
    pub seconds: f64,
    /// What the time is told from.
    pub basis: Basis,
}

impl Estimate {
    /// As `--json` prints it: its fields, with the sums of memory and work.
    pub fn to_json(&self) -> serde_json::Value {
        let mut json = serde_json::json!(self);
        json["memory"]["total"] = self.memory.total().into();
        json["work"]["total"] = self.work.total().into();
        json
    }
}

/// What a run of `recipe` takes, for a model of this shape and data of which there is so much. `config` is that of the start, with what the
/// recipe changes of it.
///
/// # Errors
/// The recipe's adapters do not fit the model.
pub fn estimate(recipe: &Recipe, config: &ModelConfig, counts: &FeedCounts, basis: Basis) -> Result<Estimate, Error> {
    let steps = recipe.steps(counts.epoch_rows);
    let rows = steps as f64 * recipe.batch.rows as f64;
    let tokens_per_step = recipe.batch.rows as f64 * counts.row_tokens();
    let tokens = steps as f64 * tokens_per_step;
    let sum = |of: fn(&crate::train::data::Counts) -> u64| counts.training.iter().map(of).sum::<u64>() as f64;
    let supervised_share =
        (sum(|counts| counts.tally.supervised) / sum(|counts| counts.tally.tokens).max(1.0)).clamp(0.0, 1.0);
    let sizes = memory::Sizes::new(recipe, config)?;
    let work = work::work(recipe, config, counts, &sizes, (steps, tokens, supervised_share));
    let seconds = match basis {
        // Passes without a way back are told by their share of the work.
        Basis::MeasuredTokensPerSecond(speed) => tokens / speed * work.total() / work.steps.max(1.0),
        Basis::MeasuredFlops(speed) => work.total() / speed,
    };
    Ok(Estimate {
        parameters: sizes.base + sizes.adapters,
        learnt: sizes.learnt,
        steps,
        rows_per_step: recipe.batch.rows,
        epoch_rows: counts.epoch_rows,
        epochs: (counts.epoch_rows > 0).then(|| rows / counts.epoch_rows as f64),
        tokens_per_step,
        tokens,
        supervised_share,
        lost: counts.lost(),
        memory: memory::need(recipe, config, &sizes),
        work,
        seconds,
        basis,
    })
}
