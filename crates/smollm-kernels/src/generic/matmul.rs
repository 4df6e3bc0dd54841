//! Products of activation rows and weight rows, tile by tile.
//!
//! A tile is M activation rows by R weight rows: M x R accumulators stay in registers while the row length is walked once,
//! so each vector that is loaded takes part in several multiply-adds. Both operands lie row-major, as weights do in files.
//!
//! Up to M activation rows take the weights as they lie, each read once out of memory. More of them take blocks of weight
//! rows, widened to f32 once into scratch memory that stays in the caches while all activation rows pass over it. Long
//! rows are then walked in pieces, so that a strip of M activation rows stays in the first-level cache; accumulators
//! are kept in between, so the order of additions is as before. None of this changes what is computed (see `MatmulTask`).
//!
//! While one group of weight rows is multiplied, those that follow are asked for, since the hardware alone does not look far
//! enough ahead to keep memory busy.

use crate::lanes::{Chunk, Element, F32, LANES, Lanes};
use crate::table::MatmulTask;

/// Vectors of a row walked in one piece, at most: 6 rows of these take 18 KiB, two rows of the table's widest tile less.
const PIECE: usize = 48;

/// Vectors of scratch memory that a task takes: a block of weight rows, and the accumulators of a strip against it.
pub(crate) const fn scratch_len(steps: usize, tile_rows: usize, block_rows: usize) -> usize {
    block_rows * (steps + tile_rows)
}

