//! Attention of training on a tile unit: blocks of 64 queries and 64 keys of one head, operands of two bf16 each, sums in f32.
//!
//! Scores are computed turned, keys by queries: then the largest score and the denominator of each query come out of whole vectors, and what
//! the next product wants is made of two rows put together. With P the weights, S their gradients before the softmax, ' for turned:
//! out' = v' P', dv += P' dout, dp' = v dout', S' = P' (dp' - inner), dk += S' q, dq' += k' S'.

use super::exp::exp;
use super::lay::turn;
use super::tiles::STEP;
use crate::aligned::lines_mut;
use crate::lanes::{Chunk, LANES, Lanes};
use crate::table::{AttendBackwardTask, AttendTask, BlockForm, Pairs, Side};
use crate::tiles::{PairBlock, ROWS, TILE_BYTES, Tiles};

/// Tokens of a block.
const BLOCK: usize = 64;
/// Vectors of a row of one number for each token of a block.
const WIDTH: usize = BLOCK / LANES;
/// Vectors of a square of scores.
pub(crate) const SQUARE: usize = BLOCK * WIDTH;
/// Steps of a sum over the tokens of a block, in one part.
const TOKEN_STEPS: usize = BLOCK / STEP;
/// Parts of the steps of operands. Gradients of scores are small differences, so operands go twice as exactly as bf16: a number is a bf16 and
/// what that lacks, another one. Operands that are activations have the parts (number, number, rest), those that are weights (number, rest,
/// number): so one sum over all steps has every product that counts.
pub(crate) const PARTS: usize = 3;
/// Lines of a square as an operand.
pub(crate) const SQUARE_TILES: usize = PARTS * WIDTH * TOKEN_STEPS * ROWS;

/// Which parts a line and what it lacks go to.
#[inline(always)]
fn parts(side: Side, [line, rest]: [Pairs; 2]) -> [Pairs; PARTS] {
    match side {
        Side::Activations => [line, line, rest],
        Side::Weights => [line, rest, line],
    }
}

/// Lines of 32 numbers of a row: rounded, and what they lack.
#[inline(always)]
fn row_lines<S: Lanes>(s: S, numbers: [S::F; 2]) -> [Pairs; 2] {
    let mut lines = [[0; STEP]; 2];
    s.store_bf16s(numbers, &mut lines[0]);
    let halves = lines[0].as_chunks::<LANES>().0;
    let (first, second) = (s.load_bf16(&halves[0]), s.load_bf16(&halves[1]));
    s.store_bf16s([s.sub(numbers[0], first), s.sub(numbers[1], second)], &mut lines[1]);
    lines
}

/// Lines of pairs of numbers: rounded, and what they lack.
#[inline(always)]
fn pair_lines<S: Lanes>(s: S, numbers: [S::F; 2]) -> [Pairs; 2] {
    let mut lines = [[0; STEP]; 2];
    s.store_pairs(numbers, &mut lines[0]);
    let [first, second] = s.load_pairs(&lines[0]);
    s.store_pairs([s.sub(numbers[0], first), s.sub(numbers[1], second)], &mut lines[1]);
    lines
}

/// Writes the parts of line `line` of step `step` (of `steps`) of a strip or group.
#[inline(always)]
fn put(to: &mut [Pairs], strip: usize, (step, steps): (usize, usize), line: usize, parts: [Pairs; PARTS]) {
    for part in 0..PARTS {
        to[((strip * PARTS + part) * steps + step) * ROWS + line] = parts[part];
    }
}

/// A block of tokens, rows of whole steps of numbers, as an operand.
#[inline(always)]
pub(crate) fn lay_block<S: Lanes>(s: S, block: &[Chunk<f32>], form: BlockForm, to: &mut [Chunk<f32>]) {
    let width = block.len() / BLOCK;
    let steps = width / 2;
    assert!(width > 0 && width.is_multiple_of(2) && block.len() == BLOCK * width && to.len() == PARTS * BLOCK * steps);
    let side = match form {
        BlockForm::Rows | BlockForm::Columns => Side::Activations,
        BlockForm::WovenRows | BlockForm::WovenColumns => Side::Weights,
    };
    if matches!(form, BlockForm::Rows | BlockForm::WovenRows) {
        for (token, row) in block.chunks_exact(width).enumerate() {
            for step in 0..steps {
                let lines = row_lines(s, [s.load(&row[2 * step]), s.load(&row[2 * step + 1])]);
                put(lines_mut(to), token / ROWS, (step, steps), token % ROWS, parts(side, lines));
            }
        }
    } else {
        for (pair, rows) in block.chunks_exact(2 * width).enumerate() {
            for group in 0..width {
                let lines = pair_lines(s, [s.load(&rows[group]), s.load(&rows[width + group])]);
                put(lines_mut(to), group, (pair / ROWS, TOKEN_STEPS), pair % ROWS, parts(side, lines));
            }
        }
    }
    if matches!(form, BlockForm::WovenRows | BlockForm::Columns) {
        for tile in to.as_chunks_mut().0 {
            turn(s, tile);
        }
    }
}

