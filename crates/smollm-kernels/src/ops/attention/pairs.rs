//! One tile of queries against one partition of bf16 keys, where the row of the table multiplies pairs: queries and the weights
//! of values are rounded to bf16, as the activations of products with bf16 weights are.

use super::partition::{SIXTEENS, Workspace};
use super::{Call, Tile};
use crate::aligned::{lines, lines_mut, vectors_of};
use crate::generic::matmul::vectors;
use crate::kv::{KvBuffer, KvDtype};
use crate::lanes::{Chunk, LANES};
use crate::matrix::Rows;
use crate::table::{Kernels, MixTask, PairKernels, Pairs, ScoreTask, Sight, SoftmaxSums, ValueRun};

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
        let (rows, words, steps) = (self.rows(tile), self.k.head_dim() / 2, self.steps());
        let keys = sight.hidden..sight.hidden + sight.count;
        let width = vectors(sight.count);
        let mut turned = [&[][..]; SIXTEENS];
        for (sixteen, to) in turned[..width].iter_mut().enumerate() {
            *to = self.sixteen_keys(tile, keys.start + sixteen * LANES);
        }
        self.ask(self.v, tile, keys.clone());
        let weights = &mut space.weights[..rows * width];
        let mut task = ScoreTask {
            sight,
            q: &lines::<Chunk<i32>>(space.q).as_flattened()[..rows * words],
            lanes: words,
            turned: &turned[..width],
            weights,
            max: sums.max,
            total: sums.total,
        };
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (pairs.score)(&mut task) };
        self.ask(self.k, tile, self.next_keys(tile, &sight));
        // A row of weights is half as long in pairs, and its last vector may be half empty.
        let half = width.div_ceil(2);
        let paired = &mut space.paired[..rows * half];
        for (from, to) in weights.chunks_exact(width).zip(lines_mut::<Pairs>(paired).chunks_exact_mut(half)) {
            let (from, to) = (from.as_flattened(), to.as_flattened_mut());
            // SAFETY: `Cpu` holds only rows that are available.
            unsafe { (pairs.narrow)(from, &mut to[..from.len()]) };
        }
        let mut runs = [ValueRun { from: 0, values: &[][..] }; SIXTEENS];
        let mut count = 0;
        for run in self.runs(self.v, tile, keys.start..keys.start + sight.count.next_multiple_of(2)) {
            let Rows::Bf16(values) = run.rows else { unreachable!("pairs are of bf16") };
            runs[count] = ValueRun { from: run.first - keys.start, values: vectors_of(values) };
            count += 1;
        }
        let mut task = MixTask {
            sight,
            weights: lines::<Chunk<i32>>(paired).as_flattened(),
            width: half * LANES,
            runs: &runs[..count],
            steps,
            mixed: sums.mixed,
        };
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (pairs.mix)(&mut task) };
    }
}