/// All outputs of a task: tiles of at most M x R, of 1 x R1 for a single activation row.
#[inline(always)]
pub(crate) fn matmul<S: Lanes, E: Element, const M: usize, const R: usize, const R1: usize>(
    s: S,
    task: &mut MatmulTask<'_, E::Bits>,
) {
    match task.x.len() / task.steps {
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
    let mut r = 0;
    while r + R <= rows {
        let mut sums = [[s.zero(); R]; M];
        let ahead = Ahead::new(task.w, (r + R) * steps, steps, R);
        accumulate::<S, E, M, R, _>(s, task.x, &task.w[r * steps..], steps, steps, ahead, &mut sums);
        write(task, 0, r, folded(s, sums));
        r += R;
    }
    while r < rows {
        let mut sums = [[s.zero(); 1]; M];
        accumulate::<S, E, M, 1, f32>(s, task.x, &task.w[r * steps..], steps, steps, Ahead::nothing(), &mut sums);
        write(task, 0, r, folded(s, sums));
        r += 1;
    }
}

/// Any number of activation rows, block of weight rows by block.
#[inline(always)]
fn by_block<S: Lanes, E: Element, const M: usize, const R: usize>(s: S, task: &mut MatmulTask<'_, E::Bits>) {
    let steps = task.steps;
    let (n, rows) = (task.x.len() / steps, task.w.len() / steps);
    let strips = n.div_ceil(M);
    let mut first = 0;
    while first < rows {
        let count = task.block_rows.min(rows - first);
        let from = &task.w[first * steps..][..count * steps];
        for (to, from) in task.scratch[..count * steps].iter_mut().zip(from) {
            s.store(E::load(s, from), to);
        }
        for index in 0..strips {
            // The next block is asked for little by little, some rows of each group with each strip.
            let (low, high) = (index * R / strips, (index + 1) * R / strips);
            let ahead = Ahead::new(task.w, (first + count + low) * steps, steps, high - low);
            let block = Block { first, count, row: index * M, ahead };
            match M.min(n - block.row) {
                1 => strip::<S, E, 1, R>(s, task, &block),
                2 => strip::<S, E, 2, R>(s, task, &block),
                3 => strip::<S, E, 3, R>(s, task, &block),
                4 => strip::<S, E, 4, R>(s, task, &block),
                5 => strip::<S, E, 5, R>(s, task, &block),
                _ => strip::<S, E, 6, R>(s, task, &block),
            }
        }
        first += count;
    }
}

/// A block of weight rows in scratch memory, and the first activation row that meets it.
struct Block<B> {
    first: usize,
    count: usize,
    row: usize,
    ahead: Ahead<B>,
}

/// M activation rows against the block, piece by piece.
#[inline(always)]
fn strip<S: Lanes, E: Element, const M: usize, const R: usize>(
    s: S,
    task: &mut MatmulTask<'_, E::Bits>,
    block: &Block<E::Bits>,
) {
    let mut k = 0;
    while k < task.steps {
        let mut r = 0;
        while r + R <= block.count {
            tile::<S, E, M, R>(s, task, block, k, r);
            r += R;
        }
        while r < block.count {
            tile::<S, E, M, 1>(s, task, block, k, r);
            r += 1;
        }
        k += PIECE;
    }
}

/// One piece, from vector `k`, of M activation rows against R rows of the block from `r`.
#[inline(always)]
fn tile<S: Lanes, E: Element, const M: usize, const R: usize>(
    s: S,
    task: &mut MatmulTask<'_, E::Bits>,
    block: &Block<E::Bits>,
    k: usize,
    r: usize,
) {
    let steps = task.steps;
    let len = PIECE.min(steps - k);
    let (panel, kept) = task.scratch.split_at_mut(task.block_rows * steps);
    let kept = &mut kept[r * M..][..R * M];
    let mut sums = [[s.zero(); R]; M];
    if k > 0 {
        for i in 0..M {
            for j in 0..R {
                sums[i][j] = s.load(&kept[i * R + j]);
            }
        }
    }
    let ahead = if R == 1 { Ahead::nothing() } else { block.ahead.skip(r * steps + k) };
    accumulate::<S, F32, M, R, _>(
        s,
        &task.x[block.row * steps + k..],
        &panel[r * steps + k..],
        steps,
        len,
        ahead,
        &mut sums,
    );
    if k + len == steps {
        write(task, block.row, block.first + r, folded(s, sums));
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

/// Weights to ask for while others are multiplied: at each step one vector of each of `rows` rows.
struct Ahead<B> {
    start: *const Chunk<B>,
    steps: usize,
    rows: usize,
}

impl<B> Ahead<B> {
    /// `rows` rows of `steps` vectors from `start` on, which may lie beyond the end.
    #[inline(always)]
    fn new(w: &[Chunk<B>], start: usize, steps: usize, rows: usize) -> Self {
        Self { start: w.as_ptr().wrapping_add(start), steps, rows }
    }

    #[inline(always)]
    fn nothing() -> Self {
        Self { start: std::ptr::null(), steps: 0, rows: 0 }
    }

    #[inline(always)]
    fn skip(&self, vectors: usize) -> Self {
        Self { start: self.start.wrapping_add(vectors), ..*self }
    }
}

/// Adds the products of `len` vectors of M activation rows and R weight rows; rows lie `steps` vectors apart.
#[inline(always)]
fn accumulate<S: Lanes, E: Element, const M: usize, const R: usize, T>(
    s: S,
    x: &[Chunk<f32>],
    w: &[Chunk<E::Bits>],
    steps: usize,
    len: usize,
    ahead: Ahead<T>,
    sums: &mut [[S::F; R]; M],
) {
    // Slices of one length each, so that the loop needs no bounds checks.
    let mut xs = [&x[..len]; M];
    for i in 1..M {
        xs[i] = &x[i * steps..][..len];
    }
    let mut ws = [&w[..len]; R];
    for r in 1..R {
        ws[r] = &w[r * steps..][..len];
    }
    for k in 0..len {
        for r in 0..ahead.rows {
            s.prefetch(ahead.start.wrapping_add(r * ahead.steps + k).cast());
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

/// The M x R dot products of rows of `steps` vectors.
#[inline(always)]
pub(crate) fn dots<S: Lanes, const M: usize, const R: usize>(
    s: S,
    x: &[Chunk<f32>],
    w: &[Chunk<f32>],
    steps: usize,
) -> [[f32; R]; M] {
    let mut sums = [[s.zero(); R]; M];
    accumulate::<S, F32, M, R, f32>(s, x, w, steps, steps, Ahead::nothing(), &mut sums);
    folded(s, sums)
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