/// c = a b, or c += a b, both in tiles of `steps` steps; c has sixteen rows for each strip of a and a vector for each group of b, and both are even
/// in number.
#[inline(always)]
fn product<T: Tiles>(tiles: &T, a: &[Pairs], b: &[Pairs], steps: usize, c: &mut [Chunk<f32>], adds: bool) {
    let (strips, groups) = (a.len() / (steps * ROWS), b.len() / (steps * ROWS));
    assert!(strips.is_multiple_of(2) && groups.is_multiple_of(2) && c.len() == strips * ROWS * groups);
    assert!(a.len() == strips * steps * ROWS && b.len() == groups * steps * ROWS);
    let c = c.as_mut_ptr();
    for strip in (0..strips).step_by(2) {
        let first = a[strip * steps * ROWS..].as_ptr().cast::<u8>();
        for group in (0..groups).step_by(2) {
            let second = b[group * steps * ROWS..].as_ptr().cast::<u8>();
            let to = c.wrapping_add(strip * ROWS * groups + group);
            let below = to.wrapping_add(ROWS * groups);
            let block = PairBlock {
                a: [first, first.wrapping_add(steps * TILE_BYTES)],
                a_stride: 64,
                a_step: TILE_BYTES,
                b: [second, second.wrapping_add(steps * TILE_BYTES)],
                b_stride: 64,
                b_step: TILE_BYTES,
                steps,
                c: [[to.cast(), to.wrapping_add(1).cast()], [below.cast(), below.wrapping_add(1).cast()]],
                c_stride: groups * 64,
                adds: usize::from(adds),
                ahead: std::ptr::null(),
                ahead_apart: 0,
                ahead_lines: 0,
                rows_ahead: std::ptr::null(),
                rows_apart: 0,
                rows_each: 0,
            };
            // SAFETY: the tiles are for sixteen rows; two strips, two groups and sixteen rows of two vectors twice are there (checked above).
            unsafe { tiles.pairs_2x2(&block) };
        }
    }
}

/// Strikes out what queries must not see of their own block.
#[inline(always)]
fn hide(square: &mut [Chunk<f32>]) {
    for (key, row) in square.as_flattened_mut().chunks_exact_mut(BLOCK).enumerate() {
        row[..key].fill(f32::NEG_INFINITY);
    }
}

/// Rows of so many vectors become columns: `to` gets a row of `from.len() / WIDTH / LANES` vectors for each token, each divided by its `by`.
#[inline(always)]
fn turn_out<S: Lanes>(s: S, from: &[Chunk<f32>], by: [S::F; WIDTH], to: &mut [Chunk<f32>]) {
    let width = from.len() / WIDTH / LANES;
    assert!(from.len() == width * WIDTH * LANES && to.len() == BLOCK * width);
    for part in 0..width {
        for column in 0..WIDTH {
            let mut rows = [s.zero(); LANES];
            for i in 0..LANES {
                rows[i] = s.div(s.load(&from[(part * LANES + i) * WIDTH + column]), by[column]);
            }
            let turned = s.transpose(rows);
            for i in 0..LANES {
                s.store(turned[i], &mut to[(column * LANES + i) * width + part]);
            }
        }
    }
}

/// A block of queries against the blocks of keys that it sees.
#[inline(always)]
pub(crate) fn forward<S: Lanes, T: Tiles>(s: S, task: &mut AttendTask<'_>) {
    // SAFETY: the row of the table is available (contract of its entries).
    let tiles = unsafe { T::for_pairs(ROWS, ROWS) };
    let steps = task.q.len() / BLOCK;
    for (keys, square) in task.keys.iter().zip(task.scores.chunks_exact_mut(SQUARE)) {
        product(&tiles, keys.k, task.q, steps, square, false);
    }
    let scores = &mut task.scores[..task.keys.len() * SQUARE];
    let own = scores.len() - SQUARE;
    hide(&mut scores[own..]);
    let mut max = [s.splat(f32::NEG_INFINITY); WIDTH];
    for row in scores.chunks_exact(WIDTH) {
        for i in 0..WIDTH {
            max[i] = s.max(s.load(&row[i]), max[i]);
        }
    }
    let mut sums = [s.zero(); WIDTH];
    for (index, keys) in task.keys.iter().enumerate() {
        for (pair, rows) in scores[index * SQUARE..][..SQUARE].chunks_exact(2 * WIDTH).enumerate() {
            for i in 0..WIDTH {
                let first = exp(s, s.sub(s.load(&rows[i]), max[i]));
                let second = exp(s, s.sub(s.load(&rows[WIDTH + i]), max[i]));
                sums[i] = s.add(s.add(sums[i], first), second);
                let parts = parts(Side::Weights, pair_lines(s, [first, second]));
                put(task.weights, i, (pair / ROWS, TOKEN_STEPS), pair % ROWS, parts);
            }
        }
        product(&tiles, keys.v, task.weights, PARTS * TOKEN_STEPS, task.mixed, index > 0);
    }
    turn_out(s, task.mixed, sums, task.out);
    for i in 0..WIDTH {
        let (mut largest, mut sum) = ([0.0; LANES], [0.0; LANES]);
        s.store(max[i], &mut largest);
        s.store(sums[i], &mut sum);
        for j in 0..LANES {
            task.log_sums[i * LANES + j] = largest[j] + sum[j].ln();
        }
    }
}

