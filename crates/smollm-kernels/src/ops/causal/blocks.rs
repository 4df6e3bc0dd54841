//! Blocks of heads in whole vectors, and products of them.

use super::BLOCK;
use crate::lanes::{Chunk, LANES};
use crate::table::{Kernels, ProductTask, Reach};
use std::ops::Range;

/// Vectors of a row of one number for each token of a block.
pub(super) const BLOCK_STEPS: usize = BLOCK / LANES;

/// A product of small matrices (`generic::product`): the numbers of the first, how far apart its rows and the numbers of a row are, the rows
/// of the second, how many rows and sums there are, and what of it is wanted.
pub(super) struct Product<'a> {
    pub(super) a: &'a [Chunk<f32>],
    pub(super) strides: [usize; 2],
    pub(super) b: &'a [Chunk<f32>],
    pub(super) rows: usize,
    pub(super) inner: usize,
    pub(super) reach: Reach,
}

impl Product<'_> {
    /// Writes it, or adds it to what is there: rows of `steps` vectors.
    pub(super) fn write(self, kernels: &Kernels, out: &mut [Chunk<f32>], steps: usize, adds: bool) {
        let Self { a, strides, b, rows, inner, reach } = self;
        let mut task = ProductTask { a: a.as_flattened(), strides, b, steps, out, rows, inner, reach, adds };
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (kernels.training.product)(&mut task) }
    }
}

/// Numbers of N x heads x D.
#[derive(Clone, Copy)]
pub(super) struct Heads<'a> {
    pub(super) numbers: &'a [f32],
    pub(super) count: usize,
    pub(super) dim: usize,
}

impl Heads<'_> {
    /// One head of some tokens as the rows of a block, multiplied by `scale`; what is not there is zero.
    pub(super) fn gather(&self, head: usize, tokens: &Range<usize>, scale: f32, to: &mut [Chunk<f32>]) {
        let width = to.len() / BLOCK * LANES;
        let to = to.as_flattened_mut();
        to.fill(0.0);
        for (token, row) in tokens.clone().zip(to.chunks_exact_mut(width)) {
            let from = &self.numbers[(token * self.count + head) * self.dim..][..self.dim];
            row.iter_mut().zip(from).for_each(|(to, from)| *to = from * scale);
        }
    }
}

/// The transpose of a block: as many rows as `from` has numbers in one, a number for each token.
pub(super) fn turned(kernels: &Kernels, from: &[Chunk<f32>], to: &mut [Chunk<f32>]) {
    let width = from.len() / BLOCK * LANES;
    assert_eq!(to.len(), width * BLOCK_STEPS);
    let (from, to) = (from.as_flattened(), to.as_flattened_mut());
    // SAFETY: `Cpu` holds only rows that are available.
    unsafe { (kernels.training.transpose)(from, width, 0..width, to, BLOCK) };
}
