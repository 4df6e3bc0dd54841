//! Sixteen 32-bit words: what products of bytes are made of.
//!
//! A word holds four neighbouring numbers of one row, and the sixteen words of a vector come from sixteen rows, so an
//! output is one lane and nothing is ever folded.

use crate::lanes::{Chunk, Lanes};

/// The operations of integer products, beside those on f32. As with [`Lanes`], a value is the proof that its instructions
/// may be used.
pub(crate) trait Dwords: Lanes {
    /// Sixteen words.
    type I: Copy;

    /// What is added to signed bytes of weights before [`Dwords::dot`] meets them: 128 where it wants them unsigned.
    const BIAS: i32;

    /// The same word in every lane.
    fn splat_word(self, word: i32) -> Self::I;
    /// Sixteen consecutive words.
    fn load_words(self, from: &Chunk<i32>) -> Self::I;
    /// Writes sixteen consecutive words.
    fn store_words(self, words: Self::I, to: &mut Chunk<i32>);
    /// a & b
    fn and(self, a: Self::I, b: Self::I) -> Self::I;
    /// a | b
    fn or(self, a: Self::I, b: Self::I) -> Self::I;
    /// a ^ b
    fn xor(self, a: Self::I, b: Self::I) -> Self::I;
    /// a - b, each byte by itself, wrapping.
    fn sub_bytes(self, a: Self::I, b: Self::I) -> Self::I;
    /// Words shifted right, zeros from the left.
    fn shift_right<const BITS: u32>(self, a: Self::I) -> Self::I;
    /// Words shifted left.
    fn shift_left<const BITS: u32>(self, a: Self::I) -> Self::I;
    /// Words shifted right, the sign from the left.
    fn shift_signed<const BITS: u32>(self, a: Self::I) -> Self::I;
    /// `sums + sum over the four bytes of w * x`, exact; x from -127 to 127. With `WIDE`, w are signed bytes plus `BIAS`,
    /// else numbers below 64.
    fn dot<const WIDE: bool>(self, sums: Self::I, w: Self::I, x: Self::I) -> Self::I;
    /// To the nearest f32.
    fn words_to_f32(self, words: Self::I) -> Self::F;
    /// Whole numbers from -127 to 127 as bytes, four to a word; what is no such number becomes anything.
    fn to_bytes(self, numbers: Self::F) -> [i32; 4];
}
