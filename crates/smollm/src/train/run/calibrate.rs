//! How fast this machine computes steps of a recipe, measured on one layer of its widths.

use super::start::{Source, Start};
use super::{learner, options};
use crate::error::Error;
use crate::train::data::FeedCounts;
use crate::train::estimate::{Basis, estimate};
use crate::train::recipe::Recipe;
use smollm_kernels::{Cpu, granted_threads};
use smollm_model::{Documents, ModelConfig};
use smollm_train::{RowWeight, Target, Tensors};
use std::time::Instant;

/// Tokens of a measured batch: enough for the products to be as fast as they get.
const TOKENS: usize = 1024;

/// Floating-point operations a second of steps of `recipe`, for a model of this configuration: one batch there and back through a model of
/// one of its layers with random weights, the faster of two.
///
/// # Errors
/// The recipe's adapters do not fit the model, or the instruction set that is asked for is not there.
pub fn measured_flops(recipe: &Recipe, config: &ModelConfig, counts: &FeedCounts) -> Result<f64, Error> {
    let mut config = config.clone();
    config.num_hidden_layers = 1;
    config.rope_layers.truncate(1);
    let per_token = estimate(recipe, &config, counts, Basis::MeasuredFlops(1.0))?.work.per_token;
    let start = Start { config, source: Source::Init { seed: 0, depth_scaled: false } };
    let lora = options::lora(recipe, &start.config)?;
    let cpu = Cpu::new(recipe.compute.threads.map_or_else(granted_threads, |threads| threads as usize))?;
    let learnt = start.learnt(lora.as_ref(), 0)?;
    let mut learner = learner(&cpu, &start, lora.as_ref(), &learnt, recipe)?;
    let mut gradients: Tensors = learnt.zeros_like();

    let row = (recipe.data.sequence_length as usize).clamp(1, TOKENS);
    let rows = (TOKENS / row).max(1);
    let vocab = start.config.vocab_size as u32;
    let tokens: Vec<u32> = (0..(rows * row) as u32).map(|i| i.wrapping_mul(2_654_435_761) % vocab).collect();
    let documents: Vec<_> = (0..rows).map(|i| i * row..(i + 1) * row).collect();
    let batch = Documents { tokens: &tokens, documents: &documents };
    // as many targets as the recipe's tokens are learnt, evenly spread
    let all = estimate(recipe, &start.config, counts, Basis::MeasuredFlops(1.0))?.supervised_share;
    let step = (1.0 / all.max(1e-3)).round().max(1.0) as usize;
    let targets: Vec<Target> = (0..tokens.len()).step_by(step).map(|row| Target { row, id: tokens[row] }).collect();
    let weights = vec![RowWeight { target: 1e-3, squared_log_z: 0.0 }; targets.len()];
    let mut seconds = f64::INFINITY;
    for _ in 0..2 {
        let begun = Instant::now();
        learner.forward(&cpu, &batch);
        learner.backward(&cpu, &batch, (&targets, &weights), &mut gradients);
        seconds = seconds.min(begun.elapsed().as_secs_f64());
    }
    Ok(per_token * tokens.len() as f64 / seconds.max(1e-9))
}
