//! Products with bf16 weights where an instruction multiplies pairs and adds both products to an f32.
//!
//! An output is a sum in four lanes, lane l holding the products of the pairs l, l + 4, l + 8 ... of a row in ascending order,
//! folded by halves. That is the whole arithmetic. A vector thus has four pairs of each of four weight rows, and what four
//! such vectors, of sixteen rows, add up to folds into one vector of outputs at next to no cost.
//!
//! Such a vector is put together from four places of memory, as weights lie in files: for a few activation rows each time it
//! is wanted, which costs less than writing it down; for more of them once for each group of sixteen weight rows, in scratch
//! memory that stays in the caches until every strip of M activation rows has met it.

use crate::aligned::{lines, lines_mut};
use crate::lanes::{Chunk, LANES, Lanes};
use crate::table::{MatmulTask, Pairs};

/// Lanes of an output.
const QUAD: usize = 4;
/// Vectors that have a quad of each row of a group.
const WIDTH: usize = LANES / QUAD;
/// Strips of activation rows up to which each puts the weights together anew.
const FEW_STRIPS: usize = 3;
/// Bytes that a stream of weights is asked for ahead of its use.
const STREAM_AHEAD: usize = 4096;
/// Four pairs.
pub(crate) type Quad = [u16; 2 * QUAD];

/// A way to multiply pairs. A value is the proof that its instructions may be used.
pub(crate) trait PairProduct<S: Lanes>: Copy {
    /// Sixteen pairs in registers.
    type V: Copy;

    fn load(self, s: S, from: &Pairs) -> Self::V;
    fn store(self, s: S, value: Self::V, to: &mut Pairs);
    /// Four quads side by side.
    fn gather(self, s: S, quads: [&Quad; LANES / QUAD]) -> Self::V;
    /// The same quad four times.
    fn spread(self, s: S, quad: &Quad) -> Self::V;
    /// Sixteen sums, each with the products of its pair added.
    fn add(self, s: S, x: Self::V, w: Self::V, sums: S::F) -> S::F;
    /// The sums of quads, folded by halves: lane 4 i + j gets that of quad i of vector j.
    fn fold(self, s: S, sums: [S::F; WIDTH]) -> S::F;
}

/// Vectors of scratch memory of a task with `n` activation rows, of which a tile takes `tile_rows`.
pub(crate) const fn scratch_len(n: usize, steps: usize, tile_rows: usize) -> usize {
    if n <= FEW_STRIPS * tile_rows { 0 } else { LANES * steps }
}

/// All outputs of a task, in tiles of at most M activation rows by a group of sixteen weight rows.
#[inline(always)]
pub(crate) fn matmul<S: Lanes, D: PairProduct<S>, const M: usize>(s: S, d: D, task: &mut MatmulTask<'_, Pairs, Pairs>) {
    let (n, rows) = (task.x.len() / task.x_stride, task.w.len() / task.steps);
    let streamed = if n == 1 { streams(s, d, task) } else { 0 };
    for first in (streamed..rows).step_by(LANES) {
        let group = Group::new(task, first);
        if n <= FEW_STRIPS * M {
            strips::<S, D, Group<'_>, M>(s, d, task, group, first);
        } else {
            pack(s, d, group, lines_mut(task.scratch));
            strips::<S, D, Packed<'_>, M>(s, d, task, Packed { vectors: lines(task.scratch) }, first);
        }
    }
}

/// One activation row against weight rows that are read in four streams, each from its own part of memory: so the machine
/// fetches more of them at once than from one stream. Returns how many rows that was.
#[inline(always)]
fn streams<S: Lanes, D: PairProduct<S>>(s: S, d: D, task: &MatmulTask<'_, Pairs, Pairs>) -> usize {
    let steps = task.steps;
    let run = task.w.len() / steps / LANES * QUAD;
    let x = &task.x[..steps];
    for first in (0..run).step_by(QUAD) {
        let mut sums = [s.zero(); WIDTH];
        for j in 0..WIDTH {
            let mut rows = [x; LANES / QUAD];
            for i in 0..LANES / QUAD {
                rows[i] = &task.w[(i * run + first + j) * steps..][..steps];
            }
            let mut sum = s.zero();
            for k in 0..steps {
                for row in rows {
                    s.prefetch(row.as_ptr().wrapping_add(k).cast::<u8>().wrapping_add(STREAM_AHEAD));
                }
                for quad in 0..LANES / QUAD {
                    let quad_of = |row: usize| &rows[row][k].as_chunks().0[quad];
                    let weights = d.gather(s, [quad_of(0), quad_of(1), quad_of(2), quad_of(3)]);
                    sum = d.add(s, d.spread(s, &x[k].as_chunks().0[quad]), weights, sum);
                }
            }
            sums[j] = sum;
        }
        let mut outputs = Chunk::default();
        s.store(d.fold(s, sums), &mut outputs);
        for (i, quad) in outputs.as_chunks::<QUAD>().0.iter().enumerate() {
            // SAFETY: as in `tile`.
            let to = unsafe { task.out.piece(task.out_start + i * run + first, QUAD) };
            to.copy_from_slice(quad);
        }
    }
    4 * run
}

/// Sixteen weight rows.
trait Weights: Copy {
    /// The sums of M activation rows. By value, so that they stay in registers whatever the caller does with them.
    fn products<S: Lanes, D: PairProduct<S>, const M: usize>(self, s: S, d: D, x: [&[Pairs]; M]) -> [[S::F; WIDTH]; M];
}

