//! Products of activation rows and packed bf16 weights on a tile unit (`tiles.rs`).
//!
//! Up to sixteen rows of activations make one tile, which meets four streams of weights at a time: so each weight is read once out of
//! memory, as fast as it goes. More rows are met by blocks of 2 x 2 tiles: 32 activation rows meet all weights of the task, out of the
//! second-level cache, one block beside the other, so that outputs are written in runs; then come the next 32. Long rows are walked in pieces,
//! and outputs are kept from piece to piece. None of this changes what is computed: an output is one chain of steps, whoever takes it.

use std::ops::Range;

use super::elementwise::swiglu_chunk;
use crate::lanes::{Chunk, LANES, Lanes};
use crate::table::{Ahead, GatedTask, Pairs, TileTask};
use crate::tiles::{PairBlock, ROWS, TILE_BYTES, Tiles, each};

/// Steps of a piece at most: as many as the rows of a small model have, so that outputs are written once.
const PIECE: usize = 48;
/// Activation rows of a block; parts of the activation rows begin at a multiple of it.
pub(crate) const BLOCK: usize = 2 * ROWS;
/// Streams of weights that a few activation rows meet side by side.
const STREAMS: usize = 4;

/// Numbers of a step.
pub(crate) const STEP: usize = 2 * LANES;

/// Lines of the activations of `n` rows of `steps` steps.
pub(crate) const fn activation_lines(n: usize, steps: usize) -> usize {
    n.div_ceil(ROWS) * tile_rows(n) * steps
}

/// Rows of a tile of activations where there are `n` rows in all.
pub(crate) const fn tile_rows(n: usize) -> usize {
    if n < ROWS { n } else { ROWS }
}

/// All outputs of a task.
#[inline(always)]
pub(crate) fn matmul<T: Tiles>(task: &TileTask<'_>) {
    if task.n <= ROWS {
        few::<T>(task);
    } else {
        many::<T>(task);
    }
}

/// One strip of activations against all groups, four streams of them side by side.
#[inline(always)]
fn few<T: Tiles>(task: &TileTask<'_>) {
    // SAFETY: the row of the table is available (contract of its entries).
    let tiles = unsafe { T::for_pairs(task.n, ROWS) };
    let run = task.groups.len() / STREAMS;
    let first = task.groups.start;
    for group in first..first + run {
        quad(&tiles, task, [group, group + run, group + 2 * run, group + 3 * run]);
    }
    let last = task.groups.end - 1;
    let mut group = first + STREAMS * run;
    if group <= last {
        // What is left are fewer than four; the last one goes several times.
        quad(&tiles, task, [group, last.min(group + 1), last.min(group + 2), last]);
        group += STREAMS;
    }
    debug_assert!(group > last);
}

/// Outputs that cannot be written where they belong, because rows are missing.
#[repr(C, align(64))]
struct Aside([[Chunk<f32>; ROWS]; STREAMS]);

/// The strip against four groups.
#[inline(always)]
fn quad<T: Tiles>(tiles: &T, task: &TileTask<'_>, groups: [usize; STREAMS]) {
    let mut aside = Aside([[[0.0; LANES]; ROWS]; STREAMS]);
    let direct = groups[STREAMS - 2] < groups[STREAMS - 1] && groups.iter().all(|group| task.is_whole(*group));
    let c = if direct {
        each(groups, |group| task.out.block(group * LANES, task.n, LANES, task.out_stride))
    } else {
        aside.0.each_mut().map(|tile| tile.as_mut_ptr().cast())
    };
    let block = PairBlock {
        a: [task.strip(0, 0)],
        a_stride: 64,
        a_step: 64 * task.n,
        b: each(groups, |group| task.weights(group, 0)),
        b_stride: 64,
        b_step: TILE_BYTES,
        steps: task.steps,
        c: [c],
        c_stride: if direct { task.out_stride * size_of::<f32>() } else { 64 },
        adds: 0,
        ahead: std::ptr::null(),
        ahead_apart: 0,
        ahead_lines: 0,
        rows_ahead: std::ptr::null(),
        rows_apart: 0,
        rows_each: 0,
    };
    // SAFETY: the strip and the groups have all their steps (checked by `strip` and `weights`); the outputs are the task's own and were
    // checked by `block`, or are aside.
    unsafe { tiles.stream_1x4(&block) };
    if !direct {
        for (tile, group) in aside.0.iter().zip(groups) {
            copy_out(task, tile, 0..task.n, group);
        }
    }
}

