//! A few activation rows against panels that are unpacked in registers.

use std::marker::PhantomData;
use std::ops::Range;

use super::{Group, dot, offset, write};
use crate::dwords::Dwords;
use crate::generic::expand::{CODES, Unpack, Visit};
use crate::lanes::{Chunk, LANES};
use crate::table::{ByteRow, PanelTask};

/// Units of a group that are met before it is the next activation rows' turn: those of a block of the largest types.
const TURN: usize = 8;

/// Each group of rows is read once, one after the other, as they lie in memory; F activation rows at most.
#[inline(always)]
pub(super) fn matmul<S: Dwords, T: Unpack, const F: usize>(s: S, task: &PanelTask<'_>) {
    let n = task.tokens.len();
    let row = |i: usize| task.x.row(task.tokens.start + i);
    let mut rows = [row(0); F];
    for i in 1..n {
        rows[i] = row(i);
    }
    for index in task.groups.clone() {
        let group = Group::new(task, index);
        let mut sums = [[0.0; LANES]; F];
        let mut first = 0;
        while first < task.layout.blocks {
            let blocks = first..task.layout.blocks.min(first + TURN / T::UNITS);
            let mut done = 0;
            while done < n {
                let (rows, sums) = (&rows[done..], &mut sums[done..]);
                done += match n - done {
                    1 => strip::<S, T, 1>(s, &group, &blocks, rows, sums),
                    2 | 3 => strip::<S, T, 2>(s, &group, &blocks, rows, sums),
                    _ => strip::<S, T, 4>(s, &group, &blocks, rows, sums),
                };
            }
            first = blocks.end;
        }
        for i in 0..n {
            write(s, task, index, task.tokens.start + i, s.load(&sums[i]));
        }
    }
}

/// The first M activation rows against some blocks of a group; their sums are kept in memory. Returns M.
#[inline(always)]
fn strip<S: Dwords, T: Unpack, const M: usize>(
    s: S,
    group: &Group<'_>,
    blocks: &Range<usize>,
    rows: &[ByteRow<'_>],
    kept: &mut [Chunk<f32>],
) -> usize {
    let units = blocks.start * T::UNITS..blocks.end * T::UNITS;
    let mut meet = Meet::<S, T, M> { rows: [rows[0]; M], first_unit: 0, sums: [s.zero(); M], block: PhantomData };
    for i in 0..M {
        meet.rows[i] = rows[i].part(&units);
        meet.sums[i] = s.load(&kept[i]);
    }
    for block in blocks.clone() {
        group.units::<S, T, _>(s, block, &mut meet);
        meet.first_unit += T::UNITS;
    }
    for i in 0..M {
        s.store(meet.sums[i], &mut kept[i]);
    }
    M
}

/// The sums of M activation rows, to which the products with each unit of a block of type T are added.
struct Meet<'a, S: Dwords, T, const M: usize> {
    rows: [ByteRow<'a>; M],
    /// The first unit of the block.
    first_unit: usize,
    sums: [S::F; M],
    block: PhantomData<T>,
}

impl<S: Dwords, T: Unpack, const M: usize> Visit<S> for Meet<'_, S, T, M> {
    #[inline(always)]
    fn unit(&mut self, s: S, unit: usize, codes: [S::I; CODES], scales: [S::F; 2]) {
        let (parts, unit) = (T::MEANING.parts(), self.first_unit + unit);
        for i in 0..M {
            let x = self.rows[i];
            let words = &x.words[unit * CODES..][..CODES];
            let x_scale = s.splat(x.scales[unit]);
            let mut sum = self.sums[i];
            for part in 0..parts {
                let mut products = s.splat_word(offset::<S, T>(x, unit, part));
                for j in part * CODES / parts..(part + 1) * CODES / parts {
                    products = dot::<S, T>(s, products, codes[j], s.splat_word(words[j]));
                }
                sum = s.mul_add(s.words_to_f32(products), s.mul(scales[part], x_scale), sum);
            }
            if T::MEANING.has_minimum() {
                let all = x.sums[2 * unit] + x.sums[2 * unit + 1];
                sum = s.mul_add(scales[1], s.splat(x.scales[unit] * all as f32), sum);
            }
            self.sums[i] = sum;
        }
    }
}
