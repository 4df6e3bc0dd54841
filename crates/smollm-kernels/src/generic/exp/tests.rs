//! The exponential against f64 over its whole range, and at its ends.

use super::exp;
use crate::arch::Portable;
use crate::lanes::Chunk;

fn exps(x: Chunk<f32>) -> Chunk<f32> {
    exp(Portable, x)
}

#[test]
fn within_a_unit_or_so_in_the_last_place() {
    // Every 65,537th bit pattern of each sign up to the bounds.
    for sign in [0u32, 1 << 31] {
        for start in (0..0x42d0_0000u32).step_by(16 * 65_537) {
            let x: Chunk<f32> = std::array::from_fn(|i| f32::from_bits(sign | (start + i as u32 * 65_537)));
            for (x, got) in x.into_iter().zip(exps(x)) {
                let expected = f64::from(x).exp();
                let bound = if x < -87.33 { f64::from(f32::MIN_POSITIVE) } else { 1.3e-7 * expected }; // 0 will do for what is subnormal
                if expected < f64::from(f32::MAX) {
                    assert!((f64::from(got) - expected).abs() <= bound, "exp({x}) is {got:e}, not {expected:e}");
                }
            }
        }
    }
}

#[test]
fn ends_are_zero_infinity_and_nan() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let x = [0.0, -0.0, -inf, -200.0, -104.0, inf, 1e9, 89.0, nan, -nan, 1e-30, -1e-30, 88.7, -87.0, -100.0, 1.0];
    let got = exps(x);
    assert_eq!(got[..8], [1.0, 1.0, 0.0, 0.0, 0.0, inf, inf, inf]);
    assert!(got[8].is_nan() && got[9].is_nan());
    assert_eq!(got[10..12], [1.0, 1.0]);
    assert!(got[12].is_finite() && got[13] > 0.0);
    assert_eq!(got[14], 0.0);
}
