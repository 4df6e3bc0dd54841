//! From panels of blocks to what products take. To integer products: for each unit of 32 numbers of sixteen rows eight vectors of
//! codes, a byte each, and one or two vectors of scales or minimums, in f32. To tiles of bf16: the numbers themselves, rounded.

use crate::aligned::{lines, lines_mut};
use crate::dtype::Dtype;
use crate::dwords::Dwords;
use crate::lanes::{Chunk, LANES};
use crate::panels::Cut;
use crate::quant::{Block, BlockQ4_0, BlockQ4K, BlockQ5_0, BlockQ6K, BlockQ8_0};
use crate::table::Pairs;
use crate::tiles::ROWS;

/// Numbers of a unit.
pub(crate) const UNIT: usize = 32;
/// Lines that panels are asked for ahead of their use: what comes in less than a microsecond, which is what memory takes under load.
pub(crate) const AHEAD: usize = 256;

/// Vectors of codes of a unit: four numbers of sixteen rows each.
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
            Dtype::Q8_0 => Q8_0::MEANING,
            Dtype::Q4_0 => Q4_0::MEANING,
            Dtype::Q5_0 => Q5_0::MEANING,
            Dtype::Q6_K => Q6K::MEANING,
            _ => Q4K::MEANING,
        }
    }

    /// Scales of a unit.
    pub(crate) const fn parts(self) -> usize {
        if matches!(self, Self::Halves(_)) { 2 } else { 1 }
    }

    pub(crate) const fn has_minimum(self) -> bool {
        matches!(self, Self::Affine)
    }

    /// Lines of an expanded unit.
    pub(crate) const fn lines(self) -> usize {
        match self {
            Self::Signed | Self::Offset(_) => CODES + 1,
            Self::Halves(_) | Self::Affine => CODES + 2,
        }
    }
}

/// What is done with each unit of a block.
pub(crate) trait Visit<S: Dwords> {
    /// Whether the panels ahead are to be asked for beside this; else whoever visits does so at another time.
    const ASKS: bool = true;

    /// Unit number `unit` of the block: its codes and its scale; then the scale of its second half, or its minimum, or zero.
    fn unit(&mut self, s: S, unit: usize, codes: [S::I; CODES], scales: [S::F; 2]);
}

/// A type of blocks. (No iterators or closures here: where one is not inlined, the call costs more than a unit.)
pub(crate) trait Unpack {
    /// The block as files have it.
    type Block: Cut;
    const MEANING: Meaning;
    /// Units of a block.
    const UNITS: usize = Self::Block::DTYPE.block_len() / UNIT;
    /// Words of a block.
    const WORDS: usize = Self::Block::WORDS;
    /// Halves of a block.
    const HALVES: usize = Self::Block::HALVES;

    /// Shows each unit of one block of sixteen rows; `words` and `halves` are its own, as `panels` cuts them.
    fn units<S: Dwords, V: Visit<S>>(s: S, words: &[Chunk<i32>], halves: &[Chunk<u16>], visit: &mut V);
}

/// Asks for part `part` of PARTS of the words that lie ahead of a block's: a few lines beside each unit, since the hardware waits
/// for no more than some dozens at once. Groups follow each other in memory, so these may be of the next.
#[inline(always)]
fn ask<S: Dwords, V: Visit<S>, const PARTS: usize>(s: S, words: &[Chunk<i32>], part: usize) {
    if !V::ASKS {
        return;
    }
    for line in part * words.len() / PARTS..(part + 1) * words.len() / PARTS {
        s.prefetch(words.as_ptr().wrapping_add(line + AHEAD).cast());
    }
}

pub(crate) struct Q8_0;
pub(crate) struct Q4_0;
pub(crate) struct Q5_0;
pub(crate) struct Q4K;
pub(crate) struct Q6K;

const NIBBLE: i32 = 0x0f0f_0f0f;

impl Unpack for Q8_0 {
    type Block = BlockQ8_0;
    const MEANING: Meaning = Meaning::Signed;

