//! Products of activation rows and weight rows, tile by tile.
//!
//! A tile is M activation rows by R weight rows: M x R accumulators stay in registers while the row length is walked once,
//! so each vector that is loaded takes part in several multiply-adds. Both operands lie row-major, as weights do in files;
//! nothing is packed. The tile's size changes what is computed together and nothing else (see `MatmulTask`).

use crate::lanes::{Chunk, Element, LANES, Lanes};
use crate::table::MatmulTask;

/// All outputs of a task: tiles of at most M x R, of 1 x R1 for a single activation row.
#[inline(always)]
pub(crate) fn matmul<S: Lanes, E: Element, const M: usize, const R: usize, const R1: usize>(
    s: S,
    task: &MatmulTask<'_, E::Bits>,
) {
    let n = task.x.len() / task.steps;
    if n == 1 {
        return strip::<S, E, 1, R1>(s, task, 0);
    }
    let mut first = 0;
    while first < n {
        let left = n - first;
        match left.min(M) {
            1 => strip::<S, E, 1, R>(s, task, first),
            2 => strip::<S, E, 2, R>(s, task, first),
            3 => strip::<S, E, 3, R>(s, task, first),
            4 => strip::<S, E, 4, R>(s, task, first),
            5 => strip::<S, E, 5, R>(s, task, first),
            _ => strip::<S, E, 6, R>(s, task, first),
        }
        first += left.min(M);
    }
}

/// M activation rows from `first` against every weight row.
#[inline(always)]
fn strip<S: Lanes, E: Element, const M: usize, const R: usize>(s: S, task: &MatmulTask<'_, E::Bits>, first: usize) {
    let steps = task.steps;
    let rows = task.w.len() / steps;
    let x = &task.x[first * steps..][..M * steps];
    let mut r = 0;
    while r + R <= rows {
        tile::<S, E, M, R>(s, task, x, first, r);
        r += R;
    }
    while r < rows {
        tile::<S, E, M, 1>(s, task, x, first, r);
        r += 1;
    }
}

/// One tile: M activation rows `x` against R weight rows from `r`.
#[inline(always)]
fn tile<S: Lanes, E: Element, const M: usize, const R: usize>(
    s: S,
    task: &MatmulTask<'_, E::Bits>,
    x: &[Chunk<f32>],
    first: usize,
    r: usize,
) {
    let steps = task.steps;
    let sums = dots::<S, E, M, R>(s, x, &task.w[r * steps..][..R * steps], steps);
    for i in 0..M {
        // SAFETY: the elements of a task are its own (contract of `MatmulTask`), and each is written by one tile.
        let out = unsafe { task.out.piece(task.out_start + (first + i) * task.out_stride + r, R) };
        out.copy_from_slice(&sums[i]);
    }
}

/// The M x R dot products of rows of `steps` vectors.
#[inline(always)]
pub(crate) fn dots<S: Lanes, E: Element, const M: usize, const R: usize>(
    s: S,
    x: &[Chunk<f32>],
    w: &[Chunk<E::Bits>],
    steps: usize,
) -> [[f32; R]; M] {
    // Slices of one length each, so that the loop needs no bounds checks.
    let mut xs = [&x[..steps]; M];
    for i in 1..M {
        xs[i] = &x[i * steps..][..steps];
    }
    let mut ws = [&w[..steps]; R];
    for r in 1..R {
        ws[r] = &w[r * steps..][..steps];
    }
    let mut sums = [[s.zero(); R]; M];
    for k in 0..steps {
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
