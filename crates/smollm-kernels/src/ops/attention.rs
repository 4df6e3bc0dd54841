//! Causal attention over paged keys and values.
//!
//! Keys are taken in partitions of `PARTITION` at absolute positions of their sequence. Within one, a query's result
//! depends on that query and the keys it sees alone (`generic/attention.rs`); partitions are then folded in ascending
//! order. So neither the paging, nor the chunk of the prompt a query comes in, nor the split of work changes a bit.
//!
//! Work is split by (sequence, key/value head, tile of query tokens): the query heads that share a key/value head and the
//! tokens of a tile share what is loaded of keys and values. Where that gives too few items (one sequence decoding at
//! depth) each partition is an item of its own, and a second round folds them.

mod partition;
mod woven;

use crate::aligned::Scratch;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::generic::matmul::vectors;
use crate::kv::{KvBuffer, KvDtype, KvRole};
use crate::lanes::Chunk;
use crate::pool::lock;
use crate::table::SoftmaxSums;

/// Keys in a partition: 32 KiB of f32 for heads of 64, so that keys, then values, stay in the first-level cache.
const PARTITION: usize = 128;
/// Rows (query tokens x heads that share keys) of a tile, about.
const TILE_ROWS: usize = 96;
/// Items below which partitions are split too, per thread.
const ITEMS_PER_THREAD: usize = 4;

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
    let few = cpu.threads() > 1 && tiles.len() < ITEMS_PER_THREAD * cpu.threads();
    if few && tiles.iter().any(|tile| call.partitions(tile) > 1) {
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
            v.kv_heads() == shape.kv_heads
                && v.head_dim() == dim
                && v.block_tokens() == tokens
                && v.dtype() == k.dtype(),
            "attention: keys and values differ in shape or type"
        );
        assert!(
            shape.role == KvRole::Keys && v.shape.role == KvRole::Values,
            "attention: keys or values in the buffer of the others"
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

    /// Whether keys and values are woven.
    fn woven(&self) -> bool {
        self.k.dtype() == KvDtype::BF16
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
        let size = sums_len(rows, steps);
        let (own, rest) = scratch.take(2 * size + self.workspace_len(rows)).split_at_mut(2 * size);
        let (all, next) = own.split_at_mut(size);
        let (mut all, mut next) = (sums(all, rows, steps), sums(next, rows, steps));
        let mut workspace = self.workspace(tile, rest);
        self.attend(tile, 0, &mut workspace, &mut all);
        for partition in 1..self.partitions(tile) {
            self.attend(tile, partition, &mut workspace, &mut next);
            // SAFETY: `Cpu` holds only rows that are available.
            unsafe { (self.cpu.kernels.merge)(&mut all, &next) };
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
                len += sums_len(self.rows(tile), self.steps());
            }
        }
        let mut shared = lock(&self.cpu.shared_scratch);
        let partial = Disjoint::new(shared.take(len));
        let pool = &self.cpu.pool;
        // Several partitions of a tile in a row, since each asks for the keys of the next.
        let grain = items.len() / (ITEMS_PER_THREAD * self.cpu.threads());
        pool.run(items.len(), grain, |thread, range| {
            let mut scratch = lock(&self.cpu.scratch[thread]);
            for &(index, partition, start) in &items[range] {
                let tile = &tiles[index];
                let (rows, steps) = (self.rows(tile), self.steps());
                // SAFETY: each item has its own piece, and each is done once.
                let piece = unsafe { partial.piece(start, sums_len(rows, steps)) };
                let mut workspace = self.workspace(tile, scratch.take(self.workspace_len(rows)));
                self.attend(tile, partition, &mut workspace, &mut sums(piece, rows, steps));
            }
        });
        let firsts: Vec<usize> = items.iter().filter(|item| item.1 == 0).map(|item| item.2).collect();
        pool.run(tiles.len(), 1, |_, range| {
            for index in range {
                let (tile, start) = (&tiles[index], firsts[index]);
                let (rows, steps) = (self.rows(tile), self.steps());
                let size = sums_len(rows, steps);
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
}

/// Vectors that the sums of `rows` rows take: mixed values, then maximums, then totals.
fn sums_len(rows: usize, steps: usize) -> usize {
    rows * steps + 2 * vectors(rows)
}

/// Sums in scratch memory.
fn sums(memory: &mut [Chunk<f32>], rows: usize, steps: usize) -> SoftmaxSums<'_> {
    let (mixed, rest) = memory.split_at_mut(rows * steps);
    let (max, total) = rest.split_at_mut(vectors(rows));
    SoftmaxSums { max: &mut max.as_flattened_mut()[..rows], total: &mut total.as_flattened_mut()[..rows], mixed }
}
