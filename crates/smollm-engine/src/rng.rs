//! The random number of a request's n-th draw: a function of seed and n alone, so nothing that runs beside the request
//! can change it.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Uniform in [0, 1), 53 bits.
pub(crate) fn uniform(seed: u64, draw: u64) -> f64 {
    let bits = mix(mix(seed).wrapping_add(draw));
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// SplitMix64 (Steele, Lea, Flood 2014).
fn mix(x: u64) -> u64 {
    let z = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A seed for a request that gives none. The standard library keys its hash maps from the system's randomness.
pub fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_uniform_and_depend_on_seed_and_draw() {
        let draws: Vec<f64> = (0..100_000).map(|n| uniform(3, n)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        assert!(draws.iter().all(|u| (0.0..1.0).contains(u)));
        assert_ne!(uniform(3, 0), uniform(4, 0));
        assert_ne!(uniform(3, 0), uniform(3, 1));
        assert_ne!(random_seed(), random_seed());
    }
}
