//! Frequencies against values worked out by hand from the formulas.

use super::*;

fn frequencies(scaling: RopeScaling) -> (Vec<f32>, f32) {
    RopeConfig { theta: 10_000.0, scaling }.frequencies(8, 64)
}

#[test]
fn plain_frequencies_are_a_geometric_sequence() {
    assert_eq!(frequencies(RopeScaling::None), (vec![1.0, 0.1, 0.01, 0.001], 1.0));
}

#[test]
fn linear_divides() {
    assert_eq!(frequencies(RopeScaling::Linear { factor: 2.0 }).0, [0.5, 0.05, 0.005, 0.0005]);
}

#[test]
fn divisors_divide_one_by_one() {
    let divisors = vec![1.0, 2.0, 4.0, 8.0];
    assert_eq!(frequencies(RopeScaling::Divisors(divisors)).0, [1.0, 0.05, 0.0025, 0.000_125]);
}

#[test]
fn yarn_keeps_fast_frequencies_and_interpolates_slow_ones() {
    let scaling = RopeScaling::Yarn {
        factor: 4.0,
        original_context: Some(64),
        beta_fast: 32.0,
        beta_slow: 1.0,
        attention_factor: None,
    };
    let (f, scale) = frequencies(scaling);
    // low = floor(8 ln(64 / 64pi) / 2 ln 1e4) < 0 -> 0; high = ceil(8 ln(64 / 2pi) / 2 ln 1e4) = ceil(1.008) = 2
    let expected = [1.0, 0.1 * (0.5 + 0.5 / 4.0), 0.01 / 4.0, 0.001 / 4.0];
    for (a, b) in f.iter().zip(expected) {
        assert!((a - b).abs() < 1e-7 * b.max(1e-3), "{f:?}");
    }
    assert!((scale - (0.1 * 4f32.ln() + 1.0)).abs() < 1e-7);
}

#[test]
fn impossible_values_are_refused() {
    let check = |theta, scaling: RopeScaling| RopeConfig { theta, scaling }.validate(8, 64).unwrap_err().0;
    assert_eq!(check(0.0, RopeScaling::None), "rope_theta");
    assert_eq!(check(f64::NAN, RopeScaling::None), "rope_theta");
    assert_eq!(check(1e4, RopeScaling::Linear { factor: -1.0 }), "rope_scaling.factor");
    assert_eq!(check(1e4, RopeScaling::Divisors(vec![1.0; 3])), "rope_freqs.weight");
}
