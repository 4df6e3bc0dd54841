//! From panels of blocks to what integer products take: for each unit of 32 numbers of a row eight lines of codes, a byte each,
//! and one or two lines of scales or minimums, in f32.

use crate::aligned::{lines, lines_mut};
use crate::dtype::Dtype;
use crate::dwords::Dwords;
use crate::lanes::{Chunk, LANES};

/// Numbers of a unit.
pub(crate) const UNIT: usize = 32;
/// Lines of codes of a unit: four numbers of sixteen rows each.
pub(crate) const CODES: usize = UNIT / 4;

/// What the codes of a type stand for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Meaning {
    /// scale * (code - offset), the code a signed byte and the offset what makes it unsigned.
    Signed,
    /// scale * (code - offset)
    Offset(i32),
    /// scale * (code - offset) with a scale for each half of the unit.
    Halves(i32),
    /// scale * code + minimum
    Affine,
}

impl Meaning {
    pub(crate) const fn of(dtype: Dtype) -> Self {
        match dtype {
            Dtype::Q8_0 => Self::Signed,
            Dtype::Q4_0 => Self::Offset(8),
            Dtype::Q5_0 => Self::Offset(16),
            Dtype::Q6_K => Self::Halves(32),
            _ => Self::Affine,
        }
    }

    /// Lines of a unit.
    pub(crate) const fn lines(self) -> usize {
        match self {
            Self::Signed | Self::Offset(_) => CODES + 1,
            Self::Halves(_) | Self::Affine => CODES + 2,
        }
    }
}

/// Expands the units of one block of sixteen rows; `words` and `halves` are its own, in the layout of `dtype`. (No iterators
/// here: where one is not inlined, the call costs more than a unit.)
#[inline(always)]
pub(crate) fn expand<S: Dwords>(
    s: S,
    dtype: Dtype,
    words: &[Chunk<i32>],
    halves: &[Chunk<u16>],
    out: &mut [Chunk<f32>],
) {
    match dtype {
        Dtype::Q8_0 => q8_0(s, words, halves, out),
        Dtype::Q4_0 => q4_0(s, words, halves, out),
        Dtype::Q5_0 => q5_0(s, words, halves, out),
        Dtype::Q4_K => q4_k(s, words, halves, out),
        Dtype::Q6_K => q6_k(s, words, halves, out),
        dtype => unreachable!("{dtype} has no panels"),
    }
}

#[inline(always)]
fn q8_0<S: Dwords>(s: S, words: &[Chunk<i32>], halves: &[Chunk<u16>], out: &mut [Chunk<f32>]) {
    let bias = s.splat_word(i32::from_le_bytes([S::BIAS as u8; 4]));
    let (words, d, out) = (&words[..8], &halves[0], &mut out[..CODES + 1]);
    for j in 0..8 {
        let codes = s.xor(s.load_words(&words[j]), bias);
        s.store_words(codes, line(&mut out[j]));
    }
    s.store(s.load_f16(d), &mut out[CODES]);
}

#[inline(always)]
fn q4_0<S: Dwords>(s: S, words: &[Chunk<i32>], halves: &[Chunk<u16>], out: &mut [Chunk<f32>]) {
    let nibble = s.splat_word(0x0f0f_0f0f);
    let (words, d, out) = (&words[..4], &halves[0], &mut out[..CODES + 1]);
    for j in 0..4 {
        let both = s.load_words(&words[j]);
        s.store_words(s.and(both, nibble), line(&mut out[j]));
        s.store_words(s.and(s.shift_right::<4>(both), nibble), line(&mut out[4 + j]));
    }
    s.store(s.load_f16(d), &mut out[CODES]);
}

#[inline(always)]
fn q5_0<S: Dwords>(s: S, words: &[Chunk<i32>], halves: &[Chunk<u16>], out: &mut [Chunk<f32>]) {
    let nibble = s.splat_word(0x0f0f_0f0f);
    let fifth = s.splat_word(0x1010_1010);
    let (words, d, out) = (&words[..5], &halves[0], &mut out[..CODES + 1]);
    // Bit j of each byte belongs to line j (see `panels::turned_bits`), and is wanted as bit 4.
    let bits = s.load_words(&words[4]);
    let high = [
        s.shift_left::<4>(bits),
        s.shift_left::<3>(bits),
        s.shift_left::<2>(bits),
        s.shift_left::<1>(bits),
        bits,
        s.shift_right::<1>(bits),
        s.shift_right::<2>(bits),
        s.shift_right::<3>(bits),
    ];
    for j in 0..4 {
        let both = s.load_words(&words[j]);
        let low = s.or(s.and(both, nibble), s.and(high[j], fifth));
        s.store_words(low, line(&mut out[j]));
        let upper = s.or(s.and(s.shift_right::<4>(both), nibble), s.and(high[4 + j], fifth));
        s.store_words(upper, line(&mut out[4 + j]));
    }
    s.store(s.load_f16(d), &mut out[CODES]);
}

