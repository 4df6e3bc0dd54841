//! Quantised rows, sixteen side by side, as products take them.
//!
//! The blocks of sixteen rows are cut into words and halves (their f16 scales), and word i of all sixteen lies in one cache
//! line. It is a permutation of the same bytes: a matrix takes as much memory as in its file, and each row can be had back. The
//! words of a group of rows come first, block after block, then its halves.

use crate::aligned::{Lines, bytes_of, halves_mut, halves_of};
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::dtype::Dtype;
use crate::lanes::{Chunk, LANES};
use crate::quant::{self, Block, BlockQ4_0, BlockQ4K, BlockQ5_0, BlockQ6K, BlockQ8_0, F16Bytes};

/// How the blocks of one type are cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) dtype: Dtype,
    /// Words of a block.
    pub(crate) words: usize,
    /// Halves of a block.
    pub(crate) halves: usize,
    /// Blocks of a row.
    pub(crate) blocks: usize,
}

impl Layout {
    /// The layout of a matrix; `None` where such a matrix is not cut, but multiplied as it lies.
    pub(crate) fn of(dtype: Dtype, rows: usize, cols: usize) -> Option<Self> {
        let (words, halves) = match dtype {
            Dtype::Q8_0 => (BlockQ8_0::WORDS, BlockQ8_0::HALVES),
            Dtype::Q4_0 => (BlockQ4_0::WORDS, BlockQ4_0::HALVES),
            Dtype::Q5_0 => (BlockQ5_0::WORDS, BlockQ5_0::HALVES),
            Dtype::Q4_K => (BlockQ4K::WORDS, BlockQ4K::HALVES),
            Dtype::Q6_K => (BlockQ6K::WORDS, BlockQ6K::HALVES),
            _ => return None,
        };
        let whole = rows > 0 && rows.is_multiple_of(LANES) && cols > 0;
        whole.then_some(Self { dtype, words, halves, blocks: cols / dtype.block_len() })
    }

    /// Lines of sixteen rows.
    pub(crate) fn group_lines(&self) -> usize {
        self.blocks * self.words + (self.blocks * self.halves).div_ceil(2)
    }
}

/// A block that can be cut into words and halves, and made whole again.
pub(crate) trait Cut: Block {
    const WORDS: usize;
    const HALVES: usize = 1;

    fn cut(&self, word: impl FnMut(usize, i32), half: impl FnMut(usize, F16Bytes));
    fn join(word: impl Fn(usize) -> i32, half: impl Fn(usize) -> F16Bytes) -> Self;
}

/// Each word of bytes.
#[inline(always)]
fn cut_bytes(bytes: &[u8], first: usize, mut word: impl FnMut(usize, i32)) {
    for (i, bytes) in bytes.as_chunks::<4>().0.iter().enumerate() {
        word(first + i, i32::from_le_bytes(*bytes));
    }
}

/// The bytes of words.
#[inline(always)]
fn join_bytes<const N: usize>(first: usize, word: impl Fn(usize) -> i32) -> [u8; N] {
    let mut bytes = [0; N];
    for (i, bytes) in bytes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *bytes = word(first + i).to_le_bytes();
    }
    bytes
}

impl Cut for BlockQ8_0 {
    const WORDS: usize = 8;

    #[inline(always)]
    fn cut(&self, word: impl FnMut(usize, i32), mut half: impl FnMut(usize, F16Bytes)) {
        cut_bytes(bytes_of(&self.qs), 0, word);
        half(0, self.d);
    }

    #[inline(always)]
    fn join(word: impl Fn(usize) -> i32, half: impl Fn(usize) -> F16Bytes) -> Self {
        Self { d: half(0), qs: join_bytes::<32>(0, word).map(|q| q as i8) }
    }
}

impl Cut for BlockQ4_0 {
    const WORDS: usize = 4;

    #[inline(always)]
    fn cut(&self, word: impl FnMut(usize, i32), mut half: impl FnMut(usize, F16Bytes)) {
        cut_bytes(&self.qs, 0, word);
        half(0, self.d);
    }

    #[inline(always)]
    fn join(word: impl Fn(usize) -> i32, half: impl Fn(usize) -> F16Bytes) -> Self {
        Self { d: half(0), qs: join_bytes(0, word) }
    }
}

/// The fifth bits as a product takes them: byte b, bit j is that of element 4 j + b, so that one shift brings those of
/// a word into their places.
#[cfg(test)]
fn turned_bits(bits: u32) -> u32 {
    let mut turned = 0;
    for element in 0..32 {
        turned |= (bits >> element & 1) << (8 * (element % 4) + element / 4);
    }
    turned
}

/// The fifth bits as a file has them, from `turned_bits`.
fn turned_back(turned: u32) -> u32 {
    let mut bits = 0;
    for element in 0..32 {
        bits |= (turned >> (8 * (element % 4) + element / 4) & 1) << element;
    }
    bits
}

/// The fifth bits of eight elements, byte b, bit j being that of element 4 j + b.
static TURNED: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut element = 0;
        while element < 8 {
            table[byte] |= ((byte >> element & 1) as u32) << (8 * (element % 4) + element / 4);
            element += 1;
        }
        byte += 1;
    }
    table
};

impl Cut for BlockQ5_0 {
    const WORDS: usize = 5;

    #[inline(always)]
    fn cut(&self, mut word: impl FnMut(usize, i32), mut half: impl FnMut(usize, F16Bytes)) {
        cut_bytes(&self.qs, 0, &mut word);
        let [a, b, c, d] = self.qh.map(|byte| TURNED[usize::from(byte)]);
        word(4, (a | b << 2 | c << 4 | d << 6) as i32);
        half(0, self.d);
    }

