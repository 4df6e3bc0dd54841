//! Blocks of heads in whole vectors, and the products of small matrices.

use super::BLOCK;
use crate::disjoint::Disjoint;
use crate::generic::matmul::{scratch_len, vectors};
use crate::lanes::{Chunk, LANES};
use crate::table::{Kernels, MatmulTask};
use std::ops::Range;

/// Vectors of a row of one number for each token of a block.
pub(super) const BLOCK_STEPS: usize = BLOCK / LANES;

/// A small matrix in rows of whole vectors.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) lines: &'a [Chunk<f32>],
    /// Vectors of a row.
    pub(super) steps: usize,
}

/// out = a b^T, `out` in as many rows as a has.
pub(super) fn product(kernels: &Kernels, a: Rows<'_>, b: Rows<'_>, out: &mut [Chunk<f32>], scratch: &mut [Chunk<f32>]) {
    assert!(a.steps == b.steps && a.lines.len().is_multiple_of(a.steps));
    let width = out.as_flattened().len() / (a.lines.len() / a.steps);
    let out = Disjoint::new(out.as_flattened_mut());
    let mut task = MatmulTask {
        x: a.lines,
        x_stride: a.steps,
        w: b.lines,
        steps: a.steps,
        block_rows: BLOCK,
        scratch,
        adds: false,
        out: &out,
        out_start: 0,
        out_stride: width,
    };
    // SAFETY: `Cpu` holds only rows that are available; the output is this call's own.
    unsafe { (kernels.matmul_f32)(&mut task) }
}

/// Scratch memory of [`product`] for heads of `head_dim` numbers.
pub(super) fn product_scratch(kernels: &Kernels, head_dim: usize) -> usize {
    scratch_len(vectors(head_dim).max(BLOCK_STEPS), kernels.tile_rows, BLOCK)
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

/// a += b
pub(super) fn add(kernels: &Kernels, a: &mut [Chunk<f32>], b: &[Chunk<f32>]) {
    // SAFETY: `Cpu` holds only rows that are available.
    unsafe { (kernels.add)(a.as_flattened_mut(), b.as_flattened()) };
}
