//! Products of training where there is no tile unit: outputs side by side in lanes, so that no sum is folded.
//!
//! A tile is M rows of x by R groups of sixteen outputs. For each number k of a row, the k-th lines of the groups are loaded and each row's
//! number is multiplied with all of them; M x R accumulators stay in registers for a piece of [`PIECE`] numbers. An output is therefore a sum of
//! pieces, in ascending order, each of which is one chain in ascending order of k, whatever the number of rows, threads or groups of an item.
//!
//! The rows of x are copied strip by strip to scratch memory that stays in the first-level cache, rounded to bf16 there if weights are bf16; x may
//! lie turned. A piece of weights stays in the second-level cache while all strips of an item meet it; bf16 is widened once for an item.

use super::elementwise::round_bf16;
use crate::lanes::{Chunk, LANES, Lanes};
use crate::table::{ColumnTask, ColumnWeights};
use std::ops::Range;

/// Numbers of a row that are walked in one go: a group of as many lines takes 16 KiB, and sixteen rows of x as much.
pub(crate) const PIECE: usize = 256;
/// Rows of x in scratch memory at most.
const STRIP: usize = LANES;

/// Vectors of scratch memory that a task with so many groups takes.
pub(crate) const fn scratch_len(groups: usize, is_bf16: bool) -> usize {
    STRIP * PIECE / LANES + if is_bf16 { groups * PIECE } else { 0 }
}

/// All outputs of a task, in strips of M rows and R groups at a time.
#[inline(always)]
pub(crate) fn matmul<S: Lanes, const M: usize, const R: usize>(
    s: S,
    task: &ColumnTask<'_>,
    scratch: &mut [Chunk<f32>],
) {
    const { assert!(M <= STRIP) };
    let (strip, widened) = scratch.split_at_mut(STRIP * PIECE / LANES);
    let strip = strip.as_flattened_mut();
    for start in (0..task.cols).step_by(PIECE) {
        let piece = start..task.cols.min(start + PIECE);
        let groups = task.groups.len();
        let (lines, apart): (&[Chunk<f32>], usize) = match task.weights {
            ColumnWeights::F32(lines) => (&lines[task.groups.start * task.cols + start..], task.cols),
            ColumnWeights::Bf16(lines) => {
                for (group, to) in task.groups.clone().zip(widened.chunks_exact_mut(PIECE)) {
                    let from = &lines[group * task.cols..][piece.clone()];
                    for (from, to) in from.iter().zip(to) {
                        s.store(s.load_bf16(from), to);
                    }
                }
                (widened, PIECE)
            }
        };
        for first in task.rows.clone().step_by(M) {
            let rows = first..task.rows.end.min(first + M);
            gather(s, task, &rows, &piece, strip);
            let mut group = 0;
            while group + R <= groups {
                let b = Groups { lines: &lines[group * apart..], apart };
                tile::<S, M, R>(s, task, &rows, &piece, task.groups.start + group, strip, b);
                group += R;
            }
            while group < groups {
                let b = Groups { lines: &lines[group * apart..], apart };
                tile::<S, M, 1>(s, task, &rows, &piece, task.groups.start + group, strip, b);
                group += 1;
            }
        }
    }
}

/// Lines of groups of weights, from the piece on, and how far groups are apart.
#[derive(Clone, Copy)]
struct Groups<'a> {
    lines: &'a [Chunk<f32>],
    apart: usize,
}

/// Copies a piece of some rows: row after row, [`PIECE`] numbers apart, or where x lies turned number after number, [`STRIP`] rows apart. What is
/// there beyond the rows is of rows before: it is multiplied and not written.
#[inline(always)]
fn gather<S: Lanes>(s: S, task: &ColumnTask<'_>, rows: &Range<usize>, piece: &Range<usize>, strip: &mut [f32]) {
    let rounds = matches!(task.weights, ColumnWeights::Bf16(_));
    if task.is_turned {
        for (k, to) in piece.clone().zip(strip.as_chunks_mut::<STRIP>().0) {
            let from = &task.x[k * task.count..][..task.count][rows.start..];
            match from.first_chunk() {
                Some(from) => *to = *from,
                None => to[..from.len()].copy_from_slice(from),
            }
        }
        if rounds {
            round(s, strip);
        }
        return;
    }
    for (row, to) in rows.clone().zip(strip.chunks_exact_mut(PIECE)) {
        let from = &task.x[row * task.cols..][piece.clone()];
        if rounds {
            round_bf16(from, &mut to[..piece.len()]);
        } else {
            to[..piece.len()].copy_from_slice(from);
        }
    }
}