/// Steps of the pieces that rows of so many steps are cut into, a multiple of `grain`.
pub(crate) const fn piece_len(steps: usize, grain: usize) -> usize {
    steps.div_ceil(steps.div_ceil(PIECE)).next_multiple_of(grain)
}

/// Blocks of 2 x 2 tiles, piece by piece.
#[inline(always)]
fn many<T: Tiles>(task: &TileTask<'_>) {
    // SAFETY: the row of the table is available (contract of its entries).
    let tiles = unsafe { T::for_pairs(ROWS, ROWS) };
    let len = piece_len(task.piece.len(), 1);
    let blocks = task.tokens.len().div_ceil(BLOCK);
    let mut aside = Aside([[[0.0; LANES]; ROWS]; STREAMS]);
    for from in task.piece.clone().step_by(len) {
        let piece = from..task.piece.end.min(from + len);
        for index in 0..blocks {
            let token = task.tokens.start + index * BLOCK;
            for group in task.groups.clone().step_by(2) {
                let beside = Beside::new(task, &piece, group, index, blocks);
                block(&tiles, task, token, group, &piece, &beside, &mut aside);
            }
        }
    }
}

/// The weights that come next, to be asked for while blocks are computed.
struct Beside {
    ahead: *const u8,
    apart: usize,
    lines: usize,
}

impl Beside {
    /// What is asked for beside block `index` of `blocks` for two groups: a part of the two that the next task of as many groups has in
    /// their place, or the next piece. (It may lie beyond the end of the weights: then nothing is read.)
    #[inline(always)]
    fn new(task: &TileTask<'_>, piece: &Range<usize>, group: usize, index: usize, blocks: usize) -> Self {
        if let Some(ahead) = &task.ahead {
            return Self::of(ahead, (group - task.groups.start) / 2, index, blocks, piece.len());
        }
        let another = piece.end < task.piece.end;
        let (group, step) = if another { (group, piece.end) } else { (group + task.groups.len(), task.piece.start) };
        let lines = ROWS.div_ceil(blocks);
        let steps = task.piece.len();
        let line = ((group - task.first_group) * steps + step - task.piece.start) * ROWS + index * lines * piece.len();
        Self { ahead: task.w.as_ptr().wrapping_add(line).cast(), apart: steps * TILE_BYTES, lines }
    }

    /// The part of a turn that is asked for beside block `index` of `blocks`.
    #[inline(always)]
    fn of(ahead: &Ahead<'_>, turn: usize, index: usize, blocks: usize, steps: usize) -> Self {
        let [first, second] = ahead.lines;
        let start = turn * ahead.apart;
        let run = ahead.run.min(first.len().saturating_sub(start));
        let lines = run.div_ceil(blocks * steps);
        let from = index * lines * steps;
        Self {
            ahead: first.as_ptr().wrapping_add(start + from).cast(),
            apart: (second.as_ptr() as usize).wrapping_sub(first.as_ptr() as usize),
            lines: if from < run { lines } else { 0 },
        }
    }
}

/// A piece of up to 32 activation rows against up to two groups. What is missing is computed too (the last strip and the last group twice),
/// aside, and not written.
#[inline(always)]
fn block<T: Tiles>(
    tiles: &T,
    task: &TileTask<'_>,
    token: usize,
    group: usize,
    piece: &Range<usize>,
    beside: &Beside,
    aside: &mut Aside,
) {
    let tokens = token..task.tokens.end.min(token + BLOCK);
    let groups = group..task.groups.end.min(group + 2);
    let weights = [task.weights(group, piece.start), task.weights(groups.end - 1, piece.start)];
    if tokens.len() == BLOCK && groups.len() == 2 && task.is_whole(group + 1) {
        let row = task.out_stride;
        let c = each([token, token + ROWS], |token| {
            each([group, group + 1], |group| task.out.block(token * row + group * LANES, ROWS, LANES, row))
        });
        return two_by_two(tiles, task, &tokens, group, weights, piece, beside, (c, row * size_of::<f32>()));
    }
    if task.adds || piece.start > 0 {
        exchange::<true>(task, &mut aside.0, &tokens, &groups);
    }
    two_by_two(tiles, task, &tokens, group, weights, piece, beside, aside.outputs());
    exchange::<false>(task, &mut aside.0, &tokens, &groups);
}

