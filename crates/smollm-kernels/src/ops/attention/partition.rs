//! One tile of queries against one partition of keys: from the blocks they lie in to softmax sums.

use std::ops::Range;

use super::{Call, PARTITION, Tile};
use crate::aligned::vectors_of;
use crate::generic::matmul::vectors;
use crate::kv::KvBuffer;
use crate::lanes::{Chunk, LANES};
use crate::matrix::Rows;
use crate::ops::matmul::widen_rows;
use crate::table::{Kernels, MixTask, ScoreTask, Sight, SoftmaxSums, TurnTask};

/// Scratch memory of one tile, the same for each of its partitions.
pub(super) struct Workspace<'a> {
    /// The tile's queries, scaled.
    q: &'a mut [f32],
    /// Keys turned.
    turned: &'a mut [Chunk<f32>],
    /// Values, or sixteen keys that do not lie in one piece, widened.
    values: &'a mut [Chunk<f32>],
    /// Weights of the values.
    weights: &'a mut [Chunk<f32>],
}

/// Keys or values that lie in one piece.
struct Run<'a> {
    /// Position of the first.
    first: usize,
    count: usize,
    rows: Rows<'a>,
}

/// What the runs of one partition share.
struct Mix<'a> {
    sight: Sight,
    weights: &'a [Chunk<f32>],
    steps: usize,
    mixed: &'a mut [Chunk<f32>],
}

impl Mix<'_> {
    /// Adds a run of values, the first of which is number `from` of the partition.
    fn run(&mut self, kernels: &Kernels, values: Rows<'_>, from: usize) {
        // SAFETY (of all calls): `kernels` is the row of a `Cpu`, which holds only rows that are available.
        match values {
            // SAFETY: as above.
            Rows::F32(values) => unsafe { (kernels.mix_f32)(&mut self.task(vectors_of(values), from)) },
            // SAFETY: as above.
            Rows::F16(values) => unsafe { (kernels.mix_f16)(&mut self.task(vectors_of(values), from)) },
            // SAFETY: as above.
            Rows::Bf16(values) => unsafe { (kernels.mix_bf16)(&mut self.task(vectors_of(values), from)) },
            Rows::Blocks(..) => unreachable!("blocks are widened before"),
        }
    }

    fn task<'t, B>(&'t mut self, values: &'t [Chunk<B>], from: usize) -> MixTask<'t, B> {
        MixTask { sight: self.sight, weights: self.weights, values, from, steps: self.steps, mixed: self.mixed }
    }
}

impl Call<'_> {
    /// Vectors of scratch memory that a workspace takes.
    pub(super) fn workspace_len(&self, rows: usize) -> usize {
        (rows + 2 * PARTITION) * self.steps() + rows * PARTITION / LANES
    }

    /// A workspace with the queries of `tile`.
    pub(super) fn workspace<'a>(&self, tile: &Tile<'_>, scratch: &'a mut [Chunk<f32>]) -> Workspace<'a> {
        let (rows, steps, dim) = (self.rows(tile), self.steps(), self.k.head_dim());
        let (q, rest) = scratch.split_at_mut(rows * steps);
        let (turned, rest) = rest.split_at_mut(PARTITION * steps);
        let (values, weights) = rest.split_at_mut(PARTITION * steps);
        let q = &mut q.as_flattened_mut()[..rows * dim];
        let scale = 1.0 / (dim as f32).sqrt();
        for (row, to) in q.chunks_exact_mut(dim).enumerate() {
            for (to, from) in to.iter_mut().zip(&self.q[self.row_start(tile, row)..][..dim]) {
                *to = from * scale;
            }
        }
        Workspace { q, turned, values, weights }
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
        let before = tile.span.position + tile.first;
        let count = PARTITION.min(before + tile.count - hidden);
        let sight = Sight { count, hidden, first_visible: before + 1, group: self.group() };
        let keys = hidden..hidden + count;
        let weights = &mut space.weights[..self.rows(tile) * vectors(count)];
        self.turn_keys(tile, keys.clone(), space.turned, space.values);
        let mut task = ScoreTask {
            sight,
            q: space.q,
            dim: self.k.head_dim(),
            turned: space.turned,
            weights,
            max: sums.max,
            total: sums.total,
        };
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (self.cpu.kernels.score)(&mut task) };
        let mut mix = Mix { sight, weights, steps: self.steps(), mixed: sums.mixed };
        let many = mix.weights.len() / vectors(count) > self.cpu.kernels.tile_rows;
        if many || !self.in_vectors(self.v) {
            let values = &mut space.values[..count * self.steps()];
            self.gather(self.v, tile, keys, values);
            mix.run(self.cpu.kernels, Rows::F32(values.as_flattened()), 0);
            return;
        }
        // Few rows: each value is used so little that it is taken as it lies.
        for run in self.runs(self.v, tile, keys) {
            mix.run(self.cpu.kernels, run.rows, run.first - hidden);
        }
    }

    /// Turns the keys of a partition, sixteen at a time, straight out of the cache where they lie in one piece there.
    fn turn_keys(&self, tile: &Tile<'_>, keys: Range<usize>, turned: &mut [Chunk<f32>], scratch: &mut [Chunk<f32>]) {
        let (kernels, steps) = (self.cpu.kernels, self.steps());
        let width = vectors(keys.len());
        for block in 0..width {
            let first = keys.start + block * LANES;
            let sixteen = first..keys.end.min(first + LANES);
            let out = &mut turned[block..];
            let run = self.runs(self.k, tile, sixteen.clone()).next();
            let rows = match run {
                Some(run) if run.count == LANES && self.in_vectors(self.k) => run.rows,
                _ => {
                    self.gather(self.k, tile, sixteen.clone(), scratch);
                    scratch[sixteen.len() * steps..][..(LANES - sixteen.len()) * steps].fill([0.0; LANES]);
                    Rows::F32(scratch[..LANES * steps].as_flattened())
                }
            };
            // SAFETY (of all calls): `Cpu` holds only rows that are available.
            match rows {
                // SAFETY: as above.
                Rows::F32(keys) => unsafe { (kernels.turn_f32)(&TurnTask { keys: vectors_of(keys), width }, out) },
                // SAFETY: as above.
                Rows::F16(keys) => unsafe { (kernels.turn_f16)(&TurnTask { keys: vectors_of(keys), width }, out) },
                // SAFETY: as above.
                Rows::Bf16(keys) => unsafe { (kernels.turn_bf16)(&TurnTask { keys: vectors_of(keys), width }, out) },
                Rows::Blocks(..) => unreachable!("blocks are widened before"),
            }
        }
    }

    /// Whether keys or values lie in whole vectors of plain numbers.
    fn in_vectors(&self, of: &KvBuffer) -> bool {
        of.head_dim().is_multiple_of(LANES) && !of.dtype().stored().is_quantized()
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
    fn runs<'a>(&self, from: &'a KvBuffer, tile: &Tile<'a>, keys: Range<usize>) -> impl Iterator<Item = Run<'a>> {
        let (shape, kv_head, table) = (from.shape, tile.kv_head, tile.span.block_table);
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
        let token = tile.span.q_start + tile.first + row / self.group();
        let head = tile.kv_head * self.group() + row % self.group();
        (token * self.heads + head) * self.k.head_dim()
    }
}
