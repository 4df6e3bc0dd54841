//! Each parameter against its definition, and the draw against the distribution.

use super::*;

fn params() -> SamplingParams {
    SamplingParams::default()
}

/// The token chosen from `logits` after `prompt` and `answer`.
fn next_after(params: SamplingParams, prompt: &[u32], answer: &[u32], logits: &[f32]) -> Option<u32> {
    let mut sampler = Sampler::new(params, prompt);
    for &id in answer {
        *sampler.seen.entry(id).or_default() += 1;
    }
    sampler.next(&mut logits.to_vec())
}

#[test]
fn greedy_takes_the_largest_and_the_first_of_equals() {
    assert_eq!(next_after(params(), &[], &[], &[1.0, 3.0, 3.0, -5.0]), Some(1));
    assert_eq!(next_after(params(), &[], &[], &[f32::NAN, -3.0, f32::NAN]), Some(1));
    assert_eq!(next_after(params(), &[], &[], &[f32::NAN; 3]), None);
}

#[test]
fn repetition_penalty_counts_the_prompt_and_treats_signs_apart() {
    let p = || SamplingParams { repetition_penalty: 2.0, ..params() };
    assert_eq!(next_after(p(), &[0], &[], &[3.0, 2.0]), Some(1)); // 1.5 against 2
    assert_eq!(next_after(p(), &[], &[0], &[3.0, 2.0]), Some(1));
    assert_eq!(next_after(p(), &[0], &[], &[-2.0, -3.0]), Some(1)); // -4 against -3
    assert_eq!(next_after(p(), &[0, 0, 0], &[0], &[5.0, 2.0]), Some(0)); // once, however often seen
}

#[test]
fn frequency_and_presence_penalties_count_the_answer_only() {
    let frequency = || SamplingParams { frequency_penalty: 0.6, ..params() };
    assert_eq!(next_after(frequency(), &[0, 0, 0], &[], &[2.0, 1.0]), Some(0));
    assert_eq!(next_after(frequency(), &[], &[0], &[2.0, 1.0]), Some(0)); // 1.4
    assert_eq!(next_after(frequency(), &[], &[0, 0], &[2.0, 1.0]), Some(1)); // 0.8
    let presence = || SamplingParams { presence_penalty: 0.6, ..params() };
    assert_eq!(next_after(presence(), &[], &[0, 0], &[2.0, 1.0]), Some(0)); // 1.4, however often
    let negative = SamplingParams { presence_penalty: -2.0, ..params() };
    assert_eq!(next_after(negative, &[], &[1], &[2.0, 1.0]), Some(1));
}

#[test]
fn bias_adds() {
    let p = SamplingParams { logit_bias: vec![(0, -100.0), (2, 0.5)], ..params() };
    assert_eq!(next_after(p, &[], &[], &[9.0, 1.0, 0.8]), Some(2));
}

#[test]
fn draws_follow_the_distribution() {
    let logits = [0.1_f32, 0.2, 0.3, 0.4].map(f32::ln);
    let n = 40_000;
    for (temperature, expected) in
        [(1.0, [0.1, 0.2, 0.3, 0.4]), (0.5, [1.0 / 30.0, 4.0 / 30.0, 9.0 / 30.0, 16.0 / 30.0])]
    {
        let mut sampler = Sampler::new(SamplingParams { temperature, seed: 5, ..params() }, &[]);
        let mut counts = [0; 4];
        for _ in 0..n {
            counts[sampler.next(&mut logits.to_vec()).unwrap() as usize] += 1;
        }
        for (count, p) in counts.iter().zip(expected) {
            let sigma = (f64::from(n) * p * (1.0 - p)).sqrt();
            assert!((f64::from(*count) - f64::from(n) * p).abs() < 4.5 * sigma, "{counts:?} against {expected:?}");
        }
    }
}

