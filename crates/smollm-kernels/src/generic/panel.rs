//! Products of bytes: quantised activations against panels of sixteen weight rows.
//!
//! `out[i][r] = sum over the units of row r, ascending, of scale * x_scale * sum(code * x)`, the inner sum exact in integers and
//! the outer one in f32, one multiply-add for each unit (two where a unit has two scales, or a minimum). One vector of a panel
//! meets one word of an activation row, repeated, so each lane is an output and nothing is folded.
//!
//! A few activation rows meet the units of a panel as they are unpacked, in registers: each weight is read once out of memory.
//! More of them take blocks of whole rows, expanded once and met by strip after strip of activation rows. None of this changes
//! what is computed.

mod expanded;
mod few;
mod many;
mod tiled;

use crate::aligned::halves_of;
use crate::dtype::Dtype;
use crate::dwords::Dwords;
use crate::generic::expand::{AHEAD, CODES, Meaning, Q4_0, Q4K, Q5_0, Q6K, Q8_0, Unpack, Visit, half_vectors};
use crate::lanes::{Chunk, LANES};
use crate::panels::Layout;
use crate::table::{ByteRow, PanelTask};
use crate::tiles::Tiles;

pub(crate) use expanded::expand;

/// Activation rows up to which weights are unpacked in registers beside a tile unit.
const FEW_BESIDE_TILES: usize = 4;

/// Lines of scratch memory that a task with `tokens` activation rows takes: where these are not few, `block_rows` expanded rows of
/// `units` units, and what stands beside them for strips of activations.
pub(crate) const fn scratch_len(meaning: Meaning, tokens: usize, units: usize, block_rows: usize) -> usize {
    if tokens <= FEW_BESIDE_TILES {
        return 0;
    }
    many::panels_len(meaning, units, block_rows) + tiled::columns_len(tokens, units)
}

/// All outputs of a task. M rows of activations at most go together; up to F, at least `FEW_BESIDE_TILES`, are few.
#[inline(always)]
pub(crate) fn matmul<S: Dwords, const M: usize, const F: usize>(
    s: S,
    task: &PanelTask<'_>,
    scratch: &mut [Chunk<f32>],
) {
    match task.layout.dtype {
        Dtype::Q8_0 => matmul_of::<S, Q8_0, M, F>(s, task, scratch),
        Dtype::Q4_0 => matmul_of::<S, Q4_0, M, F>(s, task, scratch),
        Dtype::Q5_0 => matmul_of::<S, Q5_0, M, F>(s, task, scratch),
        Dtype::Q4_K => matmul_of::<S, Q4K, M, F>(s, task, scratch),
        Dtype::Q6_K => matmul_of::<S, Q6K, M, F>(s, task, scratch),
        dtype => unreachable!("{dtype} has no panels"),
    }
}

#[inline(always)]
fn matmul_of<S: Dwords, T: Unpack, const M: usize, const F: usize>(
    s: S,
    task: &PanelTask<'_>,
    scratch: &mut [Chunk<f32>],
) {
    if task.tokens.len() <= F {
        few::matmul::<S, T, F>(s, task);
    } else {
        many::matmul::<S, T, M>(s, task, scratch);
    }
}

/// `matmul` with a tile unit where that is faster. The outputs are the same.
#[inline(always)]
pub(crate) fn matmul_tiled<S: Dwords, U: Tiles>(s: S, task: &PanelTask<'_>, scratch: &mut [Chunk<f32>]) {
    match task.layout.dtype {
        Dtype::Q8_0 => matmul_tiled_of::<S, Q8_0, U>(s, task, scratch),
        Dtype::Q4_0 => matmul_tiled_of::<S, Q4_0, U>(s, task, scratch),
        Dtype::Q5_0 => matmul_tiled_of::<S, Q5_0, U>(s, task, scratch),
        Dtype::Q4_K => matmul_tiled_of::<S, Q4K, U>(s, task, scratch),
        Dtype::Q6_K => matmul_tiled_of::<S, Q6K, U>(s, task, scratch),
        dtype => unreachable!("{dtype} has no panels"),
    }
}

#[inline(always)]
fn matmul_tiled_of<S: Dwords, T: Unpack, U: Tiles>(s: S, task: &PanelTask<'_>, scratch: &mut [Chunk<f32>]) {
    if task.tokens.len() <= FEW_BESIDE_TILES {
        few::matmul::<S, T, FEW_BESIDE_TILES>(s, task);
    } else {
        tiled::matmul::<S, T, U>(s, task, scratch);
    }
}

/// A group of sixteen rows.
#[derive(Clone, Copy)]
struct Group<'a> {
    words: &'a [Chunk<i32>],
    halves: &'a [Chunk<u16>],
}

impl<'a> Group<'a> {
    #[inline(always)]
    fn new(task: &PanelTask<'a>, group: usize) -> Self {
        Self::of(&task.layout, task.w, group)
    }

