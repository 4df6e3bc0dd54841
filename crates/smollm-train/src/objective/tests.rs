//! Losses against their formulas written down anew, and derivatives against differences.

use super::preference::minus_log_sigmoid;
use super::*;
use smollm_corpus::feed::Sequence;

/// Two pairs of answers, with 3, 2, 1 and 4 supervised tokens.
fn pairs() -> (Batch, Vec<LogProb>) {
    let mut batch = Batch::default();
    for learnt in [vec![false, true, true, true], vec![true, true], vec![false, false, true], vec![true; 4]] {
        let start = batch.ids.len();
        batch.ids.extend((0..learnt.len()).map(|i| i as u32));
        batch.targets.extend((0..learnt.len()).map(|i| i as u32 + 1));
        batch.sequences.push(Sequence { inputs: start..start + learnt.len(), spans: 0..0 });
        batch.learnt.extend(learnt);
    }
    let log_prob = |i: usize| LogProb { log_prob: -0.3 - 0.17 * (i * i % 7) as f32, log_z: 2.0 + 0.4 * i as f32 };
    (batch, (0..10).map(log_prob).collect())
}

const REFERENCE: [f64; 4] = [-2.0, -1.9, -0.5, -3.3];

fn objectives() -> [Objective; 5] {
    let preference = |loss, beta| Objective::Preference(Preference { loss, beta });
    [
        Objective::NextToken { z_loss: 0.0 },
        Objective::NextToken { z_loss: 1e-2 },
        preference(PreferenceLoss::Sigmoid, 0.5),
        preference(PreferenceLoss::Ipo, 0.1),
        preference(PreferenceLoss::ApoZero, 0.7),
    ]
}

#[test]
fn weights_are_the_derivatives_of_the_loss() {
    let (batch, log_probs) = pairs();
    let totals = Totals::of([&batch]);
    for objective in objectives() {
        let judged = objective.judge(&batch, &log_probs, &REFERENCE, totals);
        for i in 0..log_probs.len() {
            let loss_at = |change: fn(&mut LogProb, f32), by: f32| {
                let mut moved = log_probs.clone();
                change(&mut moved[i], by);
                objective.judge(&batch, &moved, &REFERENCE, totals).loss
            };
            let slope =
                |change: fn(&mut LogProb, f32)| (loss_at(change, 1.0 / 128.0) - loss_at(change, -1.0 / 128.0)) * 64.0;
            let by_log_prob = slope(|p, by| p.log_prob += by);
            let by_log_z = slope(|p, by| p.log_z += by);
            let weight = judged.weights[i];
            assert!((f64::from(-weight.target) - by_log_prob).abs() < 2e-4, "{objective:?} {i}: {by_log_prob}");
            let expected = 2.0 * f64::from(log_probs[i].log_z * weight.squared_log_z);
            assert!((expected - by_log_z).abs() < 2e-4, "{objective:?} {i}: {by_log_z}");
        }
    }
}

#[test]
fn micro_batches_add_up_to_the_step() {
    let (batch, log_probs) = pairs();
    let totals = Totals::of([&batch, &batch]);
    for objective in objectives() {
        let whole = objective.judge(&batch, &log_probs, &REFERENCE, Totals::of([&batch]));
        let part = objective.judge(&batch, &log_probs, &REFERENCE, totals);
        assert!((2.0 * part.loss - whole.loss).abs() < 1e-12, "{objective:?}");
        for ((name, part), (_, whole)) in part.metrics.iter().zip(&whole.metrics) {
            assert!((2.0 * part - whole).abs() < 1e-12, "{objective:?} {name}");
        }
    }
}

#[test]
fn a_policy_that_is_its_reference_has_the_loss_ln_2() {
    let (batch, log_probs) = pairs();
    let reference: Vec<f64> =
        targets_of_sequences(&batch).iter().map(|targets| f64::from(sum(&log_probs, targets))).collect();
    let loss = |loss, beta| {
        let objective = Objective::Preference(Preference { loss, beta });
        objective.judge(&batch, &log_probs, &reference, Totals::of([&batch])).loss
    };
    assert!((loss(PreferenceLoss::Sigmoid, 0.5) - std::f64::consts::LN_2).abs() < 1e-12);
    assert!((loss(PreferenceLoss::Ipo, 0.5) - 1.0).abs() < 1e-12);
    assert!((loss(PreferenceLoss::ApoZero, 0.5) - 1.0).abs() < 1e-12);
}

#[test]
fn losses_of_ratios_are_their_formulas() {
    let ratios = |loss, beta| Preference { loss, beta }.of_ratios(0.8, -0.4).0;
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    assert!((ratios(PreferenceLoss::Sigmoid, 0.5) + sigmoid(0.6).ln()).abs() < 1e-12);
    assert!((ratios(PreferenceLoss::Ipo, 0.5) - 0.04).abs() < 1e-12);
    assert!((ratios(PreferenceLoss::ApoZero, 0.5) - (1.0 - sigmoid(0.4) + sigmoid(-0.2))).abs() < 1e-12);
    // far out nothing overflows
    assert_eq!(minus_log_sigmoid(-1e4), 1e4);
    assert_eq!(minus_log_sigmoid(1e4), 0.0);
}

#[test]
fn metrics_tell_how_far_answers_went_from_the_reference() {
    let (batch, log_probs) = pairs();
    let preference = Objective::Preference(Preference { loss: PreferenceLoss::Sigmoid, beta: 2.0 });
    let judged = preference.judge(&batch, &log_probs, &REFERENCE, Totals::of([&batch]));
    let sum = |range: Range<usize>| log_probs[range].iter().map(|p| f64::from(p.log_prob)).sum::<f64>();
    let sums = [sum(0..3), sum(3..5), sum(5..6), sum(6..10)];
    let ratio = |i: usize| sums[i] - REFERENCE[i];
    let right = [ratio(0) > ratio(1), ratio(2) > ratio(3)].iter().filter(|right| **right).count() as f64 / 2.0;
    let expected = [ratio(0) + ratio(2), ratio(1) + ratio(3), right, ratio(0) + ratio(2) - ratio(1) - ratio(3)];
    for ((name, value), expected) in judged.metrics.iter().zip(expected) {
        assert!((value - expected).abs() < 1e-6, "{name}: {value} and {expected}");
    }
    let (name, chosen) = judged.metrics[4];
    assert!(name == "logps/chosen" && (chosen - (sums[0] + sums[2]) / 2.0).abs() < 1e-6, "{chosen}");
}
