//! The block formats of GGUF: their layouts, and the numbers that a block stands for.
//!
//! A block is a fixed number of consecutive elements of a row that share scales. The structs are those of
//! `ggml-common.h` in ggml field by field, made of bytes alone, so that any bytes of a weight file can be seen as blocks
//! where they lie. Every value here has the bits that ggml's `dequantize_row_*` gives: a scale of 11 bits times a small
//! integer is exact in f32, so only the subtraction of a minimum rounds, once, however it is computed.
//!
//! Quantising is ours: it looks for the block with the least sum of w * (x - value)^2, where w is 1 or the importance of the
//! column (`fit.rs`, `super_block.rs`), and then lengthens its values to the length of what they stand for.

mod fit;
mod grid;
mod iq4;
mod k_scales;
mod q2_k;
mod q3_k;
mod q4;
mod q4_k;
mod q5;
mod q5_k;
mod q6_k;
mod q8;
mod super_block;

#[cfg(test)]
mod tests;

pub(crate) use grid::Grid;
pub(crate) use iq4::{BlockIq4Nl, BlockIq4Xs, IQ4_VALUES};
pub(crate) use q2_k::BlockQ2K;
pub(crate) use q3_k::BlockQ3K;
pub(crate) use q4::{BlockQ4_0, BlockQ4_1};
pub(crate) use q4_k::BlockQ4K;
pub(crate) use q5::{BlockQ5_0, BlockQ5_1};
pub(crate) use q5_k::BlockQ5K;
pub(crate) use q6_k::BlockQ6K;
pub(crate) use q8::BlockQ8_0;

use fit::{Elements, inverse};

use crate::aligned::{Plain, view, view_mut};
use crate::dtype::Dtype;
use crate::half::{f16_to_f32, f32_to_f16};
use crate::table::Kernels;

/// An f16 as it lies in a file, little-endian and on any byte.
#[derive(Clone, Copy, Debug, Default)]
#[repr(transparent)]
pub(crate) struct F16Bytes([u8; 2]);

impl F16Bytes {
    #[inline(always)]
    pub(crate) fn to_f32(self) -> f32 {
        f16_to_f32(u16::from_le_bytes(self.0))
    }

    #[inline(always)]
    pub(crate) fn bits(self) -> u16 {
        u16::from_le_bytes(self.0)
    }

    #[inline(always)]
    pub(crate) fn from_bits(bits: u16) -> Self {
        Self(bits.to_le_bytes())
    }

    /// Multiplied by a factor.
    fn times(self, factor: f64) -> Self {
        Self::nearest((f64::from(self.to_f32()) * factor) as f32)
    }

    /// The nearest that is finite.
    #[inline(always)]
    pub(crate) fn nearest(value: f32) -> Self {
        const LARGEST: f32 = 65_504.0;
        Self(f32_to_f16(value.clamp(-LARGEST, LARGEST)).to_le_bytes())
    }
}

/// Elements of a block, at most.
const LARGEST_BLOCK: usize = 256;

/// The layout of one format.
pub(crate) trait Block: Plain {
    /// The type it is the block of.
    const DTYPE: Dtype;

    /// Writes the values of the block's elements; `out` has as many.
    fn dequantize(&self, out: &mut [f32]);

