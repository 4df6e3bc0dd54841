//! The 16-bit conversions, exhaustively over all patterns and over what lies between two neighbours.

use super::*;

/// Value of a 16-bit float with `exponent_bits`, in f64 arithmetic straight from the definition of IEEE 754.
fn value(bits: u16, exponent_bits: u32) -> f64 {
    let fraction_bits = 15 - exponent_bits;
    let sign = if bits & 0x8000 != 0 { -1.0 } else { 1.0 };
    let exponent = i32::from((bits & 0x7fff) >> fraction_bits);
    let fraction = f64::from(bits & ((1 << fraction_bits) - 1)) / f64::from(1u32 << fraction_bits);
    let bias = (1 << (exponent_bits - 1)) - 1;
    if exponent == (1 << exponent_bits) - 1 {
        return if fraction == 0.0 { sign * f64::INFINITY } else { f64::NAN };
    }
    if exponent == 0 {
        sign * fraction * 2f64.powi(1 - bias)
    } else {
        sign * (1.0 + fraction) * 2f64.powi(exponent - bias)
    }
}

fn check(exponent_bits: u32, widen: fn(u16) -> f32, narrow: fn(f32) -> u16) {
    for bits in 0..=u16::MAX {
        let (expected, got) = (value(bits, exponent_bits), widen(bits));
        if expected.is_nan() {
            assert!(got.is_nan() && widen(narrow(got)).is_nan(), "{bits:#06x}");
            continue;
        }
        assert!(f64::from(got) == expected && got.is_sign_negative() == (bits & 0x8000 != 0), "{bits:#06x}: {got}");
        assert_eq!(narrow(got), bits, "{bits:#06x} does not survive the round trip");
        // Between this and the next larger magnitude: the tie goes to the even pattern, its neighbours to the nearest.
        let next = bits.wrapping_add(1);
        if bits & 0x7fff == 0x7fff || value(next, exponent_bits).is_nan() || expected.is_infinite() {
            continue;
        }
        let step = value(bits, exponent_bits) - value(bits & 0x8000 | (bits & 0x7fff).saturating_sub(1), exponent_bits);
        let upper = value(next, exponent_bits);
        // The gap below infinity counts as one more step of the same size.
        let middle = if upper.is_infinite() { expected + step / 2.0 } else { f64::midpoint(expected, upper) };
        let tie = middle as f32;
        if f64::from(tie) != middle {
            continue; // subnormal bf16: half a step is no f32
        }
        let even = if bits & 1 == 0 { bits } else { next };
        assert_eq!(narrow(tie), even, "tie above {bits:#06x}");
        let (below, above) = (f32::from_bits(tie.to_bits() - 1), f32::from_bits(tie.to_bits() + 1));
        assert_eq!((narrow(below), narrow(above)), (bits, next), "beside the tie above {bits:#06x}");
    }
}

#[test]
fn f16_is_ieee_binary16() {
    check(5, f16_to_f32, f32_to_f16);
}

#[test]
fn bf16_is_the_upper_half_of_f32() {
    check(8, bf16_to_f32, f32_to_bf16);
}

#[test]
fn extremes_saturate_to_infinity_or_zero() {
    assert_eq!(f32_to_f16(f32::MAX), 0x7c00);
    assert_eq!(f32_to_f16(65_519.996), 0x7bff);
    assert_eq!(f32_to_f16(-65_520.0), 0xfc00);
    assert_eq!(f32_to_f16(f32::MIN_POSITIVE), 0);
    assert_eq!(f32_to_f16(-1e-30), 0x8000);
    assert_eq!(f32_to_bf16(f32::MAX), 0x7f80);
    assert!(bf16_to_f32(f32_to_bf16(f32::from_bits(0x7f80_0001))).is_nan());
    assert!(bf16_to_f32(f32_to_bf16(f32::from_bits(0xffff_ffff))).is_nan());
    assert!(f16_to_f32(f32_to_f16(f32::from_bits(0x7f80_0001))).is_nan());
}

#[test]
fn slices_convert_element_by_element() {
    let values: Vec<f32> = (0..37).map(|i| (i as f32 - 18.0) * 0.377).collect();
    let (mut bits, mut back) = (vec![0; 37], vec![0.0; 37]);
    f32s_to_f16s(&values, &mut bits);
    f16s_to_f32s(&bits, &mut back);
    assert!(values.iter().zip(&back).all(|(a, b)| (a - b).abs() <= a.abs() / 2048.0));
    f32s_to_bf16s(&values, &mut bits);
    bf16s_to_f32s(&bits, &mut back);
    assert!(values.iter().zip(&back).all(|(a, b)| *b == round_to_bf16(*a)));
}
