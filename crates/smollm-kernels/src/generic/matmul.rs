//! Products of activation rows and weight rows, tile by tile.
//!
//! A tile is M activation rows by R weight rows: M x R accumulators stay in registers while the row length is walked once,
//! so each vector that is loaded takes part in several multiply-adds. Both operands lie row-major, as weights do in files.
//!
//! Up to M activation rows take the weights as they lie, each read once out of memory. More of them take blocks of weights
//! that are widened to f32 once, into scratch memory that stays in the second-level cache, and then met by many strips of M
//! activation rows. A strip walks its rows in pieces short enough for the first-level cache; accumulators are kept from piece
//! to piece, so the order of additions is as before. None of this changes what is computed (see `MatmulTask`).
//!
//! While weights are multiplied those that follow are asked for, since the hardware alone does not look far
//! enough ahead to keep memory busy.

use std::ops::Range;

use crate::lanes::{Chunk, Element, F32, LANES, Lanes};
use crate::table::MatmulTask;

/// Vectors of a row that are walked in one go, at most: 6 rows of these take 23 KiB.
const PIECE: usize = 60;
/// Pieces in a block, at most: 64 rows of these take 720 KiB.
const PIECES: usize = 3;
/// Activation rows whose accumulators are kept from block to block where a row takes several, at most.
const KEPT_ROWS: usize = 96;
/// Rows of each group that a strip asks for.
const AHEAD: usize = 2;

/// Vectors of scratch memory that a task takes with more activation rows than M: a block of `block_rows` weight rows, and
/// the accumulators of a strip, or of many.
pub(crate) const fn scratch_len(steps: usize, tile_rows: usize, block_rows: usize) -> usize {
    let kept = if block_len(steps) == steps { tile_rows } else { KEPT_ROWS };
    block_rows * (block_len(steps) + kept)
}

/// Vectors in a piece of rows of `steps` vectors: as even as they come.
const fn piece_len(steps: usize) -> usize {
    steps.div_ceil(steps.div_ceil(PIECE))
}

/// Vectors of each row in a block.
const fn block_len(steps: usize) -> usize {
    let len = PIECES * piece_len(steps);
    if len < steps { len } else { steps }
}

/// All outputs of a task: tiles of at most M x R, of 1 x R1 for a single activation row.
#[inline(always)]
pub(crate) fn matmul<S: Lanes, E: Element, const M: usize, const R: usize, const R1: usize>(
    s: S,
    task: &mut MatmulTask<'_, E::Bits>,
) {
    match task.x.len() / task.x_stride {
        0 => {}
        1 => in_place::<S, E, 1, R1>(s, task),
        2 if M >= 2 => in_place::<S, E, 2, R>(s, task),
        3 if M >= 3 => in_place::<S, E, 3, R>(s, task),
        4 if M >= 4 => in_place::<S, E, 4, R>(s, task),
        5 if M >= 5 => in_place::<S, E, 5, R>(s, task),
        6 if M >= 6 => in_place::<S, E, 6, R>(s, task),
        _ => by_block::<S, E, M, R>(s, task),
    }
}

/// M activation rows, all there are, against every weight row.
#[inline(always)]
fn in_place<S: Lanes, E: Element, const M: usize, const R: usize>(s: S, task: &mut MatmulTask<'_, E::Bits>) {
    let steps = task.steps;
    let rows = task.w.len() / steps;
    let x = Rows::new(task.x, task.x_stride);
    let mut r = 0;
    while r + R <= rows {
        let mut sums = [[s.zero(); R]; M];
        let weights = task.w.as_ptr().wrapping_add((r + R) * steps);
        let ahead = Ahead::<_, R, 0> { weights, stride: steps, activations: [] };
        accumulate::<S, E, _, M, R, R, 0>(s, x, Rows::new(&task.w[r * steps..], steps), steps, ahead, &mut sums);
        write(task, 0, r, folded(s, sums));
        r += R;
    }
    while r < rows {
        let mut sums = [[s.zero(); 1]; M];
        let w = Rows::new(&task.w[r * steps..], steps);
        let ahead = Ahead::<f32, 0, 0> { weights: std::ptr::null(), stride: 0, activations: [] };
        accumulate::<S, E, _, M, 1, 0, 0>(s, x, w, steps, ahead, &mut sums);
        write(task, 0, r, folded(s, sums));
        r += 1;
    }
}

/// Any number of activation rows, block of weights by block.
#[inline(always)]
fn by_block<S: Lanes, E: Element, const M: usize, const R: usize>(s: S, task: &mut MatmulTask<'_, E::Bits>) {
    let steps = task.steps;
    let (n, rows) = (task.x.len() / task.x_stride, task.w.len() / steps);
    let len = block_len(steps);
    let together = if len == steps { n } else { KEPT_ROWS };
    for begin in (0..n).step_by(together) {
        for first in (0..rows).step_by(task.block_rows) {
            for k in (0..steps).step_by(len) {
                let block = Block { first, count: task.block_rows.min(rows - first), k, len: len.min(steps - k) };
                widen::<S, E>(s, task, &block);
                strips::<S, E, M, R>(s, task, &block, begin..n.min(begin + together));
            }
        }
    }
}