/// The way back of a block of queries: its own gradients, and what it adds to those of the keys and values that it sees.
#[inline(always)]
pub(crate) fn backward<S: Lanes, T: Tiles>(s: S, task: &mut AttendBackwardTask<'_>) {
    // SAFETY: the row of the table is available (contract of its entries).
    let tiles = unsafe { T::for_pairs(ROWS, ROWS) };
    let steps = task.q.len() / BLOCK;
    let share = task.shares.len() / task.keys.len();
    let (weight_rows, rest) = task.tiles.split_at_mut(SQUARE_TILES);
    let (score_rows, score_pairs) = rest.split_at_mut(SQUARE_TILES);
    let log_sums = task.log_sums.as_chunks::<LANES>().0;
    // The sum of weights and their gradients, of the numbers that are used below: gradients of scores, which are differences from it, add up to
    // zero as they should. (Of an output and its gradient it would be the same but for what was rounded on the way there.)
    let mut inner = [s.zero(); WIDTH];
    for (index, (keys, squares)) in task.keys.iter().zip(task.squares.chunks_exact_mut(2 * SQUARE)).enumerate() {
        let (weights, dweights) = squares.split_at_mut(SQUARE);
        product(&tiles, keys.k, task.q, steps, weights, false);
        product(&tiles, keys.v, task.dout, steps, dweights, false);
        if index + 1 == task.keys.len() {
            hide(weights);
        }
        for (weights, dweights) in weights.chunks_exact_mut(WIDTH).zip(dweights.chunks_exact(WIDTH)) {
            for i in 0..WIDTH {
                let weight = exp(s, s.sub(s.load(&weights[i]), s.load(&log_sums[i])));
                s.store(weight, &mut weights[i]);
                inner[i] = s.mul_add(weight, s.load(&dweights[i]), inner[i]);
            }
        }
    }
    for (index, (keys, squares)) in task.keys.iter().zip(task.squares.chunks_exact(2 * SQUARE)).enumerate() {
        let (weights, dweights) = squares.split_at(SQUARE);
        for pair in 0..BLOCK / 2 {
            for step in 0..TOKEN_STEPS {
                let mut own = [[s.zero(); 2]; 2];
                let mut gradients = [[s.zero(); 2]; 2];
                for half in 0..2 {
                    let column = 2 * step + half;
                    for i in 0..2 {
                        let place = (2 * pair + i) * WIDTH + column;
                        let weight = s.load(&weights[place]);
                        own[i][half] = weight;
                        gradients[i][half] = s.mul(weight, s.sub(s.load(&dweights[place]), inner[column]));
                    }
                    let lines = pair_lines(s, [gradients[0][half], gradients[1][half]]);
                    let parts = parts(Side::Weights, lines);
                    put(score_pairs, column, (pair / ROWS, TOKEN_STEPS), pair % ROWS, parts);
                }
                for i in 0..2 {
                    let key = 2 * pair + i;
                    for (numbers, to) in [(own[i], &mut *weight_rows), (gradients[i], &mut *score_rows)] {
                        let parts = parts(Side::Activations, row_lines(s, numbers));
                        put(to, key / ROWS, (step, TOKEN_STEPS), key % ROWS, parts);
                    }
                }
            }
        }
        let (dk, dv) = task.shares[index * share..][..share].split_at_mut(share / 2);
        product(&tiles, weight_rows, task.dout_columns, PARTS * TOKEN_STEPS, dv, true);
        product(&tiles, score_rows, task.q_columns, PARTS * TOKEN_STEPS, dk, true);
        product(&tiles, keys.k_columns, score_pairs, PARTS * TOKEN_STEPS, task.mixed, index > 0);
    }
    turn_out(s, task.mixed, [s.splat(1.0); WIDTH], task.dq);
}
