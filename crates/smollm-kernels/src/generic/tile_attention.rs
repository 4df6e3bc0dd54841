//! Attention of some rows over one partition of woven keys and values on a tile unit (`tiles.rs`).
//!
//! Sixteen woven keys are a tile of weights for each 32 numbers of a head as they lie, and so are 32 woven values for each sixteen numbers. Rows go
//! in strips of sixteen, whatever their tokens see: scores of hidden keys are struck out, and weigh nothing in the mix. (A sum that
//! underflowed to -0 may so become +0; no other bit depends on the rows of a strip.)

use std::ops::Range;

use super::attention::softmax_some;
use super::matmul::vectors;
use crate::lanes::{Chunk, LANES, Lanes};
use crate::table::{MixTask, Pairs, ScoreTask};
use crate::tiles::{PairBlock, ROWS, Tiles, each};

/// Strips of keys, or vectors of values, that go together.
const TOGETHER: usize = 4;
/// Keys of a step of values.
pub(crate) const STEP_KEYS: usize = 2 * ROWS;

/// Strips of sixteen rows, and what is left.
fn strips(rows: usize) -> [(Range<usize>, usize); 2] {
    let whole = rows / ROWS * ROWS;
    [(0..whole, ROWS), (whole..rows, rows - whole)]
}

/// Scores and the softmax of all rows.
#[inline(always)]
pub(crate) fn score<S: Lanes, T: Tiles>(s: S, task: &mut ScoreTask<'_, i32, Pairs>) {
    let (lanes, width) = (task.lanes, vectors(task.sight.count));
    // Heads are whole sixteens of numbers: where they are not whole steps, steps are half as long.
    let words = if lanes.is_multiple_of(ROWS) { ROWS } else { ROWS / 2 };
    for (rows, count) in strips(task.max.len()) {
        if rows.is_empty() {
            continue;
        }
        // SAFETY: the row of the table is available (contract of its entries).
        let tiles = unsafe { T::for_pairs(count, words) };
        for first in rows.step_by(ROWS) {
            // Later rows see at least as much as earlier ones.
            let seen = vectors(task.sight.visible(first + count - 1));
            let weights = &mut task.weights[first * width..(first + count) * width];
            for column in (0..seen).step_by(TOGETHER) {
                let columns = each([0, 1, 2, 3], |j| (column + j).min(seen - 1));
                let block = PairBlock {
                    a: [task.q[first * lanes..(first + count) * lanes].as_ptr().cast()],
                    a_stride: lanes * size_of::<i32>(),
                    a_step: words * size_of::<i32>(),
                    b: each(columns, |column| task.turned[column][..lanes].as_ptr().cast()),
                    b_stride: 64,
                    b_step: words * 64,
                    steps: lanes / words,
                    c: [each(columns, |column| weights.as_mut_ptr().wrapping_add(column).cast())],
                    c_stride: width * 64,
                    adds: 0,
                    ahead: std::ptr::null(),
                    ahead_apart: 0,
                    ahead_lines: 0,
                    rows_ahead: std::ptr::null(),
                    rows_apart: 0,
                    rows_each: 0,
                };
                // SAFETY: queries and keys have `lanes` words, and the weights of the strip `width` vectors a row, of which `column` is one.
                unsafe { tiles.pairs_1x4(&block) };
            }
            softmax_some(s, task, first, count, seen);
            if seen < width {
                // A step of values takes two vectors of weights.
                for row in first..first + count {
                    task.weights[row * width + seen] = [0.0; LANES];
                }
            }
        }
    }
}

/// The mixed values of all rows; there is one run of values, in whole steps of 32 keys.
#[inline(always)]
pub(crate) fn mix<T: Tiles>(task: &mut MixTask<'_, i32, Pairs>) {
    let steps = task.steps;
    let mixed = std::mem::take(&mut task.mixed);
    for (rows, count) in strips(mixed.len() / steps) {
        if rows.is_empty() {
            continue;
        }
        // SAFETY: the row of the table is available (contract of its entries).
        let tiles = unsafe { T::for_pairs(count, ROWS) };
        for first in rows.step_by(ROWS) {
            let out = &mut mixed[first * steps..(first + count) * steps];
            let seen = task.sight.visible(first + count - 1).next_multiple_of(STEP_KEYS);
            let values = &task.runs[0].values[..seen / 2 * steps];
            // What the first row does not see must be numbers, or it would enter: zero times NaN is NaN.
            let edge = &values[task.sight.visible(first) / 2 * steps..];
            if seen == 0 {
                out.fill([0.0; LANES]);
            } else if strange(edge) {
                row_by_row(&tiles, task, first, values, out);
            } else {
                mix_strip(&tiles, task, first, values, out);
            }
        }
    }
    task.mixed = mixed;
}

/// Whether some of the numbers are infinite or NaN. (All are looked at, since that is a loop of vectors.)
#[inline(always)]
fn strange(values: &[Pairs]) -> bool {
    const INFINITY: u16 = 0x7f80;
    values.as_flattened().iter().fold(false, |strange, bits| strange | (bits & INFINITY == INFINITY))
}

/// A strip of rows against values in whole steps.
#[inline(always)]
fn mix_strip<T: Tiles>(
    tiles: &T,
    task: &MixTask<'_, i32, Pairs>,
    first: usize,
    values: &[Pairs],
    out: &mut [Chunk<f32>],
) {
    let (steps, width) = (task.steps, task.width);
    let count = out.len() / steps;
    let weights = &task.weights[first * width..(first + count) * width];
    assert!(values.len() / steps <= width && values.len().is_multiple_of(ROWS * steps), "values and their weights");
    for column in (0..steps).step_by(TOGETHER) {
        let columns = each([0, 1, 2, 3], |j| (column + j).min(steps - 1));
        let block = PairBlock {
            a: [weights.as_ptr().cast()],
            a_stride: width * size_of::<i32>(),
            a_step: 64,
            b: each(columns, |column| values[column..].as_ptr().cast()),
            b_stride: steps * 64,
            b_step: ROWS * steps * 64,
            steps: values.len() / steps / ROWS,
            c: [each(columns, |column| out.as_mut_ptr().wrapping_add(column).cast())],
            c_stride: steps * 64,
            adds: 0,
            ahead: std::ptr::null(),
            ahead_apart: 0,
            ahead_lines: 0,
            rows_ahead: std::ptr::null(),
            rows_apart: 0,
            rows_each: 0,
        };
        // SAFETY: a row of weights has a word, and the values `steps` vectors, for each pair of keys; so does each row of outputs.
        unsafe { tiles.pairs_1x4(&block) };
    }
}

/// The same for values of which some that are hidden from some rows are no numbers: for each row they are made zero.
#[cold]
#[inline(never)]
fn row_by_row<T: Tiles>(
    tiles: &T,
    task: &MixTask<'_, i32, Pairs>,
    first: usize,
    values: &[Pairs],
    out: &mut [Chunk<f32>],
) {
    let steps = task.steps;
    let mut aside = out.to_vec();
    for (i, out) in out.chunks_exact_mut(steps).enumerate() {
        let visible = task.sight.visible(first + i);
        let mut values = values.to_vec();
        for (pair, values) in values.chunks_exact_mut(steps).enumerate().skip(visible / 2) {
            for (place, number) in values.as_flattened_mut().iter_mut().enumerate() {
                if 2 * pair + place % 2 >= visible {
                    *number = 0;
                }
            }
        }
        mix_strip(tiles, task, first, &values, &mut aside);
        out.copy_from_slice(&aside[i * steps..][..steps]);
    }
}