/// Part of some weight rows.
struct Block {
    /// First row.
    first: usize,
    /// Rows.
    count: usize,
    /// First vector of each row.
    k: usize,
    /// Vectors of each row.
    len: usize,
}

/// Fills the scratch memory with a block, piece by piece, so that a piece lies in one run.
#[inline(always)]
fn widen<S: Lanes, E: Element>(s: S, task: &mut MatmulTask<'_, E::Bits>, block: &Block) {
    let mut to = task.scratch.iter_mut();
    for piece in block.pieces(task.steps) {
        for r in block.first..block.first + block.count {
            let from = &task.w[r * task.steps + piece.start..][..piece.len()];
            for (from, to) in from.iter().zip(&mut to) {
                s.store(E::load(s, from), to);
            }
        }
    }
}

/// Some activation rows against a block, in strips of at most M, as even as they come.
#[inline(always)]
fn strips<S: Lanes, E: Element, const M: usize, const R: usize>(
    s: S,
    task: &mut MatmulTask<'_, E::Bits>,
    block: &Block,
    rows: Range<usize>,
) {
    let count = rows.len().div_ceil(M);
    for index in 0..count {
        let (low, high) = (index * rows.len() / count, (index + 1) * rows.len() / count);
        let strip = Strip {
            row: rows.start + low,
            count: high - low,
            kept: if block.len == task.steps { 0 } else { low * task.block_rows },
            // Each strip asks for some rows of each group of the next block, until all are asked for.
            ahead: if index < R / AHEAD { Some(AHEAD * index) } else { None },
        };
        for piece in block.pieces(task.steps) {
            match high - low {
                1 => groups::<S, E, 1, R>(s, task, block, &strip, &piece),
                2 => groups::<S, E, 2, R>(s, task, block, &strip, &piece),
                3 => groups::<S, E, 3, R>(s, task, block, &strip, &piece),
                4 => groups::<S, E, 4, R>(s, task, block, &strip, &piece),
                5 => groups::<S, E, 5, R>(s, task, block, &strip, &piece),
                _ => groups::<S, E, 6, R>(s, task, block, &strip, &piece),
            }
        }
    }
}

/// Some activation rows that meet a block together.
struct Strip {
    /// First row.
    row: usize,
    /// Rows.
    count: usize,
    /// Where its accumulators are kept.
    kept: usize,
    /// The first of the `AHEAD` rows of each group of the next block that are asked for beside this strip.
    ahead: Option<usize>,
}

impl Block {
    /// The pieces of a block, as vectors of the rows it is part of.
    #[inline(always)]
    fn pieces(&self, steps: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let (len, end) = (piece_len(steps), self.k + self.len);
        (self.k..end).step_by(len).map(move |k| k..end.min(k + len))
    }

    /// What is asked for beside a strip and the group of weight rows that starts at row `r`, the `group`th: part of the next
    /// block, and one row of the next strip.
    #[inline(always)]
    fn ahead<B>(
        &self,
        task: &MatmulTask<'_, B>,
        strip: &Strip,
        k: usize,
        r: usize,
        group: usize,
    ) -> Ahead<B, AHEAD, 1> {
        let row = strip.row + if group < strip.count { strip.count + group } else { 0 };
        let activations = [task.x.as_ptr().wrapping_add(row * task.x_stride + k)];
        // The next part of the same rows, or the first of the next rows. Where nothing is left to ask for, what is there
        // is asked for: that costs less than another shape of the inner loop.
        let last = self.k + self.len == task.steps;
        let (first, k) = if last { (self.first + self.count, k - self.k) } else { (self.first, k + self.len) };
        match strip.ahead {
            Some(from) => {
                let weights = task.w.as_ptr().wrapping_add((first + r + from) * task.steps + k);
                Ahead { weights, stride: task.steps, activations }
            }
            None => Ahead { weights: task.scratch.as_ptr().cast(), stride: 0, activations },
        }
    }
}

/// M activation rows against a piece of the block, group of R rows by group.
#[inline(always)]
fn groups<S: Lanes, E: Element, const M: usize, const R: usize>(
    s: S,
    task: &mut MatmulTask<'_, E::Bits>,
    block: &Block,
    strip: &Strip,
    piece: &Range<usize>,
) {
    let mut r = 0;
    while r + R <= block.count {
        tile::<S, E, M, R>(s, task, block, strip, piece, r);
        r += R;
    }
    while r < block.count {
        tile::<S, E, M, 1>(s, task, block, strip, piece, r);
        r += 1;
    }
}

