//! Tests of the order in which everyone runs, and of who drops out.

use super::*;
use anyhow::bail;

const ENGINES: [Engine; 4] = [Engine::Smollm, Engine::Llama, Engine::Llama, Engine::Torch];

/// Runs with the values that `answers` gives each starter in its n-th run, and records the order.
fn outcome(rounds: usize, answers: impl Fn(usize, usize) -> Option<f64>) -> (Vec<usize>, Outcome) {
    let mut order = Vec::new();
    let outcome = take_turns(Better::Higher, &ENGINES, rounds, |index| {
        let earlier = order.iter().filter(|&&ran| ran == index).count();
        order.push(index);
        match answers(index, earlier) {
            Some(value) => Ok(Sample { value, roof_share: None }),
            None => bail!("{index} failed"),
        }
    });
    (order, outcome)
}

fn values(outcome: &Outcome) -> Vec<(usize, Vec<f64>)> {
    let values = |samples: &Vec<Sample>| samples.iter().map(|sample| sample.value).collect();
    outcome.finished.iter().map(|(index, samples)| (*index, values(samples))).collect()
}

#[test]
fn the_chosen_take_turns_and_scouting_does_not_count() {
    let (order, outcome) = outcome(2, |index, earlier| Some([100.0, 10.0, 50.0, 20.0][index] + earlier as f64));
    assert_eq!(order, [0, 1, 2, 3, 0, 2, 3, 0, 2, 3]);
    assert_eq!(values(&outcome), [(0, vec![101.0, 102.0]), (2, vec![51.0, 52.0]), (3, vec![21.0, 22.0])]);
    assert!(outcome.failed.is_empty());
}

#[test]
fn who_fails_runs_no_more_and_counts_for_nothing() {
    let answers = |index, earlier| match (index, earlier) {
        (2, 0) | (3, 2) => None, // at scouting, and in the second round
        _ => Some(10.0),
    };
    let (order, outcome) = outcome(3, answers);
    assert_eq!(order, [0, 1, 2, 3, 0, 1, 3, 0, 1, 3, 0, 1]);
    assert_eq!(values(&outcome), [(0, vec![10.0; 3]), (1, vec![10.0; 3])]);
    let failed: Vec<String> = outcome.failed.iter().map(|(index, error)| format!("{index}: {error}")).collect();
    assert_eq!(failed, ["2: 2 failed", "3: 3 failed"]);
}
