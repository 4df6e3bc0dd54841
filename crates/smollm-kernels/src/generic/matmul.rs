//! Products of activation rows and weight rows, tile by tile.
//!
//! A tile is M activation rows by R weight rows: M x R accumulators stay in registers while the row length is walked once,
//! so each vector that is loaded takes part in several multiply-adds. Both operands lie row-major, as weights do in files.
//!
//! Up to M activation rows take the weights as they lie, each read once out of memory. More of them take blocks of weights
//! that are packed once (widened to f32, where the product is one of f32), into scratch memory that stays in the second-level cache, and then met by many strips of M
//! activation rows. A strip walks its rows in pieces short enough for the first-level cache; accumulators are kept from piece
//! to piece, so the order of additions is as before. None of this changes what is computed (see `MatmulTask`).
//!
//! While weights are multiplied those that follow are asked for, since the hardware alone does not look far
//! enough ahead to keep memory busy.

use std::ops::Range;

use crate::aligned::{lines, lines_mut};
use crate::generic::dot::Dot;
use crate::lanes::{LANES, Lanes};
use crate::table::MatmulTask;

/// Vectors of a row that are walked in one go, at most: 6 rows of these take 23 KiB.
const PIECE: usize = 60;
/// Pieces in a block, at most: 64 rows of these take 720 KiB.
const PIECES: usize = 3;
/// Activation rows whose accumulators are kept from block to block where a row takes several, at most.
const KEPT_ROWS: usize = 96;
/// Rows of each group that a strip asks for.
const AHEAD: usize = 2;
/// Strips of activation rows up to which weights are taken as they lie.
pub(crate) const FEW_STRIPS: usize = 4;
/// Bytes that a stream of weights is asked for ahead of its use.
const STREAM_AHEAD: usize = 4096;

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
pub(crate) fn matmul<S: Lanes, D: Dot<S>, const M: usize, const R: usize, const R1: usize>(
    s: S,
    d: D,
    task: &mut MatmulTask<'_, D::X, D::W>,
) {
    match task.x.len() / task.x_stride {
        0 => {}
        1 => streams::<S, D, R1>(s, d, task),
        n if n <= FEW_STRIPS * M => in_place::<S, D, M, R>(s, d, task),
        _ => by_block::<S, D, M, R>(s, d, task),
    }
}

/// One activation row against weight rows that are read in R1 streams, each from its own part of memory: so the machine
/// fetches more of them at once than from one stream.
#[inline(always)]
fn streams<S: Lanes, D: Dot<S>, const R1: usize>(s: S, d: D, task: &mut MatmulTask<'_, D::X, D::W>) {
    let steps = task.steps;
    let rows = task.w.len() / steps;
    let run = rows / R1;
    for r in 0..run {
        let w = Rows::new(&task.w[r * steps..], run * steps);
        let ahead = Apart::<_, R1> { from: w.vectors.as_ptr(), stride: w.stride };
        let mut sums = [[s.zero(); R1]; 1];
        accumulate(s, d, Rows::new(task.x, task.x_stride), w, steps, ahead, &mut sums);
        let sums = folded(s, sums);
        for j in 0..R1 {
            write(task, 0, r + j * run, [[sums[0][j]]]);
        }
    }
    for r in run * R1..rows {
        in_place_tile::<S, D, 1, 1>(s, d, task, 0, r);
    }
}

/// A few activation rows against weight rows as they lie, in strips of at most M: each weight is read once out of memory.
#[inline(always)]
fn in_place<S: Lanes, D: Dot<S>, const M: usize, const R: usize>(s: S, d: D, task: &mut MatmulTask<'_, D::X, D::W>) {
    let n = task.x.len() / task.x_stride;
    let rows = task.w.len() / task.steps;
    let strips = n.div_ceil(M);
    let mut r = 0;
    while r < rows {
        let whole = r + R <= rows;
        for index in 0..strips {
            let (low, high) = (index * n / strips, (index + 1) * n / strips);
            match (high - low, whole) {
                (1, true) => in_place_tile::<S, D, 1, R>(s, d, task, low, r),
                (2, true) if const { M >= 2 } => in_place_tile::<S, D, 2, R>(s, d, task, low, r),
                (3, true) if const { M >= 3 } => in_place_tile::<S, D, 3, R>(s, d, task, low, r),
                (4, true) if const { M >= 4 } => in_place_tile::<S, D, 4, R>(s, d, task, low, r),
                (5, true) if const { M >= 5 } => in_place_tile::<S, D, 5, R>(s, d, task, low, r),
                (6, true) if const { M >= 6 } => in_place_tile::<S, D, 6, R>(s, d, task, low, r),
                _ => (low..high).for_each(|row| in_place_tile::<S, D, 1, 1>(s, d, task, row, r)),
            }
        }
        r += if whole { R } else { 1 };
    }
}

