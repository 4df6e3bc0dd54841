//! Products of activation rows and weight rows, tile by tile.
//!
//! A tile is M activation rows by R weight rows: M x R accumulators stay in registers while the row length is walked once,
//! so each vector that is loaded takes part in several multiply-adds. Both operands lie row-major, as weights do in files.
//!
//! Up to M activation rows take the weights as they lie, each read once out of memory. More of them take pieces of weights
//! (some rows by `PIECE` vectors) that are widened to f32 once, into scratch memory that stays in the caches, and then met by
//! many strips of M activation rows; a strip is short enough for the first-level cache. Accumulators are kept between the
//! pieces of a row, so the order of additions is as before. None of this changes what is computed (see `MatmulTask`).
//!
//! While weights are multiplied those that follow are asked for, since the hardware alone does not look far
//! enough ahead to keep memory busy.

use std::ops::Range;

use crate::lanes::{Chunk, Element, F32, LANES, Lanes};
use crate::table::MatmulTask;

/// Vectors of a row that are walked in one go, at most: 6 rows of these take 24 KiB, 64 take 256 KiB.
const PIECE: usize = 64;
/// Rows of each group that a strip asks for.
const AHEAD: usize = 2;
/// Activation rows whose accumulators are kept between pieces, at most; a multiple of every row's M.
const KEPT_ROWS: usize = 96;

/// Vectors of scratch memory that a task takes with more activation rows than M: a piece of each of `block_rows` weight
/// rows, and the accumulators where rows of `steps` vectors take several pieces.
pub(crate) const fn scratch_len(steps: usize, block_rows: usize) -> usize {
    if steps <= PIECE { block_rows * steps } else { block_rows * (piece_len(steps) + KEPT_ROWS) }
}

/// Vectors in a piece of rows of `steps` vectors: as even as they come.
const fn piece_len(steps: usize) -> usize {
    steps.div_ceil(steps.div_ceil(PIECE))
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
        let ahead = Ahead::<_, R>::new(task.w, (r + R) * steps, steps);
        accumulate::<S, E, _, M, R, R>(s, x, Rows::new(&task.w[r * steps..], steps), steps, ahead, &mut sums);
        write(task, 0, r, folded(s, sums));
        r += R;
    }
    while r < rows {
        let mut sums = [[s.zero(); 1]; M];
        let w = Rows::new(&task.w[r * steps..], steps);
        accumulate::<S, E, f32, M, 1, 0>(s, x, w, steps, Ahead::nothing(), &mut sums);
        write(task, 0, r, folded(s, sums));
        r += 1;
    }
}

