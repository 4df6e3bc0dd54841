//! Products with bf16 weights where an instruction multiplies pairs and adds both products to an f32.
//!
//! An output is a sum in eight lanes, lane l holding the products of the pairs l, l + 8, l + 16 ... of a row in ascending order,
//! folded by halves. That is the whole arithmetic. A vector thus has eight pairs of each of two weight rows, and what four
//! such vectors, of eight rows, add up to folds into the outputs at little cost.
//!
//! Such a vector is put together from two places of memory, as weights lie in files: for a few activation rows each time it
//! is wanted, which costs less than writing it down; for more of them once for each group of eight weight rows, in scratch
//! memory that stays in the caches until every strip of M activation rows has met it.

use crate::aligned::{lines, lines_mut};
use crate::lanes::{LANES, Lanes};
use crate::table::{MatmulTask, Pairs};

/// Lanes of an output.
const SPAN: usize = 8;
/// Rows in a vector.
const ROWS: usize = LANES / SPAN;
/// Vectors that a group of weight rows takes side by side.
const WIDTH: usize = 4;
/// Weight rows in a group.
const GROUP: usize = WIDTH * ROWS;
/// Strips of activation rows up to which each puts the weights together anew.
const FEW_STRIPS: usize = 3;
/// Groups that are put together in scratch memory at a time: a strip meets all of them while it is in the first-level cache.
const PACKED: usize = 2;
/// Bytes that a stream of weights is asked for ahead of its use.
const STREAM_AHEAD: usize = 4096;

/// Eight pairs.
pub(crate) type Span = [u16; 2 * SPAN];

/// A way to multiply pairs. A value is the proof that its instructions may be used.
pub(crate) trait PairProduct<S: Lanes>: Copy {
    /// Sixteen pairs in registers.
    type V: Copy;

    fn load(self, s: S, from: &Pairs) -> Self::V;
    fn store(self, s: S, value: Self::V, to: &mut Pairs);
    /// Two spans side by side.
    fn gather(self, s: S, spans: [&Span; ROWS]) -> Self::V;
    /// The same span twice.
    fn spread(self, s: S, span: &Span) -> Self::V;
    /// Sixteen sums, each with the products of its pair added.
    fn add(self, s: S, x: Self::V, w: Self::V, sums: S::F) -> S::F;
    /// The sums of spans, folded by halves: number 4 i + j is that of half i of vector j.
    fn fold(self, s: S, sums: [S::F; WIDTH]) -> [f32; GROUP];
}

/// Vectors of scratch memory of a task with `n` activation rows, of which a tile takes `tile_rows`.
pub(crate) const fn scratch_len(n: usize, steps: usize, tile_rows: usize) -> usize {
    if n <= FEW_STRIPS * tile_rows { 0 } else { PACKED * GROUP * steps }
}

/// All outputs of a task, in tiles of at most M activation rows by a group of sixteen weight rows.
#[inline(always)]
pub(crate) fn matmul<S: Lanes, D: PairProduct<S>, const M: usize>(s: S, d: D, task: &mut MatmulTask<'_, Pairs, Pairs>) {
    let (n, rows) = (task.x.len() / task.x_stride, task.w.len() / task.steps);
    if n <= FEW_STRIPS * M {
        let streamed = if n == 1 { streams(s, d, task) } else { 0 };
        for first in (streamed..rows).step_by(GROUP) {
            strips::<S, D, Group<'_>, M>(s, d, task, &[(first, Group::new(task, first))]);
        }
        return;
    }
    let len = GROUP * task.steps;
    for first in (0..rows).step_by(PACKED * GROUP) {
        let groups = (rows - first).div_ceil(GROUP).min(PACKED);
        for i in 0..groups {
            let group = Group::new(task, first + i * GROUP);
            pack(s, d, group, lines_mut(&mut task.scratch[i * len..][..len]));
        }
        let packed = |i: usize| (first + i * GROUP, Packed { vectors: lines(&task.scratch[i * len..][..len]) });
        let packed: [_; PACKED] = [packed(0), packed(1)];
        strips::<S, D, Packed<'_>, M>(s, d, task, &packed[..groups]);
    }
}

