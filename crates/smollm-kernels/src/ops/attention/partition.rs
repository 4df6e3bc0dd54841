//! One tile of queries against one partition of keys: from the blocks they lie in to softmax sums.

use std::ops::Range;

use super::{Call, PARTITION, Tile};
use crate::aligned::vectors_of;
use crate::generic::matmul::vectors;
use crate::kv::{KvBuffer, KvDtype};
use crate::lanes::{Chunk, LANES};
use crate::matrix::Rows;
use crate::ops::matmul::widen_rows;
use crate::table::{MixTask, ScoreTask, Sight, SoftmaxSums, ValueRun};

/// Scratch memory of one tile, the same for each of its partitions.
pub(super) struct Workspace<'a> {
    /// The tile's queries, scaled.
    pub(super) q: &'a mut [Chunk<f32>],
    /// Keys turned.
    pub(super) turned: &'a mut [Chunk<f32>],
    /// Values, or sixteen keys that do not lie in one piece, widened.
    pub(super) values: &'a mut [Chunk<f32>],
    /// Weights of the values.
    pub(super) weights: &'a mut [Chunk<f32>],
    /// The same in pairs of bf16, where those are multiplied.
    pub(super) paired: &'a mut [Chunk<f32>],
}

/// Keys or values that lie in one piece.
pub(super) struct Run<'a> {
    /// Position of the first.
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) rows: Rows<'a>,
}

/// Sixteens of keys in a partition, and runs of values that are taken as they lie, at most.
pub(super) const SIXTEENS: usize = PARTITION / LANES;