    /// Group number `group` of a matrix.
    #[inline(always)]
    fn of(layout: &Layout, w: &'a [Chunk<i32>], group: usize) -> Self {
        let lines = &w[group * layout.group_lines()..][..layout.group_lines()];
        let (words, halves) = lines.split_at(layout.blocks * layout.words);
        Self { words, halves: half_vectors(halves_of(halves)) }
    }

    /// Shows the units of a block, and asks for what lies ahead of it.
    #[inline(always)]
    fn units<S: Dwords, T: Unpack, V: Visit<S>>(&self, s: S, block: usize, visit: &mut V) {
        let words = &self.words[block * T::WORDS..][..T::WORDS];
        let halves = &self.halves[block * T::HALVES..][..T::HALVES];
        if V::ASKS {
            s.prefetch(halves.as_ptr().wrapping_add(2 * AHEAD).cast());
        }
        T::units(s, words, halves, visit);
    }
}

/// What the sum of a unit's products with unsigned codes is too large by, negated: `x` are all its bytes, or those of half
/// `part` where each half has a scale.
#[inline(always)]
fn offset<S: Dwords, T: Unpack>(x: ByteRow<'_>, unit: usize, part: usize) -> i32 {
    let both = x.sums[2 * unit] + x.sums[2 * unit + 1];
    match T::MEANING {
        Meaning::Signed => -S::BIAS * both,
        Meaning::Offset(offset) => -offset * both,
        Meaning::Halves(offset) => -offset * x.sums[2 * unit + part],
        Meaning::Affine => 0,
    }
}

/// `sums + sum over the four bytes of w * x`
#[inline(always)]
fn dot<S: Dwords, T: Unpack>(s: S, sums: S::I, w: S::I, x: S::I) -> S::I {
    match T::MEANING {
        Meaning::Signed => s.dot::<true>(sums, w, x),
        _ => s.dot::<false>(sums, w, x),
    }
}

/// Writes sixteen outputs of one activation row.
#[inline(always)]
fn write<S: Dwords>(s: S, task: &PanelTask<'_>, group: usize, token: usize, sums: S::F) {
    // SAFETY: the elements of a task are its own (contract of `PanelTask`), and each is written once.
    let out = unsafe { task.out.piece(token * task.out_stride + group * LANES, LANES) };
    s.store(sums, &mut out.as_chunks_mut().0[0]);
}

/// Rounds a row of activations to bytes: for each unit `scale = max |x| / 127` and `x / scale` to the nearest whole number,
/// ties to even; and the sums of these over each half of a unit. Where a number of a unit is NaN or infinite, so is its scale.
/// (Units of numbers below 1e-36, whose inverse scale would overflow, come out smaller than they are.)
#[inline(always)]
pub(crate) fn quantize_row<S: Dwords>(s: S, x: &[f32], words: &mut [i32], scales: &mut [f32], sums: &mut [i32]) {
    let halves = x.as_chunks::<LANES>().0;
    let units = halves.len() / 2;
    let mut first = 0;
    while first < units {
        let count = LANES.min(units - first);
        // What a unit's lanes are folded to is found for sixteen units at once, one in each lane.
        let mut most = [s.zero(); LANES];
        for u in 0..count {
            let (a, b) = (s.load(&halves[2 * (first + u)]), s.load(&halves[2 * (first + u) + 1]));
            most[u] = s.max(s.max(a, s.sub(s.zero(), a)), s.max(b, s.sub(s.zero(), b)));
        }
        let columns = s.transpose(most);
        let mut most = columns[0];
        for i in 1..LANES {
            most = s.max(columns[i], most);
        }
        let mut inverses = [0.0; LANES];
        s.store(s.div(s.splat(127.0), s.max(most, s.splat(1e-36))), &mut inverses);
        let mut rounded = [[s.zero(); LANES]; 2];
        for u in 0..count {
            for half in 0..2 {
                let v = s.round(s.mul(s.load(&halves[2 * (first + u) + half]), s.splat(inverses[u])));
                words[CODES * (first + u) + 4 * half..][..4].copy_from_slice(&s.to_bytes(v));
                rounded[half][u] = v;
            }
        }
        let mut folded = [[0.0; LANES]; 2];
        let mut not_finite = s.zero();
        for half in 0..2 {
            let columns = s.transpose(rounded[half]);
            let mut sum = columns[0];
            for i in 1..LANES {
                sum = s.add(sum, columns[i]);
            }
            s.store(sum, &mut folded[half]);
            not_finite = s.add(not_finite, s.mul(sum, s.zero()));
        }
        let mut own = [0.0; LANES];
        s.store(s.add(s.div(most, s.splat(127.0)), not_finite), &mut own);
        scales[first..first + count].copy_from_slice(&own[..count]);
        for u in 0..count {
            for half in 0..2 {
                sums[2 * (first + u) + half] = folded[half][u] as i32;
            }
        }
        first += count;
    }
}
