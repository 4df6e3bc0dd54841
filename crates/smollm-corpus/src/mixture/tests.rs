//! Shares are exact at any row, and any row is found at once.

use super::*;
use proptest::prelude::*;

fn stage(from_tokens: u64, weights: &[f64]) -> Stage {
    Stage { from_tokens, weights: weights.to_vec() }
}

proptest! {
    #[test]
    fn ranks_follow_each_other_and_shares_are_kept(
        weights in prop::collection::vec(0.0f64..1.0, 1..8), later in prop::collection::vec(0.0f64..1.0, 8), switch in 1u64..500, seed: u64,
    ) {
        prop_assume!(weights.iter().any(|&weight| weight > 0.0) && later[..weights.len()].iter().any(|&weight| weight > 0.0));
        let datasets = weights.len();
        let stages = [stage(0, &weights), stage(switch * 10, &later[..datasets])];
        let mixture = Mixture::new(&stages, datasets, 10, seed).unwrap();
        let mut given = vec![0; datasets];
        let (total, later_total): (f64, f64) = (weights.iter().sum(), later[..datasets].iter().sum());
        for n in 0..1000 {
            prop_assert_eq!(&mixture.counts(n), &given);
            let Draw { dataset, nth } = mixture.row(n);
            prop_assert_eq!(nth, given[dataset]);
            given[dataset] += 1;
            let (first, second) = ((n + 1).min(switch) as f64, (n + 1).saturating_sub(switch) as f64);
            for d in 0..datasets {
                let share = first * weights[d] / total + second * later[d] / later_total;
                let stages = if n < switch { 1.0 } else { 2.0 };
                prop_assert!((given[d] as f64 - share).abs() < stages * datasets as f64, "{d}: {} of {share}", given[d]);
            }
        }
    }
}

/// The first mix of SmolLM-135M over the rows of its whole training.
#[test]
fn weights_are_exact_in_the_long_run() {
    let weights = [0.70, 0.15, 0.08, 0.06, 0.01];
    let mixture = Mixture::new(&[stage(0, &weights)], 5, 2048, 42).unwrap();
    let rows = 600_000 * 512;
    for (count, weight) in mixture.counts(rows).into_iter().zip(weights) {
        assert!((count as f64 - weight * rows as f64).abs() < 2.0, "{count} of {rows} for {weight}");
    }
    // Within one step of 512 rows too.
    let (before, after) = (mixture.counts(100 * 512), mixture.counts(101 * 512));
    let step: Vec<u64> = before.iter().zip(after).map(|(before, after)| after - before).collect();
    assert!(step[0].abs_diff(358) <= 1 && step[4].abs_diff(5) <= 1, "{step:?}");
}

#[test]
fn a_weight_of_nothing_gives_nothing() {
    let mixture = Mixture::new(&[stage(0, &[0.0, 1.0, 0.0]), stage(95, &[1.0, 0.0, 0.0])], 3, 10, 3).unwrap();
    assert_eq!(mixture.counts(10), [0, 10, 0]);
    assert_eq!(mixture.row(9), Draw { dataset: 1, nth: 9 });
    assert_eq!(mixture.row(10), Draw { dataset: 0, nth: 0 });
    assert_eq!(mixture.counts(12), [2, 10, 0]);
}

#[test]
fn stages_that_are_none_are_refused() {
    let fault = |stages: &[Stage]| Mixture::new(stages, 2, 10, 0).unwrap_err();
    assert_eq!(fault(&[]), MixtureError::Order { stage: 0 });
    assert_eq!(fault(&[stage(1, &[1.0, 1.0])]), MixtureError::Order { stage: 0 });
    assert_eq!(fault(&[stage(0, &[1.0, 1.0]), stage(0, &[1.0, 1.0])]), MixtureError::Order { stage: 1 });
    assert_eq!(fault(&[stage(0, &[1.0])]), MixtureError::Count { stage: 0, given: 1, datasets: 2 });
    for weights in [[0.0, 0.0], [-1.0, 2.0], [f64::NAN, 1.0], [f64::INFINITY, 1.0]] {
        assert_eq!(fault(&[stage(0, &weights)]), MixtureError::Weights { stage: 0 });
    }
}