/// Byte `BYTE` of each word, signed.
#[inline(always)]
fn signed_byte<S: Dwords>(s: S, words: S::I, byte: usize) -> S::F {
    let top = match byte {
        0 => s.shift_left::<24>(words),
        1 => s.shift_left::<16>(words),
        2 => s.shift_left::<8>(words),
        _ => words,
    };
    s.words_to_f32(s.shift_signed::<24>(top))
}

#[inline(always)]
fn q4_k<S: Dwords>(s: S, words: &[Chunk<i32>], halves: &[Chunk<u16>], out: &mut [Chunk<f32>]) {
    const LINES: usize = CODES + 2;
    let nibble = s.splat_word(0x0f0f_0f0f);
    let (six, two) = (s.splat_word(0x3f3f_3f3f), s.splat_word(0x0303_0303));
    let (words, d, dmin, out) = (&words[..35], &halves[0], &halves[1], &mut out[..8 * LINES]);
    // Twelve bytes hold eight scales and eight minimums of six bits (`quant::k_scales`), here of sixteen rows at once.
    let (a, b, c) = (s.load_words(&words[32]), s.load_words(&words[33]), s.load_words(&words[34]));
    let upper = |bits: S::I| s.shift_left::<4>(s.and(s.shift_right::<6>(bits), two));
    let scales = [s.and(a, six), s.or(s.and(c, nibble), upper(a))];
    let minimums = [s.and(b, six), s.or(s.and(s.shift_right::<4>(c), nibble), upper(b))];
    let (d, dmin) = (s.load_f16(d), s.sub(s.zero(), s.load_f16(dmin)));
    for unit in 0..8 {
        let out = &mut out[unit * LINES..][..LINES];
        for j in 0..CODES {
            let both = s.load_words(&words[unit / 2 * CODES + j]);
            let codes = if unit.is_multiple_of(2) { both } else { s.shift_right::<4>(both) };
            s.store_words(s.and(codes, nibble), line(&mut out[j]));
        }
        s.store(s.mul(d, signed_byte(s, scales[unit / 4], unit % 4)), &mut out[CODES]);
        s.store(s.mul(dmin, signed_byte(s, minimums[unit / 4], unit % 4)), &mut out[CODES + 1]);
    }
}

#[inline(always)]
fn q6_k<S: Dwords>(s: S, words: &[Chunk<i32>], halves: &[Chunk<u16>], out: &mut [Chunk<f32>]) {
    const LINES: usize = CODES + 2;
    let nibble = s.splat_word(0x0f0f_0f0f);
    let upper = s.splat_word(0x3030_3030);
    let (words, d, out) = (&words[..52], &halves[0], &mut out[..8 * LINES]);
    let d = s.load_f16(d);
    for unit in 0..8 {
        let out = &mut out[unit * LINES..][..LINES];
        // Of each half block unit i has the lower (i below 2) or upper halves of 32 bytes, and bits 2 i of 32 others.
        let (half, i) = (unit / 4, unit % 4);
        for j in 0..CODES {
            let low = s.load_words(&words[half * 16 + i % 2 * CODES + j]);
            let low = if i < 2 { low } else { s.shift_right::<4>(low) };
            let high = s.load_words(&words[32 + half * CODES + j]);
            let high = match i {
                0 => s.shift_left::<4>(high),
                1 => s.shift_left::<2>(high),
                2 => high,
                _ => s.shift_right::<2>(high),
            };
            s.store_words(s.or(s.and(low, nibble), s.and(high, upper)), line(&mut out[j]));
        }
        // Two scales for each unit, four to a word.
        let scales = s.load_words(&words[48 + unit / 2]);
        for part in 0..2 {
            s.store(s.mul(d, signed_byte(s, scales, unit % 2 * 2 + part)), &mut out[CODES + part]);
        }
    }
}

/// Halves as vectors.
pub(crate) fn half_vectors(halves: &[u16]) -> &[Chunk<u16>] {
    halves.as_chunks::<LANES>().0
}

/// The codes of a line.
#[inline(always)]
pub(crate) fn codes(line: &Chunk<f32>) -> &Chunk<i32> {
    &lines(std::slice::from_ref(line))[0]
}

/// A line that takes codes.
#[inline(always)]
fn line(line: &mut Chunk<f32>) -> &mut Chunk<i32> {
    &mut lines_mut(std::slice::from_mut(line))[0]
}
