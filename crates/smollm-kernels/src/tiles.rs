//! What a tile unit does: blocks of products whose operands are tiles, up to sixteen rows of one cache line each.
//!
//! A tile of activations has up to sixteen rows of 32 bf16 (or bytes of one unit). A tile of weights lies as the unit wants it: a
//! line holds one pair of bf16 (or four bytes) of each of sixteen weight rows, and a tile has the lines of its 32 numbers.
//!
//! Arithmetic (Intel's description of TDPBF16PS): for each output, and each step of 32 numbers, the products at even and at odd places
//! are summed apart, from zero, in ascending order, with fused multiply-adds; the second sum is added to the first, and both
//! to the output. Every result is rounded to nearest even; subnormal numbers count as zero, and become zero.

use crate::lanes::{Chunk, LANES};

/// Rows of activations in a tile, at most; weight rows in a tile.
pub(crate) const ROWS: usize = LANES;
/// Bytes of a whole tile of weights or activations.
pub(crate) const TILE_BYTES: usize = ROWS * 64;
/// Places for products of bytes.
pub(crate) const BYTE_SLOTS: usize = 4;

/// Products of I tiles of activations with J tiles of weights, summed over some steps.
#[repr(C)]
pub(crate) struct PairBlock<const I: usize, const J: usize> {
    /// The first tile of each strip of activations.
    pub(crate) a: [*const u8; I],
    /// Bytes from one row of such a tile to the next.
    pub(crate) a_stride: usize,
    /// Bytes from one step to the next.
    pub(crate) a_step: usize,
    /// The first tile of each strip of weights.
    pub(crate) b: [*const u8; J],
    /// Bytes from one line of such a tile to the next.
    pub(crate) b_stride: usize,
    /// Bytes from one step to the next.
    pub(crate) b_step: usize,
    /// At least one.
    pub(crate) steps: usize,
    /// Where the outputs of each pair of strips lie: a row for each row of activations, sixteen f32 wide.
    pub(crate) c: [[*mut f32; J]; I],
    /// Bytes from one row of outputs to the next.
    pub(crate) c_stride: usize,
    /// Whether to add to what the outputs hold, 1 or 0.
    pub(crate) adds: usize,
    /// What is asked for beside the products: `ahead_lines` lines for each step, and as many `ahead_apart` bytes further on.
    pub(crate) ahead: *const u8,
    pub(crate) ahead_apart: usize,
    pub(crate) ahead_lines: usize,
    /// Where outputs will be written later, asked for likewise: for each step the beginnings of `rows_each` rows of two vectors, which
    /// lie `rows_apart` bytes apart.
    pub(crate) rows_ahead: *const u8,
    pub(crate) rows_apart: usize,
    pub(crate) rows_each: usize,
}

/// A tile unit, set up on this thread for tiles of a certain shape until the value is dropped. One at a time.
pub(crate) trait Tiles: Sized {
    /// For tiles of `rows` (1 to 16) rows of `words` (1 to 16) pairs.
    ///
    /// # Safety
    /// The machine has the unit and the process may use it.
    unsafe fn for_pairs(rows: usize, words: usize) -> Self;

    /// For tiles of `rows` (1 to 16) rows of `words` (1 to 16) times four bytes.
    ///
    /// # Safety
    /// The machine has the unit and the process may use it.
    unsafe fn for_bytes(rows: usize, words: usize) -> Self;

    /// Two strips of activations and two of weights.
    ///
    /// # Safety
    /// The value was made by `for_pairs(16, 16)`. Every tile that the block names may be read, every output may be written and is nobody
    /// else's. (`ahead` and `rows_ahead` may lead anywhere.)
    unsafe fn pairs_2x2(&self, block: &PairBlock<2, 2>);

    /// One strip of activations and four of weights.
    ///
    /// # Safety
    /// The value was made by `for_pairs`; else as for `pairs_2x2`.
    unsafe fn pairs_1x4(&self, block: &PairBlock<1, 4>);

    /// `pairs_1x4` over weights that come from memory: each strip is asked for ahead of its use, up to
    /// [`STREAM_AHEAD`] bytes past its end.
    ///
    /// # Safety
    /// As for `pairs_1x4`; lines of weights follow each other.
    unsafe fn stream_1x4(&self, block: &PairBlock<1, 4>);

    /// The product of a tile of activations, whose rows are `a_stride` bytes apart, and one of weights in signed bytes: exact sums, which
    /// stay in one of the [`BYTE_SLOTS`].
    ///
    /// # Safety
    /// The value was made by `for_bytes`. Both tiles may be read.
    unsafe fn multiply_bytes(&mut self, slot: usize, a: *const u8, a_stride: usize, b: *const u8);

    /// Writes the sums of a slot, sixteen to a row.
    ///
    /// # Safety
    /// The value was made by `for_bytes`, and the slot was multiplied into. As many rows as the tiles have may be written, and are nobody else's.
    unsafe fn store_bytes(&self, slot: usize, c: *mut Chunk<i32>);
}

/// Bytes that a stream of weights is asked for ahead of its use.
pub(crate) const STREAM_AHEAD: usize = 4096;

/// `array.map(f)`, which the compiler leaves a call where `f` is not small: what it returns through memory in one piece was
/// written in several, and a load of such a piece waits until all earlier stores, those of tiles too, have reached the cache.
#[inline(always)]
pub(crate) fn each<A: Copy, B: Copy, const N: usize>(array: [A; N], mut f: impl FnMut(A) -> B) -> [B; N] {
    let mut out = [f(array[0]); N];
    for i in 1..N {
        out[i] = f(array[i]);
    }
    out
}
