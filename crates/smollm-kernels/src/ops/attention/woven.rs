//! One tile of queries against one partition of woven bf16. Where the row of the table multiplies pairs of bf16, queries and the
//! weights of values are rounded to bf16, as the activations of products with bf16 weights are; else keys and values are widened: for
//! a few rows each vector as it is met, for more rows all of them first, with the same sums in the same order.

use super::partition::{SIXTEENS, Workspace};
use super::{Call, Tile};
use crate::aligned::{lines, lines_mut, vectors_of};
use crate::generic::matmul::vectors;
use crate::generic::tile_attention::STEP_KEYS;
use crate::lanes::{Chunk, LANES};
use crate::matrix::Rows;
use crate::table::{MixTask, PairKernels, Pairs, ScoreTask, Sight, SoftmaxSums, ValueRun};

/// Rows above which keys and values are widened before they are multiplied: kernels take up to six rows at a time.
const MANY_ROWS: usize = 12;

impl Call<'_> {
    /// The queries of a tile as woven keys want them, D filled up with zeros; `scratch` is a row of f32.
    pub(super) fn woven_queries(&self, tile: &Tile<'_>, scratch: &mut [Chunk<f32>], q: &mut [Chunk<f32>]) {
        let (rows, dim, steps) = (self.rows(tile), self.k.head_dim(), self.steps());
        let Some(pairs) = &self.cpu.kernels.pairs else {
            for (row, to) in q.as_flattened_mut().chunks_exact_mut(steps * LANES).take(rows).enumerate() {
                let (to, fill) = to.split_at_mut(dim);
                self.scaled_query(tile, row, to);
                fill.fill(0.0);
            }
            return;
        };
        let scaled = &mut scratch.as_flattened_mut()[..dim];
        let q = lines_mut::<Pairs, _>(q).as_flattened_mut();
        for (row, to) in q.chunks_exact_mut(steps * LANES).take(rows).enumerate() {
            self.scaled_query(tile, row, scaled);
            let (to, fill) = to.split_at_mut(dim);
            // SAFETY: `Cpu` holds only rows that are available.
            unsafe { (pairs.narrow)(scaled, to) };
            fill.fill(0);
        }
    }

    /// `attend` to woven keys and values.
    pub(super) fn attend_woven(
        &self,
        tile: &Tile<'_>,
        sight: Sight,
        space: &mut Workspace<'_>,
        sums: &mut SoftmaxSums<'_>,
    ) {
        let (rows, steps, kernels) = (self.rows(tile), self.steps(), self.cpu.kernels);
        let keys = sight.hidden..sight.hidden + sight.count;
        let width = vectors(sight.count);
        let lanes = steps * LANES / 2;
        let mut sixteens = [&[][..]; SIXTEENS];
        for (i, to) in sixteens[..width].iter_mut().enumerate() {
            *to = self.sixteen_keys(tile, keys.start + i * LANES);
        }
        let turned = &sixteens[..width];
        self.ask(self.v, tile, keys.clone());
        let weights = &mut space.weights[..rows * width];
        let SoftmaxSums { max, total, mixed } = sums;
        let (runs, count) =
            self.value_runs(tile, keys.start..keys.start + sight.count.next_multiple_of(2), |rows| match rows {
                Rows::Bf16(values) => vectors_of(values),
                _ => unreachable!("woven values are bf16"),
            });
        let runs = &runs[..count];
        let ask_next = || self.ask(self.k, tile, self.next_keys(tile, &sight));
        // SAFETY (of all calls): `Cpu` holds only rows that are available.
        match &kernels.pairs {
            // Many rows would widen each vector many times over: the partition is taken apart once.
            None if rows > MANY_ROWS => {
                let mut apart = [&[][..]; SIXTEENS];
                for ((from, to), part) in
                    turned.iter().zip(space.turned.chunks_exact_mut(steps * LANES)).zip(&mut apart)
                {
                    // SAFETY: as above.
                    unsafe { (kernels.unweave)(from, 1, to) };
                    *part = &*to;
                }
                let (q, turned, lanes) = (space.q.as_flattened(), &apart[..width], steps * LANES);
                let mut task = ScoreTask { sight, q, lanes, turned, weights, max, total };
                // SAFETY: as above.
                unsafe { (kernels.score)(&mut task) };
                ask_next();
                for run in runs {
                    let to = &mut space.values[run.from * steps..][..2 * run.values.len()];
                    // SAFETY: as above.
                    unsafe { (kernels.unweave)(run.values, steps, to) };
                }
                let runs = &[ValueRun { from: 0, values: &space.values[..sight.count * steps] }];
                let (weights, width) = (weights.as_flattened(), width * LANES);
                // SAFETY: as above.
                unsafe { (kernels.mix_f32)(&mut MixTask { sight, weights, width, runs, steps, mixed }) };
            }
            None => {
                let q = space.q.as_flattened().as_chunks().0;
                let mut task = ScoreTask { sight, q, lanes, turned, weights, max, total };
                // SAFETY: as above.
                unsafe { (kernels.score_woven)(&mut task) };
                ask_next();
                let (weights, width) = (weights.as_flattened().as_chunks().0, width * LANES / 2);
                // SAFETY: as above.
                unsafe { (kernels.mix_woven)(&mut MixTask { sight, weights, width, runs, steps, mixed }) };
            }
            Some(pairs) => {
                let (mut copies, gathered);
                let (turned, runs) = if pairs.gathered {
                    copies = [&[][..]; SIXTEENS];
                    let places = lines_mut::<Pairs, _>(space.turned).chunks_exact_mut(lanes);
                    for ((from, to), copy) in turned.iter().zip(places).zip(&mut copies) {
                        to.copy_from_slice(from);
                        *copy = &*to;
                    }
                    gathered = [ValueRun { from: 0, values: gather_pairs(runs, steps, lines_mut(space.values)) }];
                    (&copies[..width], &gathered[..])
                } else {
                    (turned, runs)
                };
                let q = lines::<Chunk<i32>, _>(space.q).as_flattened();
                let mut task = ScoreTask { sight, q, lanes, turned, weights, max, total };
                // SAFETY: as above.
                unsafe { (pairs.score)(&mut task) };
                ask_next();
                // A row of weights is half as long in pairs, and its last vector may be half empty.
                let half = width.div_ceil(2);
                let paired = &mut space.paired[..rows * half];
                narrow_rows(pairs, weights, width, paired);
                let (weights, width) = (lines::<Chunk<i32>, _>(paired).as_flattened(), half * LANES);
                // SAFETY: as above.
                unsafe { (pairs.mix)(&mut MixTask { sight, weights, width, runs, steps, mixed }) };
            }
        }
    }

    /// The sixteen woven keys from position `first`, those that are not there yet included.
    fn sixteen_keys<'a>(&'a self, tile: &Tile<'a>, first: usize) -> &'a [Pairs] {
        let run = self.runs(self.k, tile, first..first + LANES).next();
        match run.map(|run| (run.count, run.rows)) {
            Some((LANES, Rows::Bf16(keys))) => vectors_of(keys),
            _ => unreachable!("blocks of bf16 are whole sixteens"),
        }
    }
}

/// Rounds rows of `width` vectors of weights to pairs.
fn narrow_rows(pairs: &PairKernels, weights: &[Chunk<f32>], width: usize, out: &mut [Chunk<f32>]) {
    let out = lines_mut::<Pairs, _>(out).chunks_exact_mut(width.div_ceil(2));
    for (from, to) in weights.chunks_exact(width).zip(out) {
        let (from, to) = (from.as_flattened(), to.as_flattened_mut());
        let (to, fill) = to.split_at_mut(from.len());
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (pairs.narrow)(from, to) };
        fill.fill(0);
    }
}

/// Copies runs of pairs of values one after the other, and fills up with zeros to whole steps.
fn gather_pairs<'a>(runs: &[ValueRun<'_, Pairs>], steps: usize, to: &'a mut [Pairs]) -> &'a [Pairs] {
    let mut end = 0;
    for run in runs {
        to[end..end + run.values.len()].copy_from_slice(run.values);
        end += run.values.len();
    }
    let whole = end.next_multiple_of(STEP_KEYS / 2 * steps);
    to[end..whole].fill([0; 2 * LANES]);
    &to[..whole]
}