#[test]
fn draws_from_a_vocabulary_follow_the_distribution_and_skip_what_has_no_weight() {
    // the shares of u are found in the same places as one after the other
    let mut weights: Vec<f32> = (0..49_152).map(|i| ((i * 37 % 101) as f32 / 10.0 - 8.0).exp()).collect();
    weights[64..900].fill(0.0);
    weights[49_000..].fill(0.0);
    let exact: Vec<f64> = weights.iter().map(|&w| f64::from(w)).collect();
    for step in 0..=2000 {
        let u = f64::from(step) / 2000.0;
        let (got, expected) = (pick_of_many(u, &weights), pick(u, &exact));
        assert!(weights[got] > 0.0);
        // sums of another order may round to the other side of a border
        let before: f64 = exact[..got].iter().sum();
        let (low, high) = (before, before + exact[got]);
        let at = u * exact.iter().sum::<f64>();
        assert!(got == expected || (low - 1e-6..=high + 1e-6).contains(&at), "{u}: {got}, not {expected}");
    }
    assert_eq!(pick_of_many(1.0, &weights), 48_999);
}

#[test]
fn filters_bound_what_is_drawn_and_seeds_repeat() {
    let logits: Vec<f32> = (0..1000).map(|i| -(i as f32) / 100.0).collect();
    let p = |seed| SamplingParams { temperature: 1.0, top_k: 5, seed, ..params() };
    let run = |seed| {
        let mut sampler = Sampler::new(p(seed), &[]);
        (0..200).map(|_| sampler.next(&mut logits.clone()).unwrap()).collect::<Vec<_>>()
    };
    assert!(run(1).iter().all(|&id| id < 5));
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn masked_tokens_are_never_drawn() {
    let mut logits = [f32::NEG_INFINITY; 50];
    logits[31] = -2.0;
    let mut sampler = Sampler::new(SamplingParams { temperature: 1.5, ..params() }, &[]);
    for _ in 0..100 {
        assert_eq!(sampler.next(&mut logits.clone()), Some(31));
    }
    assert_eq!(sampler.next(&mut [f32::NEG_INFINITY; 4]), None);
}

/// Nothing but the largest is drawn where the temperature is next to zero or a bias is beyond all bounds.
#[test]
fn extreme_temperatures_and_biases_decide() {
    let logits = [30.0_f32, 40.0, -5.0, 39.0];
    for (temperature, logit_bias, expected) in [
        (1e-40, vec![], 1),
        (f32::MIN_POSITIVE, vec![], 1),
        (1.0, vec![(2, f32::INFINITY)], 2),
        (1e-40, vec![(2, f32::MAX), (2, f32::MAX)], 2),
        (1.0, vec![(0, f32::NEG_INFINITY), (1, f32::NEG_INFINITY), (3, -1e30)], 2),
    ] {
        for top_k in [0, 3] {
            let p = SamplingParams { temperature, logit_bias: logit_bias.clone(), top_k, ..params() };
            p.validate(4).unwrap();
            assert_eq!(next_after(p, &[], &[], &logits), Some(expected), "{temperature} {logit_bias:?} top_k {top_k}");
        }
    }
}

#[test]
fn parameters_out_of_range_are_named() {
    let name = |p: SamplingParams| p.validate(10).unwrap_err().name;
    assert_eq!(name(SamplingParams { temperature: -0.1, ..params() }), "temperature");
    assert_eq!(name(SamplingParams { temperature: f32::NAN, ..params() }), "temperature");
    assert_eq!(name(SamplingParams { top_p: 0.0, ..params() }), "top_p");
    assert_eq!(name(SamplingParams { min_p: 1.1, ..params() }), "min_p");
    assert_eq!(name(SamplingParams { repetition_penalty: 0.0, ..params() }), "repetition_penalty");
    assert_eq!(name(SamplingParams { logit_bias: vec![(10, 0.0)], ..params() }), "logit_bias token");
    assert_eq!(params().validate(10), Ok(()));
}

#[test]
fn frequency_and_presence_penalties_count_the_answer_alone() {
    let answer = |params: SamplingParams| {
        let mut sampler = Sampler::new(params, &[1, 1, 1]);
        [(); 6].map(|()| sampler.next(&mut [0.0, 1.0]).unwrap())
    };
    let frequency = SamplingParams { frequency_penalty: 0.4, ..SamplingParams::default() };
    assert_eq!(answer(frequency), [1, 1, 1, 0, 1, 0], "1, 0.6, 0.2, -0.2 against 0, -0.2 against -0.4, -0.6");
    // The repetition penalty makes 0.8 of the logit and counts the prompt; presence does not.
    let presence = SamplingParams { presence_penalty: 0.9, repetition_penalty: 1.25, ..SamplingParams::default() };
    assert_eq!(answer(presence), [1, 0, 1, 1, 1, 1], "0.8, -0.1 against 0, then against -0.9");
}
