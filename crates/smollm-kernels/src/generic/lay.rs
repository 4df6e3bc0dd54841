//! Numbers in f32 to operands of products on tiles (`tiles.rs`): rounded to bf16, rows as they lie or columns.
//!
//! Sixteen rows of 32 numbers are a tile of activations: a line for each row. A tile of weights has a line for each pair of numbers of sixteen
//! rows: it is the tile of activations turned, pairs being words. Two rows of numbers, put together pair by pair, are
//! lines of a tile of weights whose rows are their columns. So every form is made of whole vectors in one pass over the numbers.

use super::elementwise::padded;
use super::tiles::STEP;
use crate::aligned::lines_mut;
use crate::lanes::{Chunk, LANES, Lanes};
use crate::table::{Pairs, Side, TurnedTask};
use crate::tiles::{ROWS, each};

/// Rounds up to sixteen rows of activations of `cols` numbers to a strip of tiles, step by step; rows that are not there are zero.
#[inline(always)]
pub(crate) fn lay<S: Lanes>(s: S, x: &[f32], cols: usize, strip: &mut [Pairs]) {
    let steps = cols.div_ceil(STEP);
    let rows = strip.len() / steps;
    for row in 0..rows {
        let Some(from) = x.get(row * cols..(row + 1) * cols) else {
            for step in 0..steps {
                strip[step * rows + row] = [0; STEP];
            }
            continue;
        };
        let (whole, rest) = from.as_chunks::<STEP>();
        for step in 0..whole.len() {
            line(s, &whole[step], &mut strip[step * rows + row]);
        }
        if !rest.is_empty() {
            let mut last = [0.0; STEP];
            last[..rest.len()].copy_from_slice(rest);
            line(s, &last, &mut strip[(steps - 1) * rows + row]);
        }
    }
}

#[inline(always)]
fn line<S: Lanes>(s: S, from: &[f32; STEP], to: &mut Pairs) {
    let (halves, _) = from.as_chunks::<LANES>();
    s.store_bf16s([s.load(&halves[0]), s.load(&halves[1])], to);
}

/// Up to sixteen rows of weights of `cols` numbers to a group of tiles; rows and numbers that are not there are zero.
#[inline(always)]
pub(crate) fn weave<S: Lanes>(s: S, x: &[f32], cols: usize, group: &mut [Chunk<f32>]) {
    lay(s, x, cols, lines_mut(group));
    for tile in group.as_chunks_mut().0 {
        turn(s, tile);
    }
}

/// Groups of columns that are laid together: their tiles stay in the first-level cache.
const TOGETHER: usize = 16;

/// Columns of rows of numbers as the rows of an operand: strips or groups of sixteen of them, one after the other, each step by step.
/// What is not there is zero.
#[inline(always)]
pub(crate) fn lay_turned<S: Lanes>(s: S, task: &TurnedTask<'_>) {
    let width = task.width;
    let all_steps = (task.numbers.len() / width).div_ceil(STEP);
    let groups = width.div_ceil(LANES);
    for step in task.steps.clone() {
        for first in (0..groups).step_by(TOGETHER) {
            let together = first..groups.min(first + TOGETHER);
            // (Group by group inside of rows: what is read then lies side by side.)
            for pair in 0..ROWS {
                let row = step * STEP + 2 * pair;
                let rows = each([row, row + 1], |row| task.numbers.get(row * width..(row + 1) * width).unwrap_or(&[]));
                for group in together.clone() {
                    let pairs = [sixteen(s, rows[0], group * LANES), sixteen(s, rows[1], group * LANES)];
                    // SAFETY: the tiles of a task are its own (contract of `TurnedTask`), and nobody else holds a piece of them now.
                    let line = unsafe { task.out.piece((group * all_steps + step) * ROWS + pair, 1) };
                    s.store_pairs(pairs, &mut lines_mut(line)[0]);
                }
            }
            if task.side == Side::Activations {
                for group in together {
                    // SAFETY: as above.
                    let tile = unsafe { task.out.piece((group * all_steps + step) * ROWS, ROWS) };
                    turn(s, tile.first_chunk_mut().expect("a tile"));
                }
            }
        }
    }
}

/// Numbers of a row from `first` on, filled up with zeros.
#[inline(always)]
fn sixteen<S: Lanes>(s: S, row: &[f32], first: usize) -> S::F {
    match row.get(first..first + LANES) {
        Some(numbers) => s.load(numbers.first_chunk().expect("sixteen")),
        None => s.load(&padded(row.get(first..).unwrap_or(&[]))),
    }
}

/// A tile of activations to one of weights, or back: sixteen lines of sixteen pairs, which are moved like numbers, whatever their bits.
#[inline(always)]
pub(crate) fn turn<S: Lanes>(s: S, tile: &mut [Chunk<f32>; ROWS]) {
    let mut rows = [s.zero(); LANES];
    for i in 0..LANES {
        rows[i] = s.load(&tile[i]);
    }
    let turned = s.transpose(rows);
    for i in 0..LANES {
        s.store(turned[i], &mut tile[i]);
    }
}
