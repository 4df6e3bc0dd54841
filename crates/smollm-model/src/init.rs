//! Fresh random weights: normal with `initializer_range` for matrices, ones for norms, as `transformers` initialises.
//!
//! Every element is a function of seed, tensor name and index alone, so a file does not depend on threads or order.

#[cfg(test)]
mod tests;

use crate::config::ModelConfig;
use crate::params::{Param, Shape};

/// Fills `out` with elements `start..start + out.len()` of the freshly initialised tensor `param`.
pub fn initial_values(config: &ModelConfig, param: &Param, seed: u64, start: usize, out: &mut [f32]) {
    if let Shape::Vector(_) = param.shape {
        out.fill(1.0);
        return;
    }
    let stream = stream(seed, &param.hf_name);
    for (i, value) in out.iter_mut().enumerate() {
        let bits = splitmix64(stream.wrapping_add((start + i) as u64)) >> 40;
        // 24 random bits at the centres of their cells, so that neither 0 nor 1 occurs
        let uniform = (bits as f64 + 0.5) / f64::from(1 << 24);
        *value = (normal_quantile(uniform) * f64::from(config.initializer_range)) as f32;
    }
}

/// Where the random numbers of a tensor begin: number i is [`splitmix64`] of this plus i.
pub fn stream(seed: u64, name: &str) -> u64 {
    splitmix64(seed ^ fnv1a64(name.as_bytes()))
}

/// SplitMix64 (Steele, Lea, Flood 2014): one 64-bit state to one well-mixed output.
#[inline]
pub fn splitmix64(x: u64) -> u64 {
    let z = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// FNV-1a, 64 bits.
fn fnv1a64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The standard normal quantile at `p` in (0, 1), to about 7 digits (Wichura 1988, algorithm AS 241, PPND7).
///
/// Rational functions instead of Box-Muller: 85 % of the draws need neither logarithm nor root.
fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * (((59.109_374_720 * r + 159.291_132_02) * r + 50.434_271_938) * r + 3.387_132_717_9)
            / (((67.187_563_600 * r + 78.757_757_664) * r + 17.895_169_469) * r + 1.0);
    }
    let r = (-p.min(1.0 - p).ln()).sqrt();
    let magnitude = if r <= 5.0 {
        let r = r - 1.6;
        (((0.170_238_211_03 * r + 1.306_728_481_6) * r + 2.756_815_390_0) * r + 1.423_437_277_7)
            / ((0.120_211_329_75 * r + 0.737_001_642_50) * r + 1.0)
    } else {
        let r = r - 5.0;
        (((0.017_337_203_997 * r + 0.428_682_943_37) * r + 3.081_226_386_0) * r + 6.657_905_115_0)
            / ((0.012_258_202_635 * r + 0.241_978_942_25) * r + 1.0)
    };
    magnitude.copysign(q)
}