/// M activation rows against a piece of R rows of the block, from its row `r`.
#[inline(always)]
fn tile<S: Lanes, E: Element, const M: usize, const R: usize>(
    s: S,
    task: &mut MatmulTask<'_, E::Bits>,
    block: &Block,
    strip: &Strip,
    piece: &Range<usize>,
    r: usize,
) {
    let (steps, k, len) = (task.steps, piece.start, piece.len());
    let (begins, ends) = (k == 0, k + len == steps);
    let ahead = block.ahead(task, strip, k, r, r / R);
    let (panel, kept) = task.scratch.split_at_mut(task.block_rows * block_len(steps));
    let kept = if begins && ends { kept } else { &mut kept[strip.kept + r * M..][..R * M] };
    let mut sums = [[s.zero(); R]; M];
    if !begins {
        for i in 0..M {
            for j in 0..R {
                sums[i][j] = s.load(&kept[i * R + j]);
            }
        }
    }
    let x = Rows::new(&task.x[strip.row * task.x_stride + k..], task.x_stride);
    let w = Rows::new(&panel[(k - block.k) * block.count + r * len..], len);
    accumulate::<S, F32, _, M, R, AHEAD, 1>(s, x, w, len, ahead, &mut sums);
    if ends {
        write(task, strip.row, block.first + r, folded(s, sums));
        return;
    }
    for i in 0..M {
        for j in 0..R {
            s.store(sums[i][j], &mut kept[i * R + j]);
        }
    }
}

/// Writes the outputs of a tile.
#[inline(always)]
fn write<B, const M: usize, const R: usize>(task: &MatmulTask<'_, B>, row: usize, r: usize, sums: [[f32; R]; M]) {
    for i in 0..M {
        // SAFETY: the elements of a task are its own (contract of `MatmulTask`), and each is written by one tile.
        let out = unsafe { task.out.piece(task.out_start + (row + i) * task.out_stride + r, R) };
        out.copy_from_slice(&sums[i]);
    }
}

/// Rows of vectors, `stride` vectors apart.
#[derive(Clone, Copy)]
struct Rows<'a, B> {
    chunks: &'a [Chunk<B>],
    stride: usize,
}

impl<'a, B> Rows<'a, B> {
    #[inline(always)]
    fn new(chunks: &'a [Chunk<B>], stride: usize) -> Self {
        Self { chunks, stride }
    }

    /// The first `len` vectors of the first N rows.
    #[inline(always)]
    fn take<const N: usize>(self, len: usize) -> [&'a [Chunk<B>]; N] {
        let mut rows = [&self.chunks[..len]; N];
        for i in 1..N {
            rows[i] = &self.chunks[i * self.stride..][..len];
        }
        rows
    }
}

/// What will be read next: while a tile walks vector k of its rows, vector k of W weight rows and of X activation rows is
/// asked for. All may lie beyond the end of their slices: then nothing is read.
#[derive(Clone, Copy)]
struct Ahead<B, const W: usize, const X: usize> {
    weights: *const Chunk<B>,
    /// Vectors from one weight row to the next.
    stride: usize,
    activations: [*const Chunk<f32>; X],
}

/// Adds the products of `len` vectors of M activation rows and R weight rows.
#[inline(always)]
fn accumulate<S: Lanes, E: Element, B, const M: usize, const R: usize, const W: usize, const X: usize>(
    s: S,
    x: Rows<'_, f32>,
    w: Rows<'_, E::Bits>,
    len: usize,
    ahead: Ahead<B, W, X>,
    sums: &mut [[S::F; R]; M],
) {
    // All slices have the same length, which spares the loop its bounds checks.
    let (xs, ws) = (x.take::<M>(len), w.take::<R>(len));
    for k in 0..len {
        for r in 0..W {
            s.prefetch(ahead.weights.wrapping_add(r * ahead.stride + k).cast());
        }
        for i in 0..X {
            s.prefetch(ahead.activations[i].wrapping_add(k).cast());
        }
        let mut wk = [s.zero(); R];
        for r in 0..R {
            wk[r] = E::load(s, &ws[r][k]);
        }
        for i in 0..M {
            let xk = s.load(&xs[i][k]);
            for r in 0..R {
                sums[i][r] = s.mul_add(xk, wk[r], sums[i][r]);
            }
        }
    }
}

/// Every vector folded to its sum, four at a time.
#[inline(always)]
fn folded<S: Lanes, const M: usize, const R: usize>(s: S, sums: [[S::F; R]; M]) -> [[f32; R]; M] {
    let mut out = [[0.0; R]; M];
    let flat = sums.as_flattened();
    let out_flat = out.as_flattened_mut();
    let mut start = 0;
    while start < M * R {
        let mut four = [s.zero(); 4];
        let count = if M * R - start < 4 { M * R - start } else { 4 };
        four[..count].copy_from_slice(&flat[start..start + count]);
        let sum = s.sum4(four);
        out_flat[start..start + count].copy_from_slice(&sum[..count]);
        start += 4;
    }
    out
}

/// Vectors that hold `len` numbers.
#[inline(always)]
pub(crate) const fn vectors(len: usize) -> usize {
    len.div_ceil(LANES)
}