impl Call<'_> {
    /// Vectors of scratch memory that a workspace takes.
    pub(super) fn workspace_len(&self, rows: usize) -> usize {
        (rows + 2 * PARTITION) * self.steps() + 2 * rows * PARTITION / LANES
    }

    /// A workspace with the queries of `tile`.
    pub(super) fn workspace<'a>(&self, tile: &Tile<'_>, scratch: &'a mut [Chunk<f32>]) -> Workspace<'a> {
        let (rows, steps, dim) = (self.rows(tile), self.steps(), self.k.head_dim());
        let (q, rest) = scratch.split_at_mut(rows * steps);
        let (turned, rest) = rest.split_at_mut(PARTITION * steps);
        let (values, rest) = rest.split_at_mut(PARTITION * steps);
        let (weights, paired) = rest.split_at_mut(rows * PARTITION / LANES);
        if self.woven() {
            self.woven_queries(tile, values, q);
        } else {
            for (row, to) in q.as_flattened_mut()[..rows * dim].chunks_exact_mut(dim).enumerate() {
                self.scaled_query(tile, row, to);
            }
        }
        Workspace { q, turned, values, weights, paired }
    }

    /// A row of queries times 1/sqrt(D).
    pub(super) fn scaled_query(&self, tile: &Tile<'_>, row: usize, to: &mut [f32]) {
        let scale = 1.0 / (to.len() as f32).sqrt();
        for (to, from) in to.iter_mut().zip(&self.q[self.row_start(tile, row)..]) {
            *to = from * scale;
        }
    }

    /// One tile against one partition.
    pub(super) fn attend(
        &self,
        tile: &Tile<'_>,
        partition: usize,
        space: &mut Workspace<'_>,
        sums: &mut SoftmaxSums<'_>,
    ) {
        let hidden = partition * PARTITION;
        let count = PARTITION.min(tile.end - hidden);
        let sight = Sight { count, hidden, first_visible: tile.position + 1, group: self.group() };
        let keys = hidden..hidden + count;
        if self.woven() {
            return self.attend_woven(tile, sight, space, sums);
        }
        let (steps, width) = (self.steps(), vectors(count));
        let weights = &mut space.weights[..self.rows(tile) * width];
        self.turn_keys(tile, keys.clone(), space.turned, space.values);
        let mut turned = [&[][..]; SIXTEENS];
        for (to, sixteen) in turned.iter_mut().zip(space.turned.chunks_exact(steps * LANES)) {
            *to = sixteen;
        }
        let mut task = ScoreTask {
            sight,
            q: &space.q.as_flattened()[..self.rows(tile) * self.k.head_dim()],
            lanes: self.k.head_dim(),
            turned: &turned[..width],
            weights,
            max: sums.max,
            total: sums.total,
        };
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (self.cpu.kernels.score)(&mut task) };
        self.ask(self.k, tile, self.next_keys(tile, &sight));
        self.mix_values(tile, sight, weights.as_flattened(), space.values, sums.mixed);
    }

    /// Adds up the values of a partition.
    fn mix_values(
        &self,
        tile: &Tile<'_>,
        sight: Sight,
        weights: &[f32],
        scratch: &mut [Chunk<f32>],
        mixed: &mut [Chunk<f32>],
    ) {
        let (kernels, steps, keys) = (self.cpu.kernels, self.steps(), sight.hidden..sight.hidden + sight.count);
        let width = LANES * vectors(sight.count);
        // Few rows use each value so little that it is taken as it lies.
        let few = weights.len() / width <= kernels.tile_rows;
        let as_they_lie = few && self.in_vectors(self.v) && self.runs(self.v, tile, keys.clone()).count() <= SIXTEENS;
        if as_they_lie && self.v.dtype() == KvDtype::F16 {
            let (runs, count) = self.value_runs(tile, keys, |rows| match rows {
                Rows::F16(values) => vectors_of(values),
                _ => unreachable!("values are f16"),
            });
            let mut task = MixTask { sight, weights, width, runs: &runs[..count], steps, mixed };
            // SAFETY: `Cpu` holds only rows that are available.
            return unsafe { (kernels.mix_f16)(&mut task) };
        }
        let (runs, count) = if as_they_lie {
            self.value_runs(tile, keys, |rows| match rows {
                Rows::F32(values) => vectors_of(values),
                _ => unreachable!("values are f32"),
            })
        } else {
            let values = &mut scratch[..sight.count * steps];
            self.gather(self.v, tile, keys, values);
            ([ValueRun { from: 0, values }; SIXTEENS], 1)
        };
        let mut task = MixTask { sight, weights, width, runs: &runs[..count], steps, mixed };
        // SAFETY: as above.
        unsafe { (kernels.mix_f32)(&mut task) };
    }

    /// The values of some keys of a partition as they lie, in at most `SIXTEENS` runs, and how many runs there are.
    pub(super) fn value_runs<'a, B>(
        &'a self,
        tile: &Tile<'a>,
        keys: Range<usize>,
        vectors: impl Fn(Rows<'a>) -> &'a [B],
    ) -> ([ValueRun<'a, B>; SIXTEENS], usize) {
        let mut runs = std::array::from_fn(|_| ValueRun { from: 0, values: &[][..] });
        let mut count = 0;
        for run in self.runs(self.v, tile, keys.clone()) {
            runs[count] = ValueRun { from: run.first - keys.start, values: vectors(run.rows) };
            count += 1;
        }
        (runs, count)
    }

    /// Turns the keys of a partition, sixteen at a time, straight out of the cache where they lie in one piece there.
    fn turn_keys(&self, tile: &Tile<'_>, keys: Range<usize>, turned: &mut [Chunk<f32>], scratch: &mut [Chunk<f32>]) {
        let (kernels, steps) = (self.cpu.kernels, self.steps());
        for (block, out) in turned.chunks_exact_mut(steps * LANES).take(vectors(keys.len())).enumerate() {
            let first = keys.start + block * LANES;
            let sixteen = first..keys.end.min(first + LANES);
            self.ask(self.v, tile, sixteen.clone());
            // SAFETY (of all calls): `Cpu` holds only rows that are available.
            let run = self.runs(self.k, tile, sixteen.clone()).next();
            match run {
                Some(Run { count: LANES, rows: Rows::F32(keys), .. }) if self.in_vectors(self.k) => {
                    // SAFETY: as above.
                    unsafe { (kernels.turn_f32)(vectors_of(keys), out) }
                }
                Some(Run { count: LANES, rows: Rows::F16(keys), .. }) if self.in_vectors(self.k) => {
                    // SAFETY: as above.
                    unsafe { (kernels.turn_f16)(vectors_of(keys), out) }
                }
                _ => {
                    self.gather(self.k, tile, sixteen.clone(), scratch);
                    scratch[sixteen.len() * steps..][..(LANES - sixteen.len()) * steps].fill([0.0; LANES]);
                    // SAFETY: as above.
                    unsafe { (kernels.turn_f32)(&scratch[..LANES * steps], out) }
                }
            }
        }
    }

    /// Asks for keys or values that will be read soon: the runs are too short for the hardware to foresee them.
    pub(super) fn ask(&self, of: &KvBuffer, tile: &Tile<'_>, keys: Range<usize>) {
        for run in self.runs(of, tile, keys) {
            // SAFETY: `Cpu` holds only rows that are available.
            unsafe { (self.cpu.kernels.ask)(run.rows.bytes()) };
        }
    }

    /// Keys of the next partition that a tile will read, if it reads another.
    pub(super) fn next_keys(&self, tile: &Tile<'_>, sight: &Sight) -> Range<usize> {
        let next = sight.hidden + PARTITION;
        next..tile.end.clamp(next, next + PARTITION)
    }

    /// Whether keys or values lie in whole vectors of plain numbers.
    fn in_vectors(&self, of: &KvBuffer) -> bool {
        of.head_dim().is_multiple_of(LANES) && matches!(of.dtype(), KvDtype::F32 | KvDtype::F16)
    }

    /// Collects and widens keys or values from the blocks they lie in.
    fn gather(&self, from: &KvBuffer, tile: &Tile<'_>, keys: Range<usize>, to: &mut [Chunk<f32>]) {
        let steps = self.steps();
        for run in self.runs(from, tile, keys.clone()) {
            let to = &mut to[(run.first - keys.start) * steps..][..run.count * steps];
            widen_rows(self.cpu.kernels, run.rows, from.head_dim(), to);
        }
    }

    /// The runs that consecutive keys or values lie in, one for each block they touch.
    pub(super) fn runs<'a>(
        &self,
        from: &'a KvBuffer,
        tile: &Tile<'a>,
        keys: Range<usize>,
    ) -> impl Iterator<Item = Run<'a>> {
        let (shape, kv_head, table) = (from.shape, tile.kv_head, tile.block_table);
        let mut first = keys.start;
        std::iter::from_fn(move || {
            if first == keys.end {
                return None;
            }
            let offset = first % shape.block_tokens;
            let count = (shape.block_tokens - offset).min(keys.end - first);
            let range = shape.run(table[first / shape.block_tokens], kv_head, offset, count);
            let rows = from.rows(range);
            first += count;
            Some(Run { first: first - count, count, rows })
        })
    }

    /// out = mixed / total
    pub(super) fn finish(&self, tile: &Tile<'_>, sums: &SoftmaxSums<'_>) {
        let dim = self.k.head_dim();
        for (row, mixed) in sums.mixed.chunks_exact(self.steps()).enumerate() {
            // SAFETY: spans do not overlap, so each row of q and out belongs to one tile, and each tile is done once.
            let out = unsafe { self.out.piece(self.row_start(tile, row), dim) };
            let scale = 1.0 / sums.total[row];
            for (out, mixed) in out.iter_mut().zip(mixed.as_flattened()) {
                *out = mixed * scale;
            }
        }
    }

    /// Element of q and out where a row of a tile starts; rows go by token, then head.
    fn row_start(&self, tile: &Tile<'_>, row: usize) -> usize {
        let token = tile.tokens.row(row / self.group());
        let head = tile.kv_head * self.group() + row % self.group();
        (token * self.heads + head) * self.k.head_dim()
    }
}