    #[inline(always)]
    fn join(word: impl Fn(usize) -> i32, half: impl Fn(usize) -> F16Bytes) -> Self {
        let qh = turned_back(word(4) as u32).to_le_bytes();
        Self { d: half(0), qh, qs: join_bytes(0, word) }
    }
}

impl Cut for BlockQ4K {
    const WORDS: usize = 32 + 3;
    const HALVES: usize = 2;

    #[inline(always)]
    fn cut(&self, mut word: impl FnMut(usize, i32), mut half: impl FnMut(usize, F16Bytes)) {
        cut_bytes(&self.qs, 0, &mut word);
        cut_bytes(&self.scales, 32, word);
        half(0, self.d);
        half(1, self.dmin);
    }

    #[inline(always)]
    fn join(word: impl Fn(usize) -> i32, half: impl Fn(usize) -> F16Bytes) -> Self {
        Self { d: half(0), dmin: half(1), scales: join_bytes(32, &word), qs: join_bytes(0, &word) }
    }
}

impl Cut for BlockQ6K {
    const WORDS: usize = 32 + 16 + 4;

    #[inline(always)]
    fn cut(&self, mut word: impl FnMut(usize, i32), mut half: impl FnMut(usize, F16Bytes)) {
        cut_bytes(&self.ql, 0, &mut word);
        cut_bytes(&self.qh, 32, &mut word);
        cut_bytes(bytes_of(&self.scales), 48, word);
        half(0, self.d);
    }

    #[inline(always)]
    fn join(word: impl Fn(usize) -> i32, half: impl Fn(usize) -> F16Bytes) -> Self {
        let scales = join_bytes::<16>(48, &word).map(|scale| scale as i8);
        Self { ql: join_bytes(0, &word), qh: join_bytes(32, &word), scales, d: half(0) }
    }
}

/// Calls a generic function with the block of a layout.
macro_rules! with_cut {
    ($dtype:expr, $function:ident($($argument:expr),*)) => {
        match $dtype {
            Dtype::Q8_0 => $function::<BlockQ8_0>($($argument),*),
            Dtype::Q4_0 => $function::<BlockQ4_0>($($argument),*),
            Dtype::Q5_0 => $function::<BlockQ5_0>($($argument),*),
            Dtype::Q4_K => $function::<BlockQ4K>($($argument),*),
            Dtype::Q6_K => $function::<BlockQ6K>($($argument),*),
            dtype => panic!("{dtype} has no layout of panels"),
        }
    };
}

/// A quantised matrix in panels.
#[derive(Debug)]
pub(crate) struct Panels {
    pub(crate) layout: Layout,
    lines: Lines,
}

impl Panels {
    /// Cuts the rows of a matrix, whose bytes lie row after row.
    pub(crate) fn new(cpu: &Cpu, layout: Layout, rows: usize, bytes: &[u8]) -> Self {
        let group_lines = layout.group_lines();
        let groups = rows / LANES;
        let mut lines = Lines::zeroed(groups * group_lines);
        let group_bytes = bytes.len() / groups;
        let out = Disjoint::new(lines.as_mut_slice());
        cpu.pool.run(groups, 1, |_, range| {
            for group in range {
                // SAFETY: groups do not overlap, and each is done once.
                let out = unsafe { out.piece(group * group_lines, group_lines) };
                with_cut!(layout.dtype, cut_group(&layout, &bytes[group * group_bytes..][..group_bytes], out));
            }
        });
        Self { layout, lines }
    }

    /// All groups of sixteen rows, `Layout::group_lines` lines each.
    pub(crate) fn lines(&self) -> &[Chunk<i32>] {
        self.lines.as_slice()
    }

    /// Writes one row, widened to f32.
    pub(crate) fn row_to_f32(&self, row: usize, out: &mut [f32]) {
        let group_lines = self.layout.group_lines();
        let group = &self.lines()[row / LANES * group_lines..][..group_lines];
        with_cut!(self.layout.dtype, join_row(&self.layout, group, row % LANES, out));
    }
}

/// Writes sixteen rows of blocks.
fn cut_group<B: Cut>(layout: &Layout, bytes: &[u8], out: &mut [Chunk<i32>]) {
    let blocks: &[B] = quant::blocks(bytes);
    let (words, halves) = out.split_at_mut(layout.blocks * B::WORDS);
    let halves = halves_mut(halves);
    for b in 0..layout.blocks {
        let words = &mut words[b * B::WORDS..][..B::WORDS];
        let halves = &mut halves[b * B::HALVES * LANES..][..B::HALVES * LANES];
        for row in 0..LANES {
            blocks[row * layout.blocks + b]
                .cut(|i, word| words[i][row] = word, |i, half| halves[i * LANES + row] = half.bits());
        }
    }
}

/// Widens one of sixteen rows.
fn join_row<B: Cut>(layout: &Layout, group: &[Chunk<i32>], row: usize, out: &mut [f32]) {
    let (words, halves) = group.split_at(layout.blocks * B::WORDS);
    let halves = halves_of(halves);
    for (b, out) in out.chunks_exact_mut(B::DTYPE.block_len()).enumerate() {
        let block = B::join(
            |i| words[b * B::WORDS + i][row],
            |i| F16Bytes::from_bits(halves[(b * B::HALVES + i) * LANES + row]),
        );
        block.dequantize(out);
    }
}

#[cfg(test)]
mod tests;