/// Any number of activation rows, block of weight rows by block, piece by piece.
#[inline(always)]
fn by_block<S: Lanes, E: Element, const M: usize, const R: usize>(s: S, task: &mut MatmulTask<'_, E::Bits>) {
    let steps = task.steps;
    let (n, rows) = (task.x.len() / task.x_stride, task.w.len() / steps);
    let piece = piece_len(steps);
    let together = if piece == steps { n } else { KEPT_ROWS };
    for begin in (0..n).step_by(together) {
        for first in (0..rows).step_by(task.block_rows) {
            for k in (0..steps).step_by(piece) {
                let block = Block { first, count: task.block_rows.min(rows - first), k, len: piece.min(steps - k) };
                widen::<S, E>(s, task, &block);
                strips::<S, E, M, R>(s, task, &block, begin..n.min(begin + together));
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
        let strip = Strip { row: rows.start + low, kept: low * task.block_rows, ahead: block.ahead(task, index, R) };
        match high - low {
            1 => groups::<S, E, 1, R>(s, task, block, &strip),
            2 => groups::<S, E, 2, R>(s, task, block, &strip),
            3 => groups::<S, E, 3, R>(s, task, block, &strip),
            4 => groups::<S, E, 4, R>(s, task, block, &strip),
            5 => groups::<S, E, 5, R>(s, task, block, &strip),
            _ => groups::<S, E, 6, R>(s, task, block, &strip),
        }
    }
}

/// A piece of some weight rows.
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

/// Some activation rows that meet a block together.
struct Strip<B> {
    /// First row.
    row: usize,
    /// Where its accumulators are kept.
    kept: usize,
    /// What to ask for beside the first group.
    ahead: Ahead<B, AHEAD>,
}

impl Block {
    /// The block that comes next, the next piece of the same rows or the first of the next rows, is asked for little by
    /// little: some rows of each group beside the first strip, some beside the second.
    #[inline(always)]
    fn ahead<B>(&self, task: &MatmulTask<'_, B>, strip: usize, rows_in_group: usize) -> Ahead<B, AHEAD> {
        let last = self.k + self.len == task.steps;
        let (row, k) = if last { (self.first + self.count, 0) } else { (self.first, self.k + self.len) };
        if strip < rows_in_group / AHEAD {
            Ahead::new(task.w, (row + AHEAD * strip) * task.steps + k, task.steps)
        } else {
            // Nothing left to ask for, so ask for what is there: cheaper than another shape of the inner loop.
            Ahead { start: task.scratch.as_ptr().cast(), stride: 0 }
        }
    }
}

/// Fills the scratch memory with a block.
#[inline(always)]
fn widen<S: Lanes, E: Element>(s: S, task: &mut MatmulTask<'_, E::Bits>, block: &Block) {
    for (r, to) in task.scratch[..block.count * block.len].chunks_exact_mut(block.len).enumerate() {
        let from = &task.w[(block.first + r) * task.steps + block.k..][..block.len];
        for (to, from) in to.iter_mut().zip(from) {
            s.store(E::load(s, from), to);
        }
    }
}

/// M activation rows against the block, group of R rows by group.
#[inline(always)]
fn groups<S: Lanes, E: Element, const M: usize, const R: usize>(
    s: S,
    task: &mut MatmulTask<'_, E::Bits>,
    block: &Block,
    strip: &Strip<E::Bits>,
) {
    let mut r = 0;
    while r + R <= block.count {
        tile::<S, E, M, R>(s, task, block, strip, r);
        r += R;
    }
    while r < block.count {
        tile::<S, E, M, 1>(s, task, block, strip, r);
        r += 1;
    }
}

/// M activation rows against R rows of the block, from its row `r`.
#[inline(always)]
fn tile<S: Lanes, E: Element, const M: usize, const R: usize>(
    s: S,
    task: &mut MatmulTask<'_, E::Bits>,
    block: &Block,
    strip: &Strip<E::Bits>,
    r: usize,
) {
    let (steps, len) = (task.steps, block.len);
    let whole = len == steps;
    let (panel, kept) = task.scratch.split_at_mut(task.block_rows * piece_len(steps));
    let kept = if whole { kept } else { &mut kept[strip.kept + r * M..][..R * M] };
    let mut sums = [[s.zero(); R]; M];
    if block.k > 0 {
        for i in 0..M {
            for j in 0..R {
                sums[i][j] = s.load(&kept[i * R + j]);
            }
        }
    }
    let ahead = Ahead { start: strip.ahead.start.wrapping_add(r * strip.ahead.stride), ..strip.ahead };
    let (x, w) =
        (Rows::new(&task.x[strip.row * task.x_stride + block.k..], task.x_stride), Rows::new(&panel[r * len..], len));
    accumulate::<S, F32, _, M, R, AHEAD>(s, x, w, len, ahead, &mut sums);
    if block.k + len == steps {
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

/// Where memory will be read next: while a tile walks vector k of its rows, vector k of A other rows is asked for.
#[derive(Clone, Copy)]
struct Ahead<B, const A: usize> {
    start: *const Chunk<B>,
    stride: usize,
}

impl<B> Ahead<B, 0> {
    #[inline(always)]
    fn nothing() -> Self {
        Self { start: std::ptr::null(), stride: 0 }
    }
}

impl<B, const A: usize> Ahead<B, A> {
    /// Rows from vector `first` of `rows` on, `stride` vectors apart. They may lie beyond the end: then nothing is read.
    #[inline(always)]
    fn new(rows: &[Chunk<B>], first: usize, stride: usize) -> Self {
        Self { start: rows.as_ptr().wrapping_add(first), stride }
    }
}

/// Adds the products of `len` vectors of M activation rows and R weight rows.
#[inline(always)]
fn accumulate<S: Lanes, E: Element, B, const M: usize, const R: usize, const A: usize>(
    s: S,
    x: Rows<'_, f32>,
    w: Rows<'_, E::Bits>,
    len: usize,
    ahead: Ahead<B, A>,
    sums: &mut [[S::F; R]; M],
) {
    // All slices have the same length, which spares the loop its bounds checks.
    let (xs, ws) = (x.take::<M>(len), w.take::<R>(len));
    for k in 0..len {
        for r in 0..A {
            s.prefetch(ahead.start.wrapping_add(r * ahead.stride + k).cast());
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