/// Adds the products of a quad of M activation rows and of sixteen weight rows.
#[inline(always)]
fn add<S: Lanes, D: PairProduct<S>, const M: usize>(
    s: S,
    d: D,
    x: [&Quad; M],
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

/// Weight rows as they lie. Of fewer than sixteen the last stands in for those that are not there.
#[derive(Clone, Copy)]
struct Group<'a> {
    rows: [&'a [Pairs]; LANES],
}

impl<'a> Group<'a> {
    #[inline(always)]
    fn new(task: &MatmulTask<'a, Pairs, Pairs>, first: usize) -> Self {
        let (w, steps) = (task.w, task.steps);
        let last = w.len() / steps - 1;
        let mut rows = [&w[first * steps..][..steps]; LANES];
        for r in 1..LANES {
            rows[r] = &w[(first + r).min(last) * steps..][..steps];
        }
        Self { rows }
    }
}

impl Group<'_> {
    /// Quad `quad` of vector `k` of each row: vector j has those of rows j, j + 4, j + 8 and j + 12.
    #[inline(always)]
    fn gather<S: Lanes, D: PairProduct<S>>(self, s: S, d: D, k: usize, quad: usize) -> [D::V; WIDTH] {
        let quad_of = |row: usize| &self.rows[row][k].as_chunks().0[quad];
        [
            d.gather(s, [quad_of(0), quad_of(4), quad_of(8), quad_of(12)]),
            d.gather(s, [quad_of(1), quad_of(5), quad_of(9), quad_of(13)]),
            d.gather(s, [quad_of(2), quad_of(6), quad_of(10), quad_of(14)]),
            d.gather(s, [quad_of(3), quad_of(7), quad_of(11), quad_of(15)]),
        ]
    }

    /// Asks for vector `k` of the next rows.
    #[inline(always)]
    fn ask<S: Lanes>(self, s: S, k: usize) {
        for row in self.rows {
            s.prefetch(row.as_ptr().wrapping_add(LANES * row.len() + k).cast());
        }
    }
}

impl Weights for Group<'_> {
    #[inline(always)]
    fn products<S: Lanes, D: PairProduct<S>, const M: usize>(self, s: S, d: D, x: [&[Pairs]; M]) -> [[S::F; WIDTH]; M] {
        let mut sums = [[s.zero(); WIDTH]; M];
        for k in 0..self.rows[0].len() {
            self.ask(s, k);
            for quad in 0..LANES / QUAD {
                let mut numbers = [&x[0][k].as_chunks().0[quad]; M];
                for i in 1..M {
                    numbers[i] = &x[i][k].as_chunks().0[quad];
                }
                sums = add(s, d, numbers, self.gather(s, d, k, quad), sums);
            }
        }
        sums
    }
}

/// Weight rows put together.
#[derive(Clone, Copy)]
struct Packed<'a> {
    /// `WIDTH` for each quad.
    vectors: &'a [Pairs],
}

impl Weights for Packed<'_> {
    #[inline(always)]
    fn products<S: Lanes, D: PairProduct<S>, const M: usize>(self, s: S, d: D, x: [&[Pairs]; M]) -> [[S::F; WIDTH]; M] {
        let mut sums = [[s.zero(); WIDTH]; M];
        let weights: &[[Pairs; WIDTH]] = self.vectors.as_chunks().0;
        let mut quads = [&x[0].as_flattened().as_chunks::<{ 2 * QUAD }>().0[..weights.len()]; M];
        for i in 1..M {
            quads[i] = &x[i].as_flattened().as_chunks().0[..weights.len()];
        }
        for k in 0..weights.len() {
            let mut numbers = [&quads[0][k]; M];
            for i in 1..M {
                numbers[i] = &quads[i][k];
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
    for (k, to) in to.chunks_exact_mut(LANES).enumerate() {
        group.ask(s, k);
        for quad in 0..LANES / QUAD {
            let vectors = group.gather(s, d, k, quad);
            for j in 0..WIDTH {
                d.store(s, vectors[j], &mut to[WIDTH * quad + j]);
            }
        }
    }
}

/// All activation rows against the group that starts at weight row `first`, in strips of at most M, as even as they come.
#[inline(always)]
fn strips<S: Lanes, D: PairProduct<S>, G: Weights, const M: usize>(
    s: S,
    d: D,
    task: &MatmulTask<'_, Pairs, Pairs>,
    group: G,
    first: usize,
) {
    let n = task.x.len() / task.x_stride;
    let strips = n.div_ceil(M);
    for index in 0..strips {
        let (low, high) = (index * n / strips, (index + 1) * n / strips);
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
    let count = (task.w.len() / task.steps - first).min(LANES);
    for i in 0..M {
        let outputs = d.fold(s, sums[i]);
        // SAFETY: the elements of a task are its own (contract of `MatmulTask`), and each is written by one tile.
        let to = unsafe { task.out.piece(task.out_start + (row + i) * task.out_stride + first, count) };
        if let Some(to) = to.as_mut_array() {
            s.store(outputs, to);
        } else {
            let mut lanes = Chunk::default();
            s.store(outputs, &mut lanes);
            to.copy_from_slice(&lanes[..count]);
        }
    }
}
