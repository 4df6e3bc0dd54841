//! Top-k, top-p and min-p over the logits of one position, without sorting the whole vocabulary.

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
    let mut all: Vec<Candidate> =
        logits.iter().enumerate().map(|(id, &logit)| Candidate { id: id as u32, logit }).collect();
    let limit = if top_k == 0 { all.len() } else { top_k.min(all.len()) };
    if top_p >= 1.0 && min_p <= 0.0 {
        return likeliest(&mut all, limit);
    }
    // A few hundred tokens nearly always hold the mass asked for; take more only when they do not.
    let mut taken = 256.min(limit);
    loop {
        let best = likeliest(&mut all, taken);
        // top-p counts mass among what top-k left, so with top-k on the total is that of the k likeliest
        let total = if top_k == 0 { mass(logits, best[0].logit) } else { mass_of(&likeliest(&mut all, limit)) };
        if let Some(kept) = cut(&best, total, top_p, min_p) {
            return kept;
        }
        if taken == limit {
            return best;
        }
        taken = (taken * 8).min(limit);
    }
}

/// The `n` likeliest of `all`, in order.
fn likeliest(all: &mut [Candidate], n: usize) -> Vec<Candidate> {
    let order = |a: &Candidate, b: &Candidate| b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id));
    if n < all.len() {
        all.select_nth_unstable_by(n, order);
    }
    let mut best = all[..n].to_vec();
    best.sort_unstable_by(order);
    best
}

/// Sum of `exp(logit - max)` over all tokens, in id order.
fn mass(logits: &[f32], max: f32) -> f64 {
    logits.iter().map(|&l| weight(l, max)).sum()
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
        assert_eq!(ids(&flat, 3000, 0.5, 0.0).len(), 1500);
    }

    #[test]
    fn masked_tokens_never_survive_a_mass_filter() {
        let mut logits = vec![f32::NEG_INFINITY; 100];
        logits[7] = 1.0;
        assert_eq!(ids(&logits, 0, 0.9, 0.0), [7]);
    }
}