    #[inline(always)]
    fn units<S: Dwords, V: Visit<S>>(s: S, words: &[Chunk<i32>], halves: &[Chunk<u16>], visit: &mut V) {
        ask::<S, V, 1>(s, words, 0);
        let bias = s.splat_word(i32::from_le_bytes([S::BIAS as u8; 4]));
        let mut codes = [bias; CODES];
        for j in 0..CODES {
            codes[j] = s.xor(s.load_words(&words[j]), bias);
        }
        visit.unit(s, 0, codes, [s.load_f16(&halves[0]), s.zero()]);
    }
}

impl Unpack for Q4_0 {
    type Block = BlockQ4_0;
    const MEANING: Meaning = Meaning::Offset(8);

    #[inline(always)]
    fn units<S: Dwords, V: Visit<S>>(s: S, words: &[Chunk<i32>], halves: &[Chunk<u16>], visit: &mut V) {
        ask::<S, V, 1>(s, words, 0);
        let nibble = s.splat_word(NIBBLE);
        let mut codes = [nibble; CODES];
        for j in 0..4 {
            let both = s.load_words(&words[j]);
            codes[j] = s.and(both, nibble);
            codes[4 + j] = s.and(s.shift_right::<4>(both), nibble);
        }
        visit.unit(s, 0, codes, [s.load_f16(&halves[0]), s.zero()]);
    }
}

impl Unpack for Q5_0 {
    type Block = BlockQ5_0;
    const MEANING: Meaning = Meaning::Offset(16);

    #[inline(always)]
    fn units<S: Dwords, V: Visit<S>>(s: S, words: &[Chunk<i32>], halves: &[Chunk<u16>], visit: &mut V) {
        ask::<S, V, 1>(s, words, 0);
        let nibble = s.splat_word(NIBBLE);
        let fifth = s.splat_word(0x1010_1010);
        // Bit j of each byte belongs to vector j (see `panels::turned_bits`), and is wanted as bit 4.
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
        let mut codes = high;
        for j in 0..4 {
            let both = s.load_words(&words[j]);
            codes[j] = s.or(s.and(both, nibble), s.and(high[j], fifth));
            codes[4 + j] = s.or(s.and(s.shift_right::<4>(both), nibble), s.and(high[4 + j], fifth));
        }
        visit.unit(s, 0, codes, [s.load_f16(&halves[0]), s.zero()]);
    }
}

impl Unpack for Q4K {
    type Block = BlockQ4K;
    const MEANING: Meaning = Meaning::Affine;

    #[inline(always)]
    fn units<S: Dwords, V: Visit<S>>(s: S, words: &[Chunk<i32>], halves: &[Chunk<u16>], visit: &mut V) {
        let nibble = s.splat_word(NIBBLE);
        let (six, two) = (s.splat_word(0x3f3f_3f3f), s.splat_word(0x0303_0303));
        let (d, dmin) = (&halves[0], &halves[1]);
        // Twelve bytes hold eight scales and eight minimums of six bits (`quant::k_scales`), here of sixteen rows at once.
        let (a, b, c) = (s.load_words(&words[32]), s.load_words(&words[33]), s.load_words(&words[34]));
        let (high_a, high_b) = (s.and(s.shift_right::<6>(a), two), s.and(s.shift_right::<6>(b), two));
        let scales = [s.and(a, six), s.or(s.and(c, nibble), s.shift_left::<4>(high_a))];
        let minimums = [s.and(b, six), s.or(s.and(s.shift_right::<4>(c), nibble), s.shift_left::<4>(high_b))];
        let (d, dmin) = (s.load_f16(d), s.sub(s.zero(), s.load_f16(dmin)));
        for unit in 0..8 {
            ask::<S, V, 8>(s, words, unit);
            let mut codes = [nibble; CODES];
            for j in 0..CODES {
                let both = s.load_words(&words[unit / 2 * CODES + j]);
                codes[j] = s.and(if unit.is_multiple_of(2) { both } else { s.shift_right::<4>(both) }, nibble);
            }
            let scale = s.mul(d, signed_byte(s, scales[unit / 4], unit % 4));
            let minimum = s.mul(dmin, signed_byte(s, minimums[unit / 4], unit % 4));
            visit.unit(s, unit, codes, [scale, minimum]);
        }
    }
}

impl Unpack for Q6K {
    type Block = BlockQ6K;
    const MEANING: Meaning = Meaning::Halves(32);

