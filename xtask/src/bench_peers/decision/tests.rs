//! Tests of what is concluded from samples.

use super::*;

fn measured(engine: Engine, flags: &str, values: &[f64]) -> Measured {
    let samples = values.iter().map(|&value| Sample { value, roof_share: None }).collect();
    Measured { engine, flags: flags.to_owned(), samples }
}

fn row(case: Case, measured: Vec<Measured>) -> Row {
    Row { case, weights: "bf16", measured }
}

#[test]
fn medians() {
    assert_eq!(median([]), None);
    assert_eq!(median([3.0]), Some(3.0));
    assert_eq!(median([9.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median([4.0, 1.0, 2.0, 100.0]), Some(3.0));
}

#[test]
fn a_ratio_above_one_means_that_we_are_better() {
    assert_eq!(ratio(Better::Higher, 300.0, 100.0), 3.0);
    assert_eq!(ratio(Better::Lower, 100.0, 300.0), 3.0);
}

#[test]
fn an_engine_keeps_the_flags_that_are_close_to_its_best() {
    let scouted = [
        (Engine::Smollm, 50.0),
        (Engine::Llama, 100.0),
        (Engine::Llama, 91.0),
        (Engine::Llama, 89.0),
        (Engine::Torch, 10.0),
    ];
    assert_eq!(contenders(Better::Higher, &scouted), [0, 1, 2, 4]);
    assert_eq!(contenders(Better::Lower, &scouted), [0, 2, 3, 4]);
    assert_eq!(contenders(Better::Higher, &[]), [0; 0]);
}

#[test]
fn the_best_flags_count_and_the_strongest_peer_is_the_measure() {
    let row = row(
        Case::Decode,
        vec![
            measured(Engine::Llama, "-fa on", &[40.0, 60.0, 50.0]),
            measured(Engine::Llama, "-fa off", &[70.0, 80.0, 75.0]),
            measured(Engine::Torch, "", &[60.0]),
            measured(Engine::Smollm, "", &[150.0]),
        ],
    );
    assert_eq!(row.best_of(Engine::Llama).unwrap().flags, "-fa off");
    assert_eq!(row.best_peer().unwrap().median(), Some(75.0));
    assert_eq!(row.lead(), Some(2.0));
    assert_eq!(row.best_of(Engine::OpenVino), None);
}

#[test]
fn less_time_is_better() {
    let row = row(
        Case::Cold,
        vec![
            measured(Engine::Smollm, "", &[100.0]),
            measured(Engine::Llama, "-fa on", &[250.0]),
            measured(Engine::Llama, "-fa off", &[200.0]),
        ],
    );
    assert_eq!(row.best_peer().unwrap().flags, "-fa off");
    assert_eq!(row.lead(), Some(2.0));
}

#[test]
fn who_failed_is_nobody_s_measure() {
    let failed = measured(Engine::Llama, "", &[]);
    assert_eq!((failed.median(), failed.range()), (None, None));
    let alone = row(Case::Decode, vec![measured(Engine::Smollm, "", &[1.0]), failed.clone()]);
    assert_eq!(alone.lead(), None);
    let rivals = row(Case::Decode, vec![failed, measured(Engine::Torch, "", &[2.0])]);
    assert_eq!(rivals.best_peer().unwrap().engine, Engine::Torch);
    assert_eq!(rivals.lead(), None);
}

#[test]
fn the_roof_share_is_a_median_too() {
    let mut ours = measured(Engine::Smollm, "", &[1.0, 2.0, 3.0]);
    for (sample, share) in ours.samples.iter_mut().zip([0.5, 0.9, 0.8]) {
        sample.roof_share = Some(share);
    }
    assert_eq!(ours.roof_share(), Some(0.8));
    assert_eq!(ours.range(), Some((1.0, 3.0)));
}