/// One activation row against weight rows that are read in four streams, each from its own part of memory: so the machine
/// fetches more of them at once than from one stream. Returns how many rows that was.
#[inline(always)]
fn streams<S: Lanes, D: PairProduct<S>>(s: S, d: D, task: &MatmulTask<'_, Pairs, Pairs>) -> usize {
    let steps = task.steps;
    let run = task.w.len() / steps / GROUP * ROWS;
    let x = &task.x[..steps];
    for first in (0..run).step_by(ROWS) {
        let mut sums = [[s.zero(); ROWS]; 2];
        for r in 0..ROWS {
            let mut rows = [x; 4];
            for i in 0..4 {
                rows[i] = &task.w[(i * run + first + r) * steps..][..steps];
            }
            // The sums of two streams in a vector.
            let (mut low, mut high) = (s.zero(), s.zero());
            for k in 0..steps {
                for row in rows {
                    s.prefetch(row.as_ptr().wrapping_add(k).cast::<u8>().wrapping_add(STREAM_AHEAD));
                }
                for span in 0..LANES / SPAN {
                    let span_of = |row: usize| &rows[row][k].as_chunks().0[span];
                    let numbers = d.spread(s, &x[k].as_chunks().0[span]);
                    low = d.add(s, numbers, d.gather(s, [span_of(0), span_of(1)]), low);
                    high = d.add(s, numbers, d.gather(s, [span_of(2), span_of(3)]), high);
                }
            }
            sums[0][r] = low;
            sums[1][r] = high;
        }
        let outputs = d.fold(s, [sums[0][0], sums[0][1], sums[1][0], sums[1][1]]);
        for (outputs, i) in outputs.as_chunks::<ROWS>().0.iter().zip([0, 2, 1, 3]) {
            // SAFETY: as in `tile`.
            let to = unsafe { task.out.piece(task.out_start + i * run + first, ROWS) };
            if task.adds {
                add_to(to, outputs);
            } else {
                to.copy_from_slice(outputs);
            }
        }
    }
    4 * run
}

/// A group of weight rows.
trait Weights: Copy {
    /// The sums of M activation rows. By value, so that they stay in registers whatever the caller does with them.
    fn products<S: Lanes, D: PairProduct<S>, const M: usize>(self, s: S, d: D, x: [&[Pairs]; M]) -> [[S::F; WIDTH]; M];
}

/// Adds the products of a span of M activation rows and of a group of weight rows.
#[inline(always)]
fn add<S: Lanes, D: PairProduct<S>, const M: usize>(
    s: S,
    d: D,
    x: [&Span; M],
    weights: [D::V; WIDTH],
    mut sums: [[S::F; WIDTH]; M],
) -> [[S::F; WIDTH]; M] {
    for i in 0..M {
        let numbers = d.spread(s, x[i]);
        for j in 0..WIDTH {
            sums[i][j] = d.add(s, numbers, weights[j], sums[i][j]);
        }
    }
    sums
}

/// Weight rows as they lie. Of fewer than a group the last stands in for those that are not there.
#[derive(Clone, Copy)]
struct Group<'a> {
    rows: [&'a [Pairs]; GROUP],
}

impl<'a> Group<'a> {
    #[inline(always)]
    fn new(task: &MatmulTask<'a, Pairs, Pairs>, first: usize) -> Self {
        let (w, steps) = (task.w, task.steps);
        let last = w.len() / steps - 1;
        let mut rows = [&w[first * steps..][..steps]; GROUP];
        for r in 1..GROUP {
            rows[r] = &w[(first + r).min(last) * steps..][..steps];
        }
        Self { rows }
    }
}

impl Group<'_> {
    /// Span `span` of vector `k` of each row: vector j has those of rows j and j + 4.
    #[inline(always)]
    fn gather<S: Lanes, D: PairProduct<S>>(self, s: S, d: D, k: usize, span: usize) -> [D::V; WIDTH] {
        let span_of = |row: usize| &self.rows[row][k].as_chunks().0[span];
        [
            d.gather(s, [span_of(0), span_of(4)]),
            d.gather(s, [span_of(1), span_of(5)]),
            d.gather(s, [span_of(2), span_of(6)]),
            d.gather(s, [span_of(3), span_of(7)]),
        ]
    }

    /// Asks for vector `k` of the next rows.
    #[inline(always)]
    fn ask<S: Lanes>(self, s: S, k: usize) {
        for row in self.rows {
            s.prefetch(row.as_ptr().wrapping_add(GROUP * row.len() + k).cast());
        }
    }
}