    #[inline(always)]
    fn units<S: Dwords, V: Visit<S>>(s: S, words: &[Chunk<i32>], halves: &[Chunk<u16>], visit: &mut V) {
        let nibble = s.splat_word(NIBBLE);
        let upper = s.splat_word(0x3030_3030);
        let d = s.load_f16(&halves[0]);
        for unit in 0..8 {
            ask::<S, V, 8>(s, words, unit);
            // Of each half block unit i has the lower (i below 2) or upper halves of 32 bytes, and bits 2 i of 32 others.
            let (half, i) = (unit / 4, unit % 4);
            let mut codes = [nibble; CODES];
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
                codes[j] = s.or(s.and(low, nibble), s.and(high, upper));
            }
            // Two scales for each unit, four to a word.
            let scales = s.load_words(&words[48 + unit / 2]);
            let part = unit % 2 * 2;
            let first = s.mul(d, signed_byte(s, scales, part));
            visit.unit(s, unit, codes, [first, s.mul(d, signed_byte(s, scales, part + 1))]);
        }
    }
}

/// Byte `byte` of each word, signed.
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

/// Writes units of a type to memory, `Meaning::lines` lines each.
pub(crate) struct Lay<'a> {
    pub(crate) meaning: Meaning,
    /// The units of a block.
    pub(crate) out: &'a mut [Chunk<f32>],
}

impl<S: Dwords> Visit<S> for Lay<'_> {
    #[inline(always)]
    fn unit(&mut self, s: S, unit: usize, codes: [S::I; CODES], scales: [S::F; 2]) {
        let len = self.meaning.lines();
        let out = &mut self.out[unit * len..][..len];
        for j in 0..CODES {
            s.store_words(codes[j], &mut lines_mut(std::slice::from_mut(&mut out[j]))[0]);
        }
        for i in 0..len - CODES {
            s.store(scales[i], &mut out[CODES + i]);
        }
    }
}

/// Writes units of a type as tiles of bf16 (`tiles`): the numbers that codes and scales stand for, rounded to nearest even.
pub(crate) struct LayTiles<'a> {
    pub(crate) meaning: Meaning,
    /// The units of a block, a tile for each.
    pub(crate) out: &'a mut [Pairs],
}

impl<S: Dwords> Visit<S> for LayTiles<'_> {
    #[inline(always)]
    fn unit(&mut self, s: S, unit: usize, codes: [S::I; CODES], scales: [S::F; 2]) {
        let out = &mut self.out[unit * ROWS..][..ROWS];
        // Codes as they are without a sign, and what that makes too much of them: all products are exact, so the sum is as if it had
        // been taken off the code.
        let less = |scale: S::F, offset: i32| s.mul(scale, s.splat(-offset as f32));
        let turn = s.splat_word(i32::from_le_bytes([(S::BIAS ^ 128) as u8; 4]));
        for j in 0..CODES {
            let (scale, shift, codes) = match self.meaning {
                Meaning::Signed => (scales[0], less(scales[0], 128), s.xor(codes[j], turn)),
                Meaning::Offset(offset) => (scales[0], less(scales[0], offset), codes[j]),
                Meaning::Halves(offset) => (scales[2 * j / CODES], less(scales[2 * j / CODES], offset), codes[j]),
                Meaning::Affine => (scales[0], scales[1], codes[j]),
            };
            let byte = s.splat_word(0xff);
            let number = |code: S::I| s.mul_add(s.words_to_f32(code), scale, shift);
            let (first, second) = (s.and(codes, byte), s.and(s.shift_right::<8>(codes), byte));
            s.store_pairs([number(first), number(second)], &mut out[2 * j]);
            let (third, fourth) = (s.and(s.shift_right::<16>(codes), byte), s.shift_right::<24>(codes));
            s.store_pairs([number(third), number(fourth)], &mut out[2 * j + 1]);
        }
    }
}

/// Halves as vectors.
#[inline(always)]
pub(crate) fn half_vectors(halves: &[u16]) -> &[Chunk<u16>] {
    halves.as_chunks::<LANES>().0
}

/// The codes of a line.
#[inline(always)]
pub(crate) fn codes(line: &Chunk<f32>) -> &Chunk<i32> {
    &lines(std::slice::from_ref(line))[0]
}
