//! Top-k, top-p and min-p over the logits of one position, without sorting the whole vocabulary.

use smollm_kernels::ops::sum_exp;
use std::cmp::Ordering;

/// A token that may be drawn, with its logit after penalties, bias and temperature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) id: u32,
    pub(crate) logit: f32,
}

/// The tokens that survive the filters, likeliest first (equal logits: lower id first).
///
/// `top_k` 0, `top_p` 1 and `min_p` 0 are off. At least one token survives.
pub(crate) fn filtered(logits: &[f32], top_k: usize, top_p: f32, min_p: f32) -> Vec<Candidate> {
    let limit = if top_k == 0 { logits.len() } else { top_k.min(logits.len()) };
    if top_p >= 1.0 && min_p <= 0.0 {
        return likeliest(logits, limit);
    }
    // A few hundred tokens nearly always hold the mass asked for; take more only when they do not.
    let mut taken = 256.min(limit);
    loop {
        let best = likeliest(logits, taken);
        // top-p counts mass among what top-k left, so with top-k on the total is that of the k likeliest
        let total = if top_k == 0 { mass(logits, best[0].logit) } else { mass_of(&likeliest(logits, limit)) };
        if let Some(kept) = cut(&best, total, top_p, min_p) {
            return kept;
        }
        if taken == limit {
            return best;
        }
        taken = (taken * 8).min(limit);
    }
}

/// The `n` likeliest tokens, in order.
fn likeliest(logits: &[f32], n: usize) -> Vec<Candidate> {
    let mut best: Vec<Candidate> = Vec::with_capacity(n.saturating_mul(2).min(logits.len()));
    // Below this nothing is among them, for so many are known already.
    let mut floor: Option<f32> = None;
    for (index, block) in logits.chunks(BLOCK).enumerate() {
        if floor.is_some_and(|floor| !reaches(block, floor)) {
            continue;
        }
        for (&logit, id) in block.iter().zip((index * BLOCK) as u32..) {
            // a later one that is equal comes after all that are kept
            if floor.is_none_or(|floor| logit.total_cmp(&floor).is_gt()) {
                best.push(Candidate { id, logit });
            }
        }
        if best.len() >= n.saturating_mul(2).max(n + BLOCK) {
            keep(&mut best, n);
            floor = best.last().map(|last| last.logit);
        }
    }
    keep(&mut best, n);
    best.sort_unstable_by(order);
    best
}

/// Tokens that are looked at together.
const BLOCK: usize = 64;

/// Whether any of `block` is not below `floor`.
fn reaches(block: &[f32], floor: f32) -> bool {
    block.iter().fold(false, |any, &logit| any | (logit >= floor)) // no early end, so that lanes are compared side by side
}

/// Likeliest first, of equals the lower id.
fn order(a: &Candidate, b: &Candidate) -> Ordering {
    b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id))
}

/// Shrinks to the `n` first by [`order`], the last of which then stands at the end.
fn keep(best: &mut Vec<Candidate>, n: usize) {
    if n == 0 {
        best.clear();
    } else if n < best.len() {
        best.select_nth_unstable_by(n - 1, order);
        best.truncate(n);
    }
}

/// Sum of `exp(logit - max)` over all tokens.
fn mass(logits: &[f32], max: f32) -> f64 {
    f64::from(sum_exp(logits, max))
}

fn mass_of(candidates: &[Candidate]) -> f64 {
    candidates.iter().map(|c| weight(c.logit, candidates[0].logit)).sum()
}

/// The unnormalised probability of a logit.
pub(crate) fn weight(logit: f32, max: f32) -> f64 {
    f64::from(logit - max).exp()
}

/// The prefix of `best` that the filters keep, or `None` if all of it stays and more might.
///
/// top-p keeps a token while the mass before it is below p: the smallest set that reaches p, as `transformers` has it.
fn cut(best: &[Candidate], total: f64, top_p: f32, min_p: f32) -> Option<Vec<Candidate>> {
    let max = best[0].logit;
    let mut before = 0.0;
    for (i, candidate) in best.iter().enumerate() {
        let w = weight(candidate.logit, max);
        let enough = top_p < 1.0 && before / total >= f64::from(top_p);
        if i > 0 && (enough || w < f64::from(min_p)) {
            return Some(best[..i].to_vec());
        }
        before += w;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(logits: &[f32], top_k: usize, top_p: f32, min_p: f32) -> Vec<u32> {
        filtered(logits, top_k, top_p, min_p).iter().map(|c| c.id).collect()
    }

    /// ln of 0.5, 0.25, 0.125, 0.125 in another order.
    fn powers() -> Vec<f32> {
        [0.125_f32, 0.5, 0.125, 0.25].map(f32::ln).to_vec()
    }

    #[test]
    fn filters_keep_what_their_definition_says() {
        let cases: [(usize, f32, f32, &[u32]); 9] = [
            (0, 1.0, 0.0, &[1, 3, 0, 2]),
            (2, 1.0, 0.0, &[1, 3]),
            (9, 1.0, 0.0, &[1, 3, 0, 2]),
            (0, 0.4, 0.0, &[1]),
            (0, 0.6, 0.0, &[1, 3]),
            (0, 0.8, 0.0, &[1, 3, 0]),
            (0, 1e-6, 0.0, &[1]),
            (0, 1.0, 0.3, &[1, 3]),
            (2, 0.6, 0.0, &[1]), // among the two kept, the first has 2/3 of the mass
        ];
        for (k, p, m, expected) in cases {
            assert_eq!(ids(&powers(), k, p, m), expected, "top_k {k} top_p {p} min_p {m}");
        }
    }

    #[test]
    fn a_flat_distribution_needs_more_than_the_first_guess() {
        let flat = vec![0.0; 5000];
        assert_eq!(ids(&flat, 0, 0.5, 0.0).len(), 2500);
        assert_eq!(ids(&flat, 0, 1.0, 0.5).len(), 5000);
        assert_eq!(ids(&flat, 0, 1.0, 1.0).len(), 5000, "as likely as the likeliest is likely enough");
        assert_eq!(ids(&flat, 3000, 0.5, 0.0).len(), 1500);
    }

    #[test]
    fn the_likeliest_are_those_of_a_sort() {
        let mut state = 1_u64;
        let mut draw = move |values: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((state >> 33) % values) as f32 - 3.0
        };
        for (len, values) in [(1, 5), (63, 5), (64, 2), (1000, 7), (1000, 1 << 30), (5000, 1), (5000, 40)] {
            let mut logits: Vec<f32> = (0..len).map(|_| draw(values)).collect();
            logits.iter_mut().step_by(3).for_each(|l| *l = if *l < 0.0 { f32::NEG_INFINITY } else { *l * -0.0 });
            let mut sorted: Vec<Candidate> = (0..).zip(&logits).map(|(id, &logit)| Candidate { id, logit }).collect();
            sorted.sort_by(order);
            for n in [0, 1, 2, 40, 64, 100, 999, len].into_iter().filter(|&n| n <= len) {
                assert_eq!(likeliest(&logits, n), sorted[..n], "{n} of {len}");
            }
        }
    }

    #[test]
    fn masked_tokens_never_survive_a_mass_filter() {
        let mut logits = vec![f32::NEG_INFINITY; 100];
        logits[7] = 1.0;
        assert_eq!(ids(&logits, 0, 0.9, 0.0), [7]);
    }
}
