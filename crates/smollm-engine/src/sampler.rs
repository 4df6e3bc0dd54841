//! From logits to the next token: penalties, bias, temperature, filters, and one reproducible draw.

#[cfg(test)]
mod tests;

use crate::filter::{filtered, weight};
use crate::rng::uniform;
use crate::sampling::SamplingParams;
use smollm_kernels::ops::{argmax, exp_minus};
use std::collections::HashMap;

/// Weights whose sum is looked at before they are.
const BLOCK: usize = 64;

/// The sampling state of one sequence.
#[derive(Debug, Clone)]
pub struct Sampler {
    params: SamplingParams,
    /// How often each token stands in the answer; zero for tokens that stand in the prompt only, which are here if they count.
    seen: HashMap<u32, u32>,
    draws: u64,
}

impl Sampler {
    /// For an answer to `prompt`, whose tokens the repetition penalty counts too.
    pub fn new(params: SamplingParams, prompt: &[u32]) -> Self {
        let counted = if params.repetition_penalty == 1.0 { &[] } else { prompt };
        let seen = counted.iter().map(|&id| (id, 0)).collect();
        Self { params, seen, draws: 0 }
    }

    /// Chooses the next token and takes note of it. `logits` (V) are used up. `None` if every token is impossible (minus
    /// infinity or NaN).
    pub fn next(&mut self, logits: &mut [f32]) -> Option<u32> {
        self.penalise(logits);
        let id = if self.params.temperature == 0.0 { largest(logits) } else { self.draw(logits) }?;
        *self.seen.entry(id).or_default() += 1;
        Some(id)
    }

    /// Takes note that `id` stands in the answer where `drawn`, the last token that was chosen, would have stood.
    pub fn replace(&mut self, drawn: u32, id: u32) {
        if let Some(count) = self.seen.get_mut(&drawn) {
            *count = count.saturating_sub(1);
        }
        *self.seen.entry(id).or_default() += 1;
    }

    fn penalise(&self, logits: &mut [f32]) {
        let p = &self.params;
        if p.repetition_penalty != 1.0 || p.frequency_penalty != 0.0 || p.presence_penalty != 0.0 {
            for (&id, &count) in &self.seen {
                let logit = &mut logits[id as usize];
                *logit = if *logit > 0.0 { *logit / p.repetition_penalty } else { *logit * p.repetition_penalty };
                *logit -= count as f32 * p.frequency_penalty;
                if count > 0 {
                    *logit -= p.presence_penalty;
                }
            }
        }
        for &(id, bias) in &p.logit_bias {
            logits[id as usize] += bias;
        }
    }

    fn draw(&mut self, logits: &mut [f32]) -> Option<u32> {
        let p = &self.params;
        let max = logits[largest(logits)? as usize];
        for logit in &mut *logits {
            // Taken from the largest first, no temperature and no bias can make infinities that are then told apart by
            // nothing. NaN sorts above everything and would be drawn for ever; it is as impossible as minus infinity.
            // All three are computed and one is taken, without a branch, so that lanes go side by side.
            let l = *logit;
            let scaled = (l - max) / p.temperature;
            let above = if l == max { 0.0 } else { scaled };
            *logit = if l.is_nan() { f32::NEG_INFINITY } else { above };
        }
        let u = uniform(p.seed, self.draws);
        self.draws += 1;
        let unfiltered = p.top_k == 0 && p.top_p >= 1.0 && p.min_p <= 0.0;
        if unfiltered {
            exp_minus(logits, 0.0);
            return Some(pick_of_many(u, logits) as u32);
        }
        let kept = filtered(logits, p.top_k, p.top_p, p.min_p);
        let weights: Vec<f64> = kept.iter().map(|candidate| weight(candidate.logit, kept[0].logit)).collect();
        Some(kept[pick(u, &weights)].id)
    }
}

/// The index of the weight in whose share of the total `u` falls.
fn pick(u: f64, weights: &[f64]) -> usize {
    place(u * weights.iter().sum::<f64>(), weights.iter().copied())
}

/// The index of the weight in which `left` falls, the weights laid end to end.
fn place(mut left: f64, weights: impl Iterator<Item = f64>) -> usize {
    let mut last = 0;
    for (index, w) in weights.enumerate() {
        if w > 0.0 {
            last = index;
            if left < w {
                break;
            }
            left -= w;
        }
    }
    last // rounding may leave a crumb after the last one; it belongs to it
}

/// As [`pick`], for the weights of a vocabulary: the share is found among blocks of them first.
fn pick_of_many(u: f64, weights: &[f32]) -> usize {
    let blocks: Vec<f64> = weights.chunks(BLOCK).map(block_sum).collect();
    let (mut left, mut before) = (0.0, u * blocks.iter().sum::<f64>());
    let mut start = 0;
    for (index, &sum) in blocks.iter().enumerate().filter(|(_, sum)| **sum > 0.0) {
        (start, left) = (index * BLOCK, before);
        if left < sum {
            break;
        }
        before -= sum;
    }
    let block = &weights[start..weights.len().min(start + BLOCK)];
    start + place(left, block.iter().map(|&w| f64::from(w)))
}

/// The sum of a block's weights, lanes side by side.
fn block_sum(block: &[f32]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    for weights in block.chunks(lanes.len()) {
        lanes.iter_mut().zip(weights).for_each(|(lane, &weight)| *lane += f64::from(weight));
    }
    lanes.iter().sum()
}

/// The lowest id among the largest logits, ignoring NaN; `None` if there is nothing above minus infinity.
fn largest(logits: &[f32]) -> Option<u32> {
    let id = argmax(logits);
    logits.get(id).filter(|&&logit| logit > f32::NEG_INFINITY).map(|_| id as u32)
}