    /// The block for as many elements, which are finite.
    fn quantize(elements: Elements<'_>) -> Self;

    /// Multiplies its values by a factor, as near as its scales allow.
    fn stretch(&mut self, factor: f64);
}

/// Implements [`Plain`] for blocks, and holds their sizes against [`Dtype`].
macro_rules! plain_blocks {
    ($($block:ty),*) => {$(
        // SAFETY: `repr(C)` with fields of bytes alone: no padding (the size is checked below), every pattern is a value.
        unsafe impl Plain for $block {}
        const _: () = assert!(size_of::<$block>() == <$block as Block>::DTYPE.block_bytes() && align_of::<$block>() == 1);
    )*};
}

plain_blocks!(
    BlockQ4_0, BlockQ4_1, BlockQ5_0, BlockQ5_1, BlockQ8_0, BlockQ2K, BlockQ3K, BlockQ4K, BlockQ5K, BlockQ6K,
    BlockIq4Nl, BlockIq4Xs
);

/// Calls a generic function with the block of a type.
macro_rules! with_block {
    ($dtype:expr, $function:ident($($argument:expr),*)) => {
        match $dtype {
            dtype @ (Dtype::F32 | Dtype::F16 | Dtype::BF16) => panic!("{dtype} is not a block format"),
            Dtype::Q4_0 => $function::<BlockQ4_0>($($argument),*),
            Dtype::Q4_1 => $function::<BlockQ4_1>($($argument),*),
            Dtype::Q5_0 => $function::<BlockQ5_0>($($argument),*),
            Dtype::Q5_1 => $function::<BlockQ5_1>($($argument),*),
            Dtype::Q8_0 => $function::<BlockQ8_0>($($argument),*),
            Dtype::Q2_K => $function::<BlockQ2K>($($argument),*),
            Dtype::Q3_K => $function::<BlockQ3K>($($argument),*),
            Dtype::Q4_K => $function::<BlockQ4K>($($argument),*),
            Dtype::Q5_K => $function::<BlockQ5K>($($argument),*),
            Dtype::Q6_K => $function::<BlockQ6K>($($argument),*),
            Dtype::IQ4_NL => $function::<BlockIq4Nl>($($argument),*),
            Dtype::IQ4_XS => $function::<BlockIq4Xs>($($argument),*),
        }
    };
}

/// Writes the values of whole blocks of `dtype`. Any bytes have values; those of a scale that is no number are NaN or
/// infinite.
///
/// # Panics
/// If `dtype` is no block format (see [`Dtype::is_quantized`]), or `blocks` and `out` do not have the same number of
/// elements.
pub fn dequantize(dtype: Dtype, blocks: &[u8], out: &mut [f32]) {
    with_block!(dtype, dequantize_each(blocks, out))
}

/// Bytes as blocks.
pub(crate) fn blocks<B: Block>(bytes: &[u8]) -> &[B] {
    view(bytes).unwrap_or_else(|| panic!("{} bytes are not whole {} blocks", bytes.len(), B::DTYPE))
}

fn dequantize_each<B: Block>(bytes: &[u8], out: &mut [f32]) {
    let (blocks, len) = (blocks::<B>(bytes), B::DTYPE.block_len());
    assert_eq!(Some(out.len()), blocks.len().checked_mul(len), "values of {} {} blocks", blocks.len(), B::DTYPE);
    for (block, out) in blocks.iter().zip(out.chunks_exact_mut(len)) {
        block.dequantize(out);
    }
}

/// Writes the blocks of one row of elements, which are finite; `w` has a positive weight for each.
///
/// # Panics
/// If `dtype` is no block format, or the lengths do not fit each other.
pub(crate) fn quantize_row(kernels: &Kernels, dtype: Dtype, x: &[f32], w: &[f32], out: &mut [u8]) {
    assert!(x.len() == w.len() && dtype.bytes_for(x.len()) == Some(out.len()), "a row of {} as {dtype}", x.len());
    with_block!(dtype, quantize_each(Elements { kernels, x, w }, out))
}

fn quantize_each<B: Block>(row: Elements<'_>, out: &mut [u8]) {
    let len = B::DTYPE.block_len();
    let blocks = view_mut::<B>(out).unwrap_or_else(|| panic!("blocks of {} have no alignment", B::DTYPE));
    for (i, block) in blocks.iter_mut().enumerate() {
        let elements = row.part(i * len, len);
        *block = B::quantize(elements);
        let mut values = [0.0; LARGEST_BLOCK];
        block.dequantize(&mut values[..len]);
        block.stretch(elements.gain(&values[..len]));
    }
}

/// Writes the blocks of Q8_0 whose scale takes the largest element to 127, without a search: for numbers that pass by.
pub(crate) fn round_q8_0(x: &[f32], out: &mut [u8]) {
    let blocks = view_mut::<BlockQ8_0>(out).unwrap_or_else(|| panic!("blocks have no alignment"));
    assert_eq!(x.len(), 32 * blocks.len(), "numbers of {} Q8_0 blocks", blocks.len());
    for (block, x) in blocks.iter_mut().zip(x.chunks_exact(32)) {
        *block = BlockQ8_0::rounded(x);
    }
}

/// The scale of a block without groups as it will be stored, and the codes of its 32 elements.
fn plain_block(elements: Elements<'_>, grid: Grid) -> (F16Bytes, [u8; 32]) {
    let d = F16Bytes::nearest(elements.scale(grid));
    let inverse = inverse(d.to_f32());
    let mut codes = [0; 32];
    for (code, x) in codes.iter_mut().zip(elements.x) {
        *code = grid.code(x * inverse);
    }
    (d, codes)
}

/// Scale and minimum of a block without groups as they will be stored, and the codes, 0 to `steps`, of its 32 elements.
fn affine_block(elements: Elements<'_>, steps: f32) -> (F16Bytes, F16Bytes, [u8; 32]) {
    let fit = elements.affine(steps, false);
    let (d, m) = (F16Bytes::nearest(fit.scale), F16Bytes::nearest(fit.min));
    let (inverse, min) = (inverse(d.to_f32()), m.to_f32());
    let mut codes = [0; 32];
    for (code, x) in codes.iter_mut().zip(elements.x) {
        *code = Grid::Whole(0.0, steps).code((x - min) * inverse);
    }
    (d, m, codes)
}

/// Codes of four bits in bytes: j in the lower half of byte j, 16 + j in the upper.
fn nibbles(codes: &[u8; 32]) -> [u8; 16] {
    std::array::from_fn(|j| (codes[j] & 15) | ((codes[j + 16] & 15) << 4))
}

/// Two bits of each element of a block of 256. Of each half block 32 bytes: byte l holds l, l + 32, l + 64, l + 96, the first
/// lowest.
fn pairs_of_bits(pair: impl Fn(usize) -> u8) -> [u8; 64] {
    std::array::from_fn(|i| {
        let first = i / 32 * 128 + i % 32;
        (0..4).fold(0, |byte, k| byte | (pair(first + 32 * k) & 3) << (2 * k))
    })
}

/// One bit of each element of a block of 256: bit i of byte l is that of element 32 i + l.
fn single_bits(bit: impl Fn(usize) -> bool) -> [u8; 32] {
    std::array::from_fn(|l| (0..8).fold(0, |byte, i| byte | u8::from(bit(32 * i + l)) << i))
}
