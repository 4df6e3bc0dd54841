//! Causal attention over paged keys and values.
//!
//! Keys are taken in partitions of `PARTITION` at absolute positions of their sequence. Within one, a query's result
//! depends on that query and the keys it sees alone (`generic/attention.rs`); partitions are then folded in ascending
//! order. So neither the paging, nor the chunk of the prompt a query comes in, nor the split of work changes a bit.
//!
//! Work is split by (sequence, key/value head, tile of query tokens): the query heads that share a key/value head and the
//! tokens of a tile share what is loaded of keys and values. Where that gives too few items (one sequence decoding at
//! depth) each partition is an item of its own, and a second round folds them.

use crate::aligned::Scratch;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::generic::matmul::vectors;
use crate::kv::{KvBuffer, KvData};
use crate::lanes::{Chunk, LANES};
use crate::matrix::Rows;
use crate::ops::matmul::widen_rows;
use crate::pool::lock;
use crate::table::{AttendTask, SoftmaxSums};

/// Keys in a partition: 32 KiB of f32 for heads of 64, so that keys, then values, stay in the first-level cache.
const PARTITION: usize = 128;
/// Rows (query tokens x heads that share keys) of a tile, about.
const TILE_ROWS: usize = 48;

/// The queries of one sequence in a batch.
#[derive(Clone, Copy, Debug)]
pub struct AttentionSpan<'a> {
    /// Row of `q` that holds the first of them.
    pub q_start: usize,
    /// How many there are.
    pub q_len: usize,
    /// Position of the first in its sequence; keys and values up to position + q_len are in place.
    pub position: usize,
    /// The blocks of the sequence in order; token t is in block `block_table[t / block_tokens]`.
    pub block_table: &'a [u32],
}

/// Causal attention: query i of a span stands at `position + i` and sees the keys 0 to `position + i` of its sequence;
/// scores are scaled by 1/sqrt(D). `q` and `out` are N x H*D for `heads` = H query heads, of which H/G consecutive ones
/// share a key/value head. Rows that belong to no span are left as they are.
///
/// # Panics
/// If shapes do not fit, spans overlap or do not ascend, or a block table is too short or names a block that is not there.
pub fn attention(
    cpu: &Cpu,
    q: &[f32],
    k: &KvBuffer,
    v: &KvBuffer,
    seqs: &[AttentionSpan<'_>],
    heads: usize,
    out: &mut [f32],
) {
    let call = Call::new(cpu, q, k, v, seqs, heads, out);
    let tiles = call.tiles();
    if tiles.len() < 4 * cpu.threads() && tiles.iter().any(|tile| call.partitions(tile) > 1) {
        call.by_partition(&tiles);
    } else {
        cpu.pool.run(tiles.len(), 1, |thread, range| {
            let mut scratch = lock(&cpu.scratch[thread]);
            range.for_each(|tile| call.whole(&tiles[tile], &mut scratch));
        });
    }
}

struct Call<'a> {
    cpu: &'a Cpu,
    q: &'a [f32],
    k: &'a KvBuffer,
    v: &'a KvBuffer,
    seqs: &'a [AttentionSpan<'a>],
    heads: usize,
    out: Disjoint<'a, f32>,
}

/// Some query tokens of one sequence, for the heads that share a key/value head.
struct Tile<'a> {
    span: &'a AttentionSpan<'a>,
    kv_head: usize,
    /// First query token, counted in the span.
    first: usize,
    count: usize,
}

