//! One tile of queries against one partition of bf16 keys, where the row of the table multiplies pairs: queries and the weights
//! of values are rounded to bf16, as the activations of products with bf16 weights are.

use std::ops::Range;

use super::partition::Workspace;
use super::{Call, Tile};
use crate::aligned::{lines, lines_mut, vectors_of};
use crate::generic::matmul::vectors;
use crate::kv::{KvBuffer, KvDtype};
use crate::lanes::{Chunk, LANES};
use crate::matrix::Rows;
use crate::table::{Kernels, MixTask, PairKernels, Pairs, ScoreTask, Sight, SoftmaxSums, TurnTask};

/// The kernels for keys and values in pairs, where the row has them and heads are whole vectors of pairs.
pub(super) fn of<'a>(kernels: &'a Kernels, k: &KvBuffer, v: &KvBuffer) -> Option<&'a PairKernels> {
    let fit = |kv: &KvBuffer| kv.dtype() == KvDtype::BF16 && kv.head_dim().is_multiple_of(2 * LANES);
    kernels.pairs.as_ref().filter(|_| fit(k) && fit(v))
}

impl Call<'_> {
    /// The queries of a tile in pairs, one after the other; `scratch` is a row of f32.
    pub(super) fn queries_in_pairs(
        &self,
        tile: &Tile<'_>,
        pairs: &PairKernels,
        scratch: &mut [Chunk<f32>],
        q: &mut [Chunk<f32>],
    ) {
        let dim = self.k.head_dim();
        let scaled = &mut scratch.as_flattened_mut()[..dim];
        let q = lines_mut::<Pairs>(q).as_flattened_mut();
        for (row, to) in q.chunks_exact_mut(dim).take(self.rows(tile)).enumerate() {
            self.scaled_query(tile, row, scaled);
            // SAFETY: `Cpu` holds only rows that are available.
            unsafe { (pairs.narrow)(scaled, to) };
        }
    }

    /// `attend` in pairs.
    pub(super) fn attend_in_pairs(
        &self,
        tile: &Tile<'_>,
        pairs: &PairKernels,
        sight: Sight,
        space: &mut Workspace<'_>,
        sums: &mut SoftmaxSums<'_>,
    ) {
        let (rows, words) = (self.rows(tile), self.k.head_dim() / 2);
        let keys = sight.hidden..sight.hidden + sight.count;
        let width = vectors(sight.count);
        self.turn_pairs(tile, pairs, keys.clone(), space.turned, space.values);
        let weights = &mut space.weights[..rows * width];
        let mut task = ScoreTask {
            sight,
            q: &lines::<Chunk<i32>>(space.q).as_flattened()[..rows * words],
            lanes: words,
            turned: lines::<Pairs>(space.turned),
            weights,
            max: sums.max,
            total: sums.total,
        };
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (pairs.score)(&mut task) };
        // A row of weights is half as long in pairs, and its last vector may be half empty.
        let half = width.div_ceil(2);
        let paired = &mut space.paired[..rows * half];
        for (from, to) in weights.chunks_exact(width).zip(lines_mut::<Pairs>(paired).chunks_exact_mut(half)) {
            let (from, to) = (from.as_flattened(), to.as_flattened_mut());
            // SAFETY: as above.
            unsafe { (pairs.narrow)(from, &mut to[..from.len()]) };
        }
        self.ask(self.k, tile, self.next_keys(tile, &sight));
        let values = self.pair_values(tile, pairs, keys, space.values);
        let mut task = MixTask {
            sight,
            weights: lines::<Chunk<i32>>(paired).as_flattened(),
            width: half * LANES,
            values,
            from: 0,
            steps: self.steps(),
            mixed: sums.mixed,
        };
        // SAFETY: as above.
        unsafe { (pairs.mix)(&mut task) };
    }

    /// Turns the keys of a partition, sixteen at a time, straight out of the cache where they lie in one piece there.
    fn turn_pairs(
        &self,
        tile: &Tile<'_>,
        pairs: &PairKernels,
        keys: Range<usize>,
        turned: &mut [Chunk<f32>],
        scratch: &mut [Chunk<f32>],
    ) {
        let dim = self.k.head_dim();
        let width = vectors(keys.len());
        for block in 0..width {
            let first = keys.start + block * LANES;
            let sixteen = first..keys.end.min(first + LANES);
            self.ask(self.v, tile, sixteen.clone());
            let rows = match self.runs(self.k, tile, sixteen.clone()).next() {
                Some(run) if run.count == LANES => bf16(run.rows),
                _ => {
                    let gathered = &mut lines_mut::<Pairs>(scratch).as_flattened_mut()[..LANES * dim];
                    for run in self.runs(self.k, tile, sixteen) {
                        gathered[(run.first - first) * dim..][..run.count * dim].copy_from_slice(bf16(run.rows));
                    }
                    gathered[(keys.end - first).min(LANES) * dim..].fill(0);
                    &*gathered
                }
            };
            let keys = vectors_of(rows.as_chunks().0);
            // SAFETY: `Cpu` holds only rows that are available.
            unsafe { (pairs.turn)(&TurnTask { keys, width }, &mut turned[block..]) };
        }
    }

    /// The values of a partition in pairs of keys.
    fn pair_values<'s>(
        &self,
        tile: &Tile<'_>,
        pairs: &PairKernels,
        keys: Range<usize>,
        scratch: &'s mut [Chunk<f32>],
    ) -> &'s [Pairs] {
        let (dim, steps) = (self.v.head_dim(), self.steps());
        let values = &mut lines_mut::<Pairs>(scratch)[..keys.len().div_ceil(2) * steps];
        for run in self.runs(self.v, tile, keys.clone()) {
            let (mut rows, mut from) = (bf16(run.rows), run.first - keys.start);
            if !from.is_multiple_of(2) {
                // The second key of a pair that the run before has begun.
                let (second, rest) = rows.split_at(dim);
                let pair = values[from / 2 * steps..][..steps].as_flattened_mut();
                for (pair, second) in pair.chunks_exact_mut(2).zip(second) {
                    pair[1] = *second;
                }
                (rows, from) = (rest, from + 1);
            }
            // SAFETY: `Cpu` holds only rows that are available.
            unsafe { (pairs.pair_rows)(rows, dim, &mut values[from / 2 * steps..]) };
        }
        values
    }
}

fn bf16(rows: Rows<'_>) -> &[u16] {
    match rows {
        Rows::Bf16(rows) => rows,
        _ => unreachable!("pairs are of bf16"),
    }
}