/// Where the outputs of a block lie, and how many bytes from row to row.
type Outputs = ([[*mut f32; 2]; 2], usize);

impl Aside {
    fn outputs(&mut self) -> Outputs {
        let [c00, c01, c10, c11] = &mut self.0;
        ([[c00.as_mut_ptr().cast(), c01.as_mut_ptr().cast()], [c10.as_mut_ptr().cast(), c11.as_mut_ptr().cast()]], 64)
    }
}

/// Up to 32 activation rows against two groups of weights: to four tiles of outputs, or added to what they hold, unless the piece is the
/// first. Rows that are not there are zero, or the rows of the first strip again.
#[inline(always)]
#[allow(clippy::too_many_arguments)] // one block of the loops above
fn two_by_two<T: Tiles>(
    tiles: &T,
    task: &TileTask<'_>,
    tokens: &Range<usize>,
    group: usize,
    weights: [*const u8; 2],
    piece: &Range<usize>,
    beside: &Beside,
    (c, c_stride): Outputs,
) {
    let (first_strip, last_strip) = (tokens.start / ROWS, (tokens.end - 1) / ROWS);
    let block = PairBlock {
        a: [task.strip(first_strip, piece.start), task.strip(last_strip, piece.start)],
        a_stride: 64,
        a_step: TILE_BYTES,
        b: weights,
        b_stride: 64,
        b_step: TILE_BYTES,
        steps: piece.len(),
        c,
        c_stride,
        adds: usize::from(task.adds || piece.start > 0),
        ahead: beside.ahead,
        ahead_apart: beside.apart,
        ahead_lines: beside.lines,
        rows_ahead: task.out.block(tokens.start * task.out_stride + group * LANES, 1, 1, 1).cast(),
        rows_apart: task.out_stride * size_of::<f32>(),
        rows_each: BLOCK.div_ceil(piece.len()),
    };
    // SAFETY: the tiles are for sixteen rows, and strips (which have sixteen rows, even if they are not all of them activations) and groups
    // have all their steps (checked by `strip` and `weights`); the outputs are the task's own and were checked by `block`, or are aside.
    unsafe { tiles.pairs_2x2(&block) };
}

/// All outputs of a task of gated products.
#[inline(always)]
pub(crate) fn gated<S: Lanes, T: Tiles>(s: S, task: &GatedTask<'_>) {
    let GatedTask { gate: task, up } = task;
    // SAFETY: the row of the table is available (contract of its entries).
    let tiles = unsafe { T::for_pairs(ROWS, ROWS) };
    let blocks = task.tokens.len().div_ceil(BLOCK);
    let apart = (up.as_ptr() as usize).wrapping_sub(task.w.as_ptr() as usize);
    let lines = ROWS.div_ceil(blocks);
    let mut aside = Aside([[[0.0; LANES]; ROWS]; STREAMS]);
    for index in 0..blocks {
        let token = task.tokens.start + index * BLOCK;
        let tokens = token..task.tokens.end.min(token + BLOCK);
        for group in task.groups.clone() {
            let weights = [task.weights(group, 0), tile_of(up, task.steps, group - task.first_group, 0)];
            let width = LANES.min(task.out_stride - group * LANES);
            let beside = match &task.ahead {
                Some(ahead) => Beside::of(ahead, group - task.groups.start, index, blocks, task.steps),
                None => {
                    let next = group + task.groups.len() - task.first_group;
                    let line = next * task.steps * ROWS + index * lines * task.steps;
                    Beside { ahead: task.w.as_ptr().wrapping_add(line).cast(), apart, lines }
                }
            };
            two_by_two(&tiles, task, &tokens, group, weights, &task.piece, &beside, aside.outputs());
            let [first_gate, first_up, second_gate, second_up] = &aside.0;
            for (i, token) in tokens.clone().enumerate() {
                let (gate, up) = if i < ROWS { (first_gate, first_up) } else { (second_gate, second_up) };
                let mut row = [0.0; LANES];
                swiglu_chunk(s, &gate[i % ROWS], &up[i % ROWS], &mut row);
                // SAFETY: the elements of a task are its own (contract of `TileTask`), and nobody else holds a piece of them now.
                let out = unsafe { task.out.piece(token * task.out_stride + group * LANES, width) };
                match out.as_mut_array::<LANES>() {
                    Some(out) => *out = row,
                    None => out.copy_from_slice(&row[..width]),
                }
            }
        }
    }
}

