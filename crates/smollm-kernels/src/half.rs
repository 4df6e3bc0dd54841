//! Conversions between f32 and the two 16-bit float types, as bit patterns; narrowing rounds to nearest, ties to even.
//!
//! These are the plain definitions. Kernels use the machine's own instructions where a row has them, and the tests hold
//! those against these functions for all 65,536 patterns.

/// The f32 with exactly the value of a bf16 (its upper half).
#[inline(always)]
pub fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The nearest bf16; NaN stays NaN (quiet, payload cut), overflow becomes infinity.
#[inline(always)]
pub fn f32_to_bf16(value: f32) -> u16 {
    (round_to_bf16(value).to_bits() >> 16) as u16
}

/// The nearest bf16, widened to f32 again.
#[inline(always)]
pub fn round_to_bf16(value: f32) -> f32 {
    let bits = value.to_bits();
    // Adding just under half a unit, plus one where the kept part is odd, carries exactly when RNE rounds up.
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
    let quiet = bits | 0x0040_0000;
    f32::from_bits(if value.is_nan() { quiet } else { rounded } & 0xffff_0000)
}

/// The f32 with exactly the value of an f16.
#[inline(always)]
pub fn f16_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let magnitude = u32::from(bits & 0x7fff);
    let widened = match magnitude {
        // Subnormals are multiples of 2^-24, all exact in f32.
        0..0x0400 => (magnitude as f32 * f32::from_bits(0x3380_0000)).to_bits(),
        0x0400..0x7c00 => (magnitude << 13) + ((127 - 15) << 23),
        0x7c00 => 0x7f80_0000,
        _ => 0x7fc0_0000 | (magnitude << 13),
    };
    f32::from_bits(sign | widened)
}

/// The nearest f16; NaN stays NaN (quiet, payload cut), overflow becomes infinity.
#[inline(always)]
pub fn f32_to_f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    let narrowed = if magnitude > 0x7f80_0000 {
        0x7e00 | ((magnitude >> 13) as u16 & 0x01ff)
    } else if magnitude >= 0x4780_0000 {
        // 65,536 and above.
        0x7c00
    } else if magnitude >= 0x3880_0000 {
        // Normal in f16: rebias, then round off 13 bits; a carry into the exponent is right, up to infinity.
        let rebiased = magnitude - ((127 - 15) << 23);
        ((rebiased + 0x0fff + ((rebiased >> 13) & 1)) >> 13) as u16
    } else {
        // Subnormal in f16: adding 0.5 leaves a multiple of 2^-24 in the low bits, rounded to even by the addition.
        let aligned = f32::from_bits(magnitude) + 0.5;
        (aligned.to_bits() - 0x3f00_0000) as u16
    };
    sign | narrowed
}

/// Widens a slice of bf16 patterns.
///
/// # Panics
/// If the lengths differ.
pub fn bf16s_to_f32s(from: &[u16], to: &mut [f32]) {
    convert(from, to, bf16_to_f32);
}

/// Narrows a slice to bf16 patterns.
///
/// # Panics
/// If the lengths differ.
pub fn f32s_to_bf16s(from: &[f32], to: &mut [u16]) {
    convert(from, to, f32_to_bf16);
}

/// Widens a slice of f16 patterns.
///
/// # Panics
/// If the lengths differ.
pub fn f16s_to_f32s(from: &[u16], to: &mut [f32]) {
    convert(from, to, f16_to_f32);
}

/// Narrows a slice to f16 patterns.
///
/// # Panics
/// If the lengths differ.
pub fn f32s_to_f16s(from: &[f32], to: &mut [u16]) {
    convert(from, to, f32_to_f16);
}

#[inline(always)]
pub(crate) fn convert<A: Copy, B>(from: &[A], to: &mut [B], one: impl Fn(A) -> B) {
    assert_eq!(from.len(), to.len(), "conversion between slices of different length");
    for (to, &from) in to.iter_mut().zip(from) {
        *to = one(from);
    }
}

#[cfg(test)]
mod tests;
