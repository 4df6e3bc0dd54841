//! From logits to the next token: penalties, bias, temperature, filters, and one reproducible draw.

#[cfg(test)]
mod tests;

use crate::filter::{Candidate, filtered, weight};
use crate::rng::uniform;
use crate::sampling::SamplingParams;
use std::collections::HashMap;

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
            *logit = match *logit {
                l if l.is_nan() => f32::NEG_INFINITY,
                l if l == max => 0.0,
                l => (l - max) / p.temperature,
            };
        }
        let u = uniform(p.seed, self.draws);
        self.draws += 1;
        let unfiltered = p.top_k == 0 && p.top_p >= 1.0 && p.min_p <= 0.0;
        if unfiltered {
            let all = || logits.iter().enumerate().map(|(id, &logit)| Candidate { id: id as u32, logit });
            return Some(pick(u, all));
        }
        let kept = filtered(logits, p.top_k, p.top_p, p.min_p);
        Some(pick(u, || kept.iter().copied()))
    }
}

/// The candidate in whose share of the total mass `u` falls.
fn pick<I: Iterator<Item = Candidate>>(u: f64, candidates: impl Fn() -> I) -> u32 {
    let max = candidates().map(|c| c.logit).fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = candidates().map(|c| weight(c.logit, max)).sum();
    let mut left = u * total;
    let mut last = 0;
    for candidate in candidates() {
        let w = weight(candidate.logit, max);
        if w > 0.0 {
            last = candidate.id;
            if left < w {
                break;
            }
            left -= w;
        }
    }
    last // rounding may leave a crumb after the last candidate; it belongs to it
}

/// The lowest id among the largest logits, ignoring NaN; `None` if there is nothing above minus infinity.
fn largest(logits: &[f32]) -> Option<u32> {
    let mut best: Option<(u32, f32)> = None;
    for (id, &logit) in logits.iter().enumerate() {
        if logit > best.map_or(f32::NEG_INFINITY, |(_, l)| l) {
            best = Some((id as u32, logit));
        }
    }
    best.map(|(id, _)| id)
}