/// Copies between four tiles of outputs and where they belong: there, or back.
#[inline(always)]
fn exchange<const BACK: bool>(
    task: &TileTask<'_>,
    tiles: &mut [[Chunk<f32>; ROWS]; STREAMS],
    tokens: &Range<usize>,
    groups: &Range<usize>,
) {
    for i in 0..STREAMS {
        let (group, first) = (groups.start + i % 2, tokens.start + i / 2 * ROWS);
        if group >= groups.end || first >= tokens.end {
            continue;
        }
        let width = LANES.min(task.out_stride - group * LANES);
        for j in 0..ROWS.min(tokens.end - first) {
            let row = &mut tiles[i][j];
            // SAFETY: the elements of a task are its own (contract of `TileTask`), and nobody else holds a piece of them now.
            let out = unsafe { task.out.piece((first + j) * task.out_stride + group * LANES, width) };
            match out.as_mut_array::<LANES>() {
                // (As arrays: whole vectors.)
                Some(out) if BACK => *row = *out,
                Some(out) => *out = *row,
                None if BACK => row[..width].copy_from_slice(out),
                None => out.copy_from_slice(&row[..width]),
            }
        }
    }
}

/// Writes the outputs of some activation rows and as many weight rows as a group has.
#[inline(always)]
fn copy_out(task: &TileTask<'_>, tile: &[Chunk<f32>; ROWS], tokens: Range<usize>, group: usize) {
    let width = LANES.min(task.out_stride - group * LANES);
    for (token, row) in tokens.zip(tile) {
        // SAFETY: the elements of a task are its own (contract of `TileTask`), and nobody else holds a piece of them now.
        let out = unsafe { task.out.piece(token * task.out_stride + group * LANES, width) };
        out.copy_from_slice(&row[..width]);
    }
}

/// Operations in one of `rounds`.
pub(crate) const ROUND_OPERATIONS: usize = 2 * BLOCK * BLOCK * STEP;

/// Steps of a block of 2 x 2 tiles that stay in the first-level cache: what the unit can do at best.
#[inline(always)]
pub(crate) fn rounds<T: Tiles>(rounds: usize) -> f32 {
    let mut sums = Aside([[[0.0; LANES]; ROWS]; STREAMS]);
    let operand = Aside([[[0.0; LANES]; ROWS]; STREAMS]);
    let [a0, a1, b0, b1] = operand.0.each_ref().map(|tile| tile.as_ptr().cast());
    let [first, next, third, fourth] = sums.0.each_mut().map(|tile| tile.as_mut_ptr().cast());
    let block = PairBlock {
        a: [a0, a1],
        a_stride: 64,
        a_step: 0,
        b: [b0, b1],
        b_stride: 64,
        b_step: 0,
        steps: rounds,
        c: [[first, next], [third, fourth]],
        c_stride: 64,
        adds: 0,
        ahead: std::ptr::null(),
        ahead_apart: 0,
        ahead_lines: 0,
        rows_ahead: std::ptr::null(),
        rows_apart: 0,
        rows_each: 0,
    };
    // SAFETY: the row of the table is available (contract of its entries); every step takes the same four tiles.
    unsafe { T::for_pairs(ROWS, ROWS).pairs_2x2(&block) };
    sums.0[0][0][0]
}

impl TileTask<'_> {
    /// Whether a group has sixteen rows.
    #[inline(always)]
    fn is_whole(&self, group: usize) -> bool {
        (group + 1) * LANES <= self.out_stride
    }

    /// The tile of a strip of activations at a step, after which those of the other steps follow.
    #[inline(always)]
    fn strip(&self, strip: usize, step: usize) -> *const u8 {
        let rows = tile_rows(self.n);
        self.x[strip * self.steps * rows..(strip + 1) * self.steps * rows][step * rows..].as_ptr().cast()
    }

    /// The tile of a group of weights at a step of the task, after which those of the other steps follow.
    #[inline(always)]
    fn weights(&self, group: usize, step: usize) -> *const u8 {
        tile_of(self.w, self.piece.len(), group - self.first_group, step - self.piece.start)
    }
}

/// The tile of a group of weights of so many steps at a step.
#[inline(always)]
fn tile_of(w: &[Pairs], steps: usize, group: usize, step: usize) -> *const u8 {
    w[group * steps * ROWS..(group + 1) * steps * ROWS][step * ROWS..].as_ptr().cast()
}
