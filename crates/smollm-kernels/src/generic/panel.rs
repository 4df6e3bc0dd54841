//! Products of bytes: quantised activations against panels of sixteen weight rows.
//!
//! `out[i][r] = sum over the units of row r, ascending, of scale * x_scale * sum(code * x)`, the inner sum exact in integers and
//! the outer one in f32, one multiply-add for each unit (two where a unit has two scales, or a minimum). One vector of a panel
//! meets one word of an activation row, repeated, so each lane is an output and nothing is folded.
//!
//! A few activation rows meet the units of a panel as they are unpacked, in registers: each weight is read once out of memory.
//! More of them take blocks of whole rows, expanded once and met by strip after strip of activation rows. None of this changes
//! what is computed.

mod few;
mod many;

use crate::aligned::halves_of;
use crate::dtype::Dtype;
use crate::dwords::Dwords;
use crate::generic::expand::{CODES, Meaning, Q4_0, Q4K, Q5_0, Q6K, Q8_0, UNIT, Unpack, Visit, half_vectors};
use crate::lanes::{Chunk, LANES};
use crate::panels::Layout;
use crate::table::{ByteRow, PanelTask};

pub(crate) use few::FEW;
pub(crate) use many::scratch_len;

/// All outputs of a task; M rows of activations at most go together.
#[inline(always)]
pub(crate) fn matmul<S: Dwords, const M: usize>(s: S, task: &PanelTask<'_>, scratch: &mut [Chunk<f32>]) {
    match task.layout.dtype {
        Dtype::Q8_0 => matmul_of::<S, Q8_0, M>(s, task, scratch),
        Dtype::Q4_0 => matmul_of::<S, Q4_0, M>(s, task, scratch),
        Dtype::Q5_0 => matmul_of::<S, Q5_0, M>(s, task, scratch),
        Dtype::Q4_K => matmul_of::<S, Q4K, M>(s, task, scratch),
        Dtype::Q6_K => matmul_of::<S, Q6K, M>(s, task, scratch),
        dtype => unreachable!("{dtype} has no panels"),
    }
}

#[inline(always)]
fn matmul_of<S: Dwords, T: Unpack, const M: usize>(s: S, task: &PanelTask<'_>, scratch: &mut [Chunk<f32>]) {
    if task.tokens.len() <= FEW {
        few::matmul::<S, T>(s, task);
    } else {
        many::matmul::<S, T, M>(s, task, scratch);
    }
}

/// A group of sixteen rows.
#[derive(Clone, Copy)]
struct Group<'a> {
    layout: Layout,
    words: &'a [Chunk<i32>],
    halves: &'a [Chunk<u16>],
}

impl<'a> Group<'a> {
    #[inline(always)]
    fn new(task: &PanelTask<'a>, group: usize) -> Self {
        let layout = task.layout;
        let lines = &task.w[group * layout.group_lines()..][..layout.group_lines()];
        let (words, halves) = lines.split_at(layout.blocks * layout.words);
        Self { layout, words, halves: half_vectors(halves_of(halves)) }
    }

    /// Shows the units of a block, and asks for what follows.
    #[inline(always)]
    fn units<S: Dwords, T: Unpack, V: Visit<S>>(&self, s: S, block: usize, visit: &mut V) {
        let words = &self.words[block * T::WORDS..][..T::WORDS];
        let halves = &self.halves[block * T::HALVES..][..T::HALVES];
        s.prefetch(halves.as_ptr().wrapping_add(self.layout.group_lines() * 2).cast());
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
#[inline(always)]
pub(crate) fn quantize_row<S: Dwords>(s: S, x: &[f32], words: &mut [i32], scales: &mut [f32], sums: &mut [i32]) {
    let units = x.as_chunks::<UNIT>().0.iter().zip(words.as_chunks_mut::<CODES>().0);
    for (((x, words), scale), sums) in units.zip(scales).zip(sums.as_chunks_mut::<2>().0) {
        let halves = x.as_chunks::<LANES>().0;
        let (a, b) = (s.load(&halves[0]), s.load(&halves[1]));
        let magnitude = |v: S::F| s.max(v, s.sub(s.zero(), v));
        let most = s.max_lane(s.max(magnitude(a), magnitude(b)));
        let nothing = s.sum(s.mul(s.add(s.mul(a, s.zero()), b), s.zero()));
        *scale = most / 127.0 + nothing;
        let inverse = s.splat(if most > 0.0 { 127.0 / most } else { 0.0 });
        for (half, v) in [a, b].into_iter().enumerate() {
            let v = s.round(s.mul(v, inverse));
            words[half * 4..][..4].copy_from_slice(&s.to_bytes(v));
            sums[half] = s.sum(v) as i32;
        }
    }
}
