//! Fresh weights are normal, reproducible and independent of how they are cut.

use super::*;
use crate::params::params;
use crate::presets::preset;

#[test]
fn quantiles_match_published_values() {
    // standard normal table
    for (p, z) in [(0.5, 0.0), (0.975, 1.959_964), (0.001, -3.090_232), (0.841_344_75, 1.0), (1e-12, -7.034_484)] {
        assert!((normal_quantile(p) - z).abs() < 3e-6, "{p}: {}", normal_quantile(p));
    }
}

#[test]
fn values_do_not_depend_on_how_they_are_cut() {
    let config = preset("smollm2-135m").unwrap();
    let param = &params(&config)[2];
    let mut whole = vec![0.0; 1000];
    initial_values(&config, param, 7, 0, &mut whole);
    let mut part = vec![0.0; 300];
    initial_values(&config, param, 7, 450, &mut part);
    assert_eq!(part, whole[450..750]);
    initial_values(&config, param, 8, 450, &mut part);
    assert_ne!(part, whole[450..750]);
}

#[test]
fn moments_are_those_of_the_initializer_range() {
    let config = preset("smollm2-360m").unwrap();
    let param = &params(&config)[0];
    let mut values = vec![0.0; 200_000];
    initial_values(&config, param, 0, 0, &mut values);
    let n = values.len() as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let deviation = (values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n).sqrt();
    assert!(mean.abs() < 3e-4, "{mean}");
    assert!((deviation / 0.02 - 1.0).abs() < 0.01, "{deviation}");
}