/// M activation rows from `row` against R weight rows from `r`.
#[inline(always)]
fn in_place_tile<S: Lanes, D: Dot<S>, const M: usize, const R: usize>(
    s: S,
    d: D,
    task: &MatmulTask<'_, D::X, D::W>,
    row: usize,
    r: usize,
) {
    let steps = task.steps;
    let x = Rows::new(&task.x[row * task.x_stride..], task.x_stride);
    let w = Rows::new(&task.w[r * steps..], steps);
    // The rows of a tile are one run of memory, which is asked for from end to end whatever the order of use.
    let ahead = Stream { from: w.vectors.as_ptr().cast(), step: R * size_of::<D::W>() };
    let mut sums = [[s.zero(); R]; M];
    accumulate(s, d, x, w, steps, ahead, &mut sums);
    write(task, row, r, folded(s, sums));
}

/// Any number of activation rows, block of weights by block.
#[inline(always)]
fn by_block<S: Lanes, D: Dot<S>, const M: usize, const R: usize>(s: S, d: D, task: &mut MatmulTask<'_, D::X, D::W>) {
    let steps = task.steps;
    let (n, rows) = (task.x.len() / task.x_stride, task.w.len() / steps);
    let len = block_len(steps);
    let together = if len == steps { n } else { KEPT_ROWS };
    for begin in (0..n).step_by(together) {
        for first in (0..rows).step_by(task.block_rows) {
            for k in (0..steps).step_by(len) {
                let block = Block { first, count: task.block_rows.min(rows - first), k, len: len.min(steps - k) };
                pack(s, d, task, &block);
                strips::<S, D, M, R>(s, d, task, &block, begin..n.min(begin + together));
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
fn pack<S: Lanes, D: Dot<S>>(s: S, d: D, task: &mut MatmulTask<'_, D::X, D::W>, block: &Block) {
    let mut to = lines_mut(task.scratch).iter_mut();
    for piece in block.pieces(task.steps) {
        for r in block.first..block.first + block.count {
            let from = &task.w[r * task.steps + piece.start..][..piece.len()];
            for (from, to) in from.iter().zip(&mut to) {
                d.pack(s, from, to);
            }
        }
    }
}

/// Some activation rows against a block, in strips of at most M, as even as they come.
#[inline(always)]
fn strips<S: Lanes, D: Dot<S>, const M: usize, const R: usize>(
    s: S,
    d: D,
    task: &mut MatmulTask<'_, D::X, D::W>,
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
                // (Constants, so that no code is made for more rows than a strip has.)
                2 if const { M >= 2 } => groups::<S, D, 2, R>(s, d, task, block, &strip, &piece),
                3 if const { M >= 3 } => groups::<S, D, 3, R>(s, d, task, block, &strip, &piece),
                4 if const { M >= 4 } => groups::<S, D, 4, R>(s, d, task, block, &strip, &piece),
                5 if const { M >= 5 } => groups::<S, D, 5, R>(s, d, task, block, &strip, &piece),
                6 if const { M >= 6 } => groups::<S, D, 6, R>(s, d, task, block, &strip, &piece),
                _ => groups::<S, D, 1, R>(s, d, task, block, &strip, &piece),
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
    fn ahead<X, W>(
        &self,
        task: &MatmulTask<'_, X, W>,
        strip: &Strip,
        k: usize,
        r: usize,
        group: usize,
    ) -> Beside<W, X> {
        let row = strip.row + if group < strip.count { strip.count + group } else { 0 };
        let activations = task.x.as_ptr().wrapping_add(row * task.x_stride + k);
        // The next part of the same rows, or the first of the next rows. Where nothing is left to ask for, what is there
        // is asked for: that costs less than another shape of the inner loop.
        let last = self.k + self.len == task.steps;
        let (first, k) = if last { (self.first + self.count, k - self.k) } else { (self.first, k + self.len) };
        match strip.ahead {
            Some(from) => {
                let weights = task.w.as_ptr().wrapping_add((first + r + from) * task.steps + k);
                Beside { weights, stride: task.steps, activations }
            }
            None => Beside { weights: task.w.as_ptr(), stride: 0, activations },
        }
    }
}

/// M activation rows against a piece of the block, group of R rows by group.
#[inline(always)]
fn groups<S: Lanes, D: Dot<S>, const M: usize, const R: usize>(
    s: S,
    d: D,
    task: &mut MatmulTask<'_, D::X, D::W>,
    block: &Block,
    strip: &Strip,
    piece: &Range<usize>,
) {
    let mut r = 0;
    while r + R <= block.count {
        tile::<S, D, M, R>(s, d, task, block, strip, piece, r);
        r += R;
    }
    while r < block.count {
        tile::<S, D, M, 1>(s, d, task, block, strip, piece, r);
        r += 1;
    }
}

/// M activation rows against a piece of R rows of the block, from its row `r`.
#[inline(always)]
fn tile<S: Lanes, D: Dot<S>, const M: usize, const R: usize>(
    s: S,
    d: D,
    task: &mut MatmulTask<'_, D::X, D::W>,
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
    let w = Rows::new(&lines(panel)[(k - block.k) * block.count + r * len..], len);
    accumulate(s, d.packed(), x, w, len, ahead, &mut sums);
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
fn write<X, W, const M: usize, const R: usize>(task: &MatmulTask<'_, X, W>, row: usize, r: usize, sums: [[f32; R]; M]) {
    for i in 0..M {
        // SAFETY: the elements of a task are its own (contract of `MatmulTask`), and each is written by one tile.
        let out = unsafe { task.out.piece(task.out_start + (row + i) * task.out_stride + r, R) };
        #[allow(clippy::manual_memcpy, reason = "the call that it stands for would put the sums in memory")]
        for j in 0..R {
            out[j] = if task.adds { out[j] + sums[i][j] } else { sums[i][j] };
        }
    }
}

/// Rows of vectors, `stride` vectors apart.
#[derive(Clone, Copy)]
struct Rows<'a, T> {
    vectors: &'a [T],
    stride: usize,
}

impl<'a, T> Rows<'a, T> {
    #[inline(always)]
    fn new(vectors: &'a [T], stride: usize) -> Self {
        Self { vectors, stride }
    }

    /// The first `len` vectors of the first N rows.
    #[inline(always)]
    fn take<const N: usize>(self, len: usize) -> [&'a [T]; N] {
        let mut rows = [&self.vectors[..len]; N];
        for i in 1..N {
            rows[i] = &self.vectors[i * self.stride..][..len];
        }
        rows
    }
}

/// What will be read soon, asked for beside vector k of a tile. It may lie beyond the end of its slice: then nothing is read.
trait Ahead: Copy {
    fn ask<S: Lanes>(self, s: S, k: usize);
}

/// A run of memory of which `step` bytes are used up with each k.
#[derive(Clone, Copy)]
struct Stream {
    from: *const u8,
    step: usize,
}

impl Ahead for Stream {
    #[inline(always)]
    fn ask<S: Lanes>(self, s: S, k: usize) {
        let at = self.from.wrapping_add(k * self.step + STREAM_AHEAD);
        for offset in (0..self.step).step_by(64) {
            s.prefetch(at.wrapping_add(offset));
        }
    }
}

/// R streams of vectors.
#[derive(Clone, Copy)]
struct Apart<W, const R: usize> {
    from: *const W,
    stride: usize,
}

impl<W: Copy, const R: usize> Ahead for Apart<W, R> {
    #[inline(always)]
    fn ask<S: Lanes>(self, s: S, k: usize) {
        // A line may hold two vectors; it is asked for once.
        if size_of::<W>() >= 64 || k.is_multiple_of(2) {
            for r in 0..R {
                s.prefetch(self.from.wrapping_add(k + r * self.stride).cast::<u8>().wrapping_add(STREAM_AHEAD));
            }
        }
    }
}

/// Vector k of `AHEAD` weight rows, `stride` vectors apart, and of one activation row.
#[derive(Clone, Copy)]
struct Beside<W, X> {
    weights: *const W,
    stride: usize,
    activations: *const X,
}

impl<W: Copy, X: Copy> Ahead for Beside<W, X> {
    #[inline(always)]
    fn ask<S: Lanes>(self, s: S, k: usize) {
        for r in 0..AHEAD {
            s.prefetch(self.weights.wrapping_add(r * self.stride + k).cast());
        }
        s.prefetch(self.activations.wrapping_add(k).cast());
    }
}

/// Adds the products of `len` vectors of M activation rows and R weight rows.
#[inline(always)]
fn accumulate<S: Lanes, D: Dot<S>, const M: usize, const R: usize>(
    s: S,
    d: D,
    x: Rows<'_, D::X>,
    w: Rows<'_, D::W>,
    len: usize,
    ahead: impl Ahead,
    sums: &mut [[S::F; R]; M],
) {
    // All slices have the same length, which spares the loop its bounds checks.
    let (xs, ws) = (x.take::<M>(len), w.take::<R>(len));
    for k in 0..len {
        ahead.ask(s, k);
        let mut wk = [d.load_w(s, &ws[0][k]); R];
        for r in 1..R {
            wk[r] = d.load_w(s, &ws[r][k]);
        }
        for i in 0..M {
            let xk = d.load_x(s, &xs[i][k]);
            for r in 0..R {
                sums[i][r] = d.add(s, xk, wk[r], sums[i][r]);
            }
        }
    }
}

/// Every vector folded to its sum, four at a time. Indexed throughout: slices of registers would put them all in memory.
#[inline(always)]
fn folded<S: Lanes, const M: usize, const R: usize>(s: S, sums: [[S::F; R]; M]) -> [[f32; R]; M] {
    let mut out = [[0.0; R]; M];
    let mut start = 0;
    while start < M * R {
        let mut four = [s.zero(); 4];
        for j in 0..4 {
            if start + j < M * R {
                four[j] = sums[(start + j) / R][(start + j) % R];
            }
        }
        let four = s.sum4(four);
        for j in 0..4 {
            if start + j < M * R {
                out[(start + j) / R][(start + j) % R] = four[j];
            }
        }
        start += 4;
    }
    out
}

/// Vectors that hold `len` numbers.
#[inline(always)]
pub(crate) const fn vectors(len: usize) -> usize {
    len.div_ceil(LANES)
}