impl<'a> Call<'a> {
    fn new(
        cpu: &'a Cpu,
        q: &'a [f32],
        k: &'a KvBuffer,
        v: &'a KvBuffer,
        seqs: &'a [AttentionSpan<'a>],
        heads: usize,
        out: &'a mut [f32],
    ) -> Self {
        let shape = k.shape;
        let (tokens, dim) = (shape.block_tokens, shape.head_dim);
        assert!(
            v.kv_heads() == shape.kv_heads && v.head_dim() == dim && v.block_tokens() == tokens,
            "attention: keys and values differ in shape"
        );
        assert!(heads > 0 && heads.is_multiple_of(shape.kv_heads), "attention: {heads} heads for {}", shape.kv_heads);
        assert_eq!(q.len(), out.len(), "attention: q and out differ in length");
        assert!(dim > 0 && q.len().is_multiple_of(heads * dim), "attention: q is not N x {heads} x {dim}");
        let mut end = 0;
        for span in seqs {
            assert!(span.q_start >= end, "attention: spans overlap or do not ascend");
            end = span.q_start + span.q_len;
            let blocks = (span.position + span.q_len).div_ceil(tokens);
            assert!(span.q_len == 0 || span.block_table.len() >= blocks, "attention: a block table lacks blocks");
        }
        assert!(end <= q.len() / (heads * dim), "attention: spans reach past q");
        Self { cpu, q, k, v, seqs, heads, out: Disjoint::new(out) }
    }

    fn group(&self) -> usize {
        self.heads / self.k.kv_heads()
    }

    /// Vectors per row.
    fn steps(&self) -> usize {
        vectors(self.k.head_dim())
    }

    fn tiles(&self) -> Vec<Tile<'a>> {
        let size = (TILE_ROWS / self.group()).max(1);
        let mut tiles = Vec::new();
        for span in self.seqs {
            for kv_head in 0..self.k.kv_heads() {
                for first in (0..span.q_len).step_by(size) {
                    tiles.push(Tile { span, kv_head, first, count: size.min(span.q_len - first) });
                }
            }
        }
        tiles
    }

    fn rows(&self, tile: &Tile<'_>) -> usize {
        tile.count * self.group()
    }

    /// Partitions that the last query of a tile sees.
    fn partitions(&self, tile: &Tile<'_>) -> usize {
        (tile.span.position + tile.first + tile.count).div_ceil(PARTITION)
    }

    /// One tile against all its partitions.
    fn whole(&self, tile: &Tile<'_>, scratch: &mut Scratch) {
        let (rows, steps) = (self.rows(tile), self.steps());
        let sums_len = sums_chunks(rows, steps);
        let (own, rest) = scratch.take(2 * sums_len + self.attend_chunks(rows)).split_at_mut(2 * sums_len);
        let (all, next) = own.split_at_mut(sums_len);
        let mut all = sums(all, rows, steps);
        for partition in 0..self.partitions(tile) {
            if partition == 0 {
                self.attend(tile, 0, all.reborrow(), rest, true);
            } else {
                let mut next = sums(next, rows, steps);
                self.attend(tile, partition, next.reborrow(), rest, false);
                // SAFETY: `Cpu` holds only rows that are available.
                unsafe { (self.cpu.kernels.merge)(&mut all, &next) };
            }
        }
        self.finish(tile, &all);
    }

    /// Every partition of every tile on its own, then each tile's partitions in order.
    fn by_partition(&self, tiles: &[Tile<'_>]) {
        let mut items = Vec::new();
        let mut len = 0;
        for (index, tile) in tiles.iter().enumerate() {
            for partition in 0..self.partitions(tile) {
                items.push((index, partition, len));
                len += sums_chunks(self.rows(tile), self.steps());
            }
        }
        let mut shared = lock(&self.cpu.shared_scratch);
        let partial = Disjoint::new(shared.take(len));
        let pool = &self.cpu.pool;
        pool.run(items.len(), 1, |thread, range| {
            let mut scratch = lock(&self.cpu.scratch[thread]);
            for &(index, partition, start) in &items[range] {
                let tile = &tiles[index];
                let (rows, steps) = (self.rows(tile), self.steps());
                // SAFETY: each item has its own piece, and each is done once.
                let piece = unsafe { partial.piece(start, sums_chunks(rows, steps)) };
                self.attend(tile, partition, sums(piece, rows, steps), scratch.take(self.attend_chunks(rows)), true);
            }
        });
        let firsts: Vec<usize> = items.iter().filter(|item| item.1 == 0).map(|item| item.2).collect();
        pool.run(tiles.len(), 1, |_, range| {
            for index in range {
                let (tile, start) = (&tiles[index], firsts[index]);
                let (rows, steps) = (self.rows(tile), self.steps());
                let size = sums_chunks(rows, steps);
                // SAFETY: the pieces of a tile are its own, and each tile is done once.
                let pieces = unsafe { partial.piece(start, self.partitions(tile) * size) };
                let mut pieces = pieces.chunks_exact_mut(size).map(|piece| sums(piece, rows, steps));
                let Some(mut all) = pieces.next() else { continue };
                for next in pieces {
                    // SAFETY: `Cpu` holds only rows that are available.
                    unsafe { (self.cpu.kernels.merge)(&mut all, &next) };
                }
                self.finish(tile, &all);
            }
        });
    }

    /// Vectors of scratch memory that `attend` takes: queries, keys, values, scores.
    fn attend_chunks(&self, rows: usize) -> usize {
        (rows + 2 * PARTITION) * self.steps() + rows * PARTITION / LANES
    }

    /// One tile against one partition. `load_q` says that the scratch memory does not hold the tile's queries yet.
    fn attend(
        &self,
        tile: &Tile<'_>,
        partition: usize,
        sums: SoftmaxSums<'_>,
        scratch: &mut [Chunk<f32>],
        load_q: bool,
    ) {
        let (rows, steps) = (self.rows(tile), self.steps());
        let first_key = partition * PARTITION;
        let seen = tile.span.position + tile.first + tile.count;
        let keys = PARTITION.min(seen - first_key);
        let (q, rest) = scratch.split_at_mut(rows * steps);
        let (k, rest) = rest.split_at_mut(keys * steps);
        let (v, rest) = rest.split_at_mut(keys * steps);
        if load_q {
            self.load_queries(tile, q);
        }
        self.gather(self.k, tile, first_key, k);
        self.gather(self.v, tile, first_key, v);
        let mut task = AttendTask {
            q,
            keys: k,
            values: v,
            steps,
            first_visible: tile.span.position + tile.first + 1,
            hidden: first_key,
            group: self.group(),
            scores: &mut rest[..rows * vectors(keys)],
            sums,
        };
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (self.cpu.kernels.attend)(&mut task) };
    }

    /// Element of q and out where a row of a tile starts; rows go by token, then head.
    fn row_start(&self, tile: &Tile<'_>, row: usize) -> usize {
        let token = tile.span.q_start + tile.first + row / self.group();
        let head = tile.kv_head * self.group() + row % self.group();
        (token * self.heads + head) * self.k.head_dim()
    }

    fn load_queries(&self, tile: &Tile<'_>, to: &mut [Chunk<f32>]) {
        let dim = self.k.head_dim();
        let scale = 1.0 / (dim as f32).sqrt();
        for (row, to) in to.chunks_exact_mut(self.steps()).enumerate() {
            let (to, fill) = to.as_flattened_mut().split_at_mut(dim);
            for (to, from) in to.iter_mut().zip(&self.q[self.row_start(tile, row)..][..dim]) {
                *to = from * scale;
            }
            fill.fill(0.0);
        }
    }

    /// Collects and widens keys or values from `first`, as many as `to` holds, from the blocks they lie in.
    fn gather(&self, from: &KvBuffer, tile: &Tile<'_>, first: usize, to: &mut [Chunk<f32>]) {
        let (steps, block_tokens) = (self.steps(), from.block_tokens());
        let end = first + to.len() / steps;
        let mut token = first;
        while token < end {
            let (block, offset) = (token / block_tokens, token % block_tokens);
            let count = (block_tokens - offset).min(end - token);
            let range = from.shape.run(tile.span.block_table[block], tile.kv_head, offset, count);
            let rows = match &from.data {
                KvData::F32(data) => Rows::F32(&data[range]),
                KvData::F16(data) => Rows::F16(&data[range]),
                KvData::Bf16(data) => Rows::Bf16(&data[range]),
            };
            widen_rows(self.cpu.kernels, rows, from.head_dim(), &mut to[(token - first) * steps..][..count * steps]);
            token += count;
        }
    }

    /// out = mixed / total
    fn finish(&self, tile: &Tile<'_>, sums: &SoftmaxSums<'_>) {
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
}

/// Vectors that the sums of `rows` rows take: mixed values, then maximums, then totals.
fn sums_chunks(rows: usize, steps: usize) -> usize {
    rows * steps + 2 * vectors(rows)
}

/// Sums in scratch memory.
fn sums(memory: &mut [Chunk<f32>], rows: usize, steps: usize) -> SoftmaxSums<'_> {
    let (mixed, rest) = memory.split_at_mut(rows * steps);
    let (max, total) = rest.split_at_mut(vectors(rows));
    SoftmaxSums { max: &mut max.as_flattened_mut()[..rows], total: &mut total.as_flattened_mut()[..rows], mixed }
}
