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
    pub(super) q: &'a mut [Chunk<f32>],
    /// Keys turned.
    pub(super) turned: &'a mut [Chunk<f32>],
    /// Values, or sixteen keys that do not lie in one piece, as the kernels take them.
    pub(super) values: &'a mut [Chunk<f32>],
    /// Weights of the values.
    pub(super) weights: &'a mut [Chunk<f32>],
    /// The same in pairs, where pairs are multiplied.
    pub(super) paired: &'a mut [Chunk<f32>],
}

/// Keys or values that lie in one piece.
pub(super) struct Run<'a> {
    /// Position of the first.
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) rows: Rows<'a>,
}

/// What the runs of one partition share.
struct Mix<'a> {
    sight: Sight,
    weights: &'a [f32],
    /// Weights of a row.
    width: usize,
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

    fn task<'t, B>(&'t mut self, values: &'t [B], from: usize) -> MixTask<'t, f32, B> {
        let Self { sight, weights, width, steps, ref mut mixed } = *self;
        MixTask { sight, weights, width, values, from, steps, mixed }
    }
}

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
        match self.pairs {
            Some(pairs) => self.queries_in_pairs(tile, pairs, values, q),
            None => {
                for (row, to) in q.as_flattened_mut()[..rows * dim].chunks_exact_mut(dim).enumerate() {
                    self.scaled_query(tile, row, to);
                }
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
        let before = tile.span.position + tile.first;
        let count = PARTITION.min(before + tile.count - hidden);
        let sight = Sight { count, hidden, first_visible: before + 1, group: self.group() };
        let keys = hidden..hidden + count;
        if let Some(pairs) = self.pairs {
            return self.attend_in_pairs(tile, pairs, sight, space, sums);
        }
        let weights = &mut space.weights[..self.rows(tile) * vectors(count)];
        self.turn_keys(tile, keys.clone(), space.turned, space.values);
        let mut task = ScoreTask {
            sight,
            q: &space.q.as_flattened()[..self.rows(tile) * self.k.head_dim()],
            lanes: self.k.head_dim(),
            turned: space.turned,
            weights,
            max: sums.max,
            total: sums.total,
        };
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (self.cpu.kernels.score)(&mut task) };
        self.ask(self.k, tile, self.next_keys(tile, &sight));
        let width = LANES * vectors(count);
        let mut mix = Mix { sight, weights: weights.as_flattened(), width, steps: self.steps(), mixed: sums.mixed };
        let many = mix.weights.len() / width > self.cpu.kernels.tile_rows;
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
            self.ask(self.v, tile, sixteen.clone());
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
        next..(tile.span.position + tile.first + tile.count).clamp(next, next + PARTITION)
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
    pub(super) fn runs<'a>(
        &self,
        from: &'a KvBuffer,
        tile: &Tile<'a>,
        keys: Range<usize>,
    ) -> impl Iterator<Item = Run<'a>> {
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