/// Rounds all numbers to bf16. (In one run: sixteen at a time would not become vectors.)
#[inline(always)]
fn round<S: Lanes>(s: S, numbers: &mut [f32]) {
    for both in numbers.as_chunks_mut::<LANES>().0.as_chunks_mut::<2>().0 {
        let mut pairs = [0; 2 * LANES];
        s.store_bf16s([s.load(&both[0]), s.load(&both[1])], &mut pairs);
        for (half, to) in pairs.as_chunks().0.iter().zip(both) {
            s.store(s.load_bf16(half), to);
        }
    }
}

/// M rows against R groups.
#[inline(always)]
fn tile<S: Lanes, const M: usize, const R: usize>(
    s: S,
    task: &ColumnTask<'_>,
    rows: &Range<usize>,
    piece: &Range<usize>,
    group: usize,
    strip: &[f32],
    b: Groups<'_>,
) {
    let sums = if task.is_turned {
        accumulate::<S, _, M, R>(s, ByNumber(strip.as_chunks().0), b, piece.len())
    } else {
        let rows = strip.as_chunks().0.first_chunk().expect("a strip of rows");
        accumulate::<S, _, M, R>(s, ByRow(rows), b, piece.len())
    };
    let replaces = piece.start == 0 && !task.adds;
    for i in 0..M {
        if i >= rows.len() {
            break;
        }
        for j in 0..R {
            let first = (group + j) * LANES;
            let len = LANES.min(task.outputs - first);
            // SAFETY: the elements of a task are its own (contract of `ColumnTask`), and each is in one tile.
            let out = unsafe { task.out.piece((rows.start + i) * task.outputs + first, len) };
            if let Some(out) = out.first_chunk_mut::<LANES>() {
                s.store(if replaces { sums[i][j] } else { s.add(s.load(out), sums[i][j]) }, out);
                continue;
            }
            let mut last = [0.0; LANES];
            s.store(sums[i][j], &mut last);
            for (out, sum) in out.iter_mut().zip(last) {
                *out = if replaces { sum } else { *out + sum };
            }
        }
    }
}

/// Some rows of x. (Not a closure: those are not compiled for the instructions of the row.)
trait Strip: Copy {
    /// Number k of row i.
    fn number(self, i: usize, k: usize) -> f32;
}

#[derive(Clone, Copy)]
struct ByRow<'a>(&'a [[f32; PIECE]; STRIP]);

impl Strip for ByRow<'_> {
    #[inline(always)]
    fn number(self, i: usize, k: usize) -> f32 {
        self.0[i][k]
    }
}

#[derive(Clone, Copy)]
struct ByNumber<'a>(&'a [[f32; STRIP]]);

impl Strip for ByNumber<'_> {
    #[inline(always)]
    fn number(self, i: usize, k: usize) -> f32 {
        self.0[k][i]
    }
}

/// The sums of a piece.
#[inline(always)]
fn accumulate<S: Lanes, X: Strip, const M: usize, const R: usize>(
    s: S,
    x: X,
    b: Groups<'_>,
    len: usize,
) -> [[S::F; R]; M] {
    assert!(len <= PIECE);
    let mut groups = [&b.lines[..len]; R];
    for j in 1..R {
        groups[j] = &b.lines[j * b.apart..][..len];
    }
    let mut sums = [[s.zero(); R]; M];
    for k in 0..len {
        let mut w = [s.load(&groups[0][k]); R];
        for j in 1..R {
            w[j] = s.load(&groups[j][k]);
        }
        for i in 0..M {
            let x = s.splat(x.number(i, k));
            for j in 0..R {
                sums[i][j] = s.mul_add(x, w[j], sums[i][j]);
            }
        }
    }
    sums
}