impl Weights for Group<'_> {
    #[inline(always)]
    fn products<S: Lanes, D: PairProduct<S>, const M: usize>(self, s: S, d: D, x: [&[Pairs]; M]) -> [[S::F; WIDTH]; M] {
        let mut sums = [[s.zero(); WIDTH]; M];
        for k in 0..self.rows[0].len() {
            self.ask(s, k);
            for span in 0..LANES / SPAN {
                let mut numbers = [&x[0][k].as_chunks().0[span]; M];
                for i in 1..M {
                    numbers[i] = &x[i][k].as_chunks().0[span];
                }
                sums = add(s, d, numbers, self.gather(s, d, k, span), sums);
            }
        }
        sums
    }
}

/// Weight rows put together.
#[derive(Clone, Copy)]
struct Packed<'a> {
    /// `WIDTH` for each span.
    vectors: &'a [Pairs],
}

impl Weights for Packed<'_> {
    #[inline(always)]
    fn products<S: Lanes, D: PairProduct<S>, const M: usize>(self, s: S, d: D, x: [&[Pairs]; M]) -> [[S::F; WIDTH]; M] {
        let mut sums = [[s.zero(); WIDTH]; M];
        let weights: &[[Pairs; WIDTH]] = self.vectors.as_chunks().0;
        let mut spans = [&x[0].as_flattened().as_chunks::<{ 2 * SPAN }>().0[..weights.len()]; M];
        for i in 1..M {
            spans[i] = &x[i].as_flattened().as_chunks().0[..weights.len()];
        }
        for k in 0..weights.len() {
            let mut numbers = [&spans[0][k]; M];
            for i in 1..M {
                numbers[i] = &spans[i][k];
            }
            let [a, b, c, e] = &weights[k];
            sums = add(s, d, numbers, [d.load(s, a), d.load(s, b), d.load(s, c), d.load(s, e)], sums);
        }
        sums
    }
}

/// Writes a group as [`Packed`] has it.
#[inline(always)]
fn pack<S: Lanes, D: PairProduct<S>>(s: S, d: D, group: Group<'_>, to: &mut [Pairs]) {
    for (k, to) in to.chunks_exact_mut(GROUP).enumerate() {
        group.ask(s, k);
        for span in 0..LANES / SPAN {
            let vectors = group.gather(s, d, k, span);
            for j in 0..WIDTH {
                d.store(s, vectors[j], &mut to[WIDTH * span + j]);
            }
        }
    }
}

/// All activation rows against some groups, each with its first weight row, in strips of at most M, as even as they come.
#[inline(always)]
fn strips<S: Lanes, D: PairProduct<S>, G: Weights, const M: usize>(
    s: S,
    d: D,
    task: &MatmulTask<'_, Pairs, Pairs>,
    groups: &[(usize, G)],
) {
    let n = task.x.len() / task.x_stride;
    let strips = n.div_ceil(M);
    for index in 0..strips {
        let (low, high) = (index * n / strips, (index + 1) * n / strips);
        for &(first, group) in groups {
            match high - low {
                1 => tile::<S, D, G, 1>(s, d, task, group, first, low),
                2 => tile::<S, D, G, 2>(s, d, task, group, first, low),
                3 => tile::<S, D, G, 3>(s, d, task, group, first, low),
                4 => tile::<S, D, G, 4>(s, d, task, group, first, low),
                5 => tile::<S, D, G, 5>(s, d, task, group, first, low),
                _ => tile::<S, D, G, 6>(s, d, task, group, first, low),
            }
        }
    }
}

/// M activation rows from `row` against a group.
#[inline(always)]
fn tile<S: Lanes, D: PairProduct<S>, G: Weights, const M: usize>(
    s: S,
    d: D,
    task: &MatmulTask<'_, Pairs, Pairs>,
    group: G,
    first: usize,
    row: usize,
) {
    let mut x = [&task.x[row * task.x_stride..][..task.steps]; M];
    for i in 1..M {
        x[i] = &task.x[(row + i) * task.x_stride..][..task.steps];
    }
    let sums = group.products(s, d, x);
    let count = (task.w.len() / task.steps - first).min(GROUP);
    for i in 0..M {
        let outputs = d.fold(s, sums[i]);
        // SAFETY: the elements of a task are its own (contract of `MatmulTask`), and each is written by one tile.
        let to = unsafe { task.out.piece(task.out_start + (row + i) * task.out_stride + first, count) };
        if task.adds {
            add_to(to, &outputs);
        } else if let Some(to) = to.as_mut_array() {
            *to = outputs;
        } else {
            to.copy_from_slice(&outputs[..count]);
        }
    }
}

/// to += outputs, of which there may be more.
#[inline(always)]
fn add_to(to: &mut [f32], outputs: &[f32]) {
    to.iter_mut().zip(outputs).for_each(|(to, output)| *to += output);
}
