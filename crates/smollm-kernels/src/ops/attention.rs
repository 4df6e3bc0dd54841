//! Causal attention over paged keys and values.
//!
//! Keys are taken in partitions of `PARTITION` at absolute positions of their sequence. Within one, a query's result
//! depends on that query and the keys it sees alone (`generic/attention.rs`); partitions are then folded in ascending
//! order. So neither the paging, nor the chunk of the prompt a query comes in, nor the split of work changes a bit.
//!
//! Work is split by (sequence, key/value head, tile of query tokens): the query heads that share a key/value head and the
//! tokens of a tile share what is loaded of keys and values. Partitions that several sequences have in common are items of their
//! own, whose tiles are the queries of all of them. Where that gives too few items (one sequence decoding at depth) each other
//! partition is an item too. A second round folds the partitions of each tile.

mod partition;
mod plan;
mod woven;

pub use plan::{AttentionPlan, AttentionSpan};

use crate::aligned::Scratch;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::generic::matmul::vectors;
use crate::kv::{KvBuffer, KvDtype, KvRole};
use crate::lanes::Chunk;
use crate::pool::lock;
use crate::table::SoftmaxSums;
use plan::SharedPartition;

/// Keys in a partition: 32 KiB of f32 for heads of 64, so that keys, then values, stay in the first-level cache.
const PARTITION: usize = 128;
/// Rows (query tokens x heads that share keys) of a tile, about.
const TILE_ROWS: usize = 96;
/// Items below which partitions are split too, per thread.
const ITEMS_PER_THREAD: usize = 4;

/// Causal attention: query i of a span stands at `position + i` and sees the keys 0 to `position + i` of its sequence;
/// scores are scaled by 1/sqrt(D). `q` and `out` are N x H*D for `heads` = H query heads, of which H/G consecutive ones
/// share a key/value head. Rows that belong to no span are left as they are.
///
/// # Panics
/// If shapes do not fit, the plan is for another shape, its spans overlap or do not ascend, or a block table names a block that is
/// not there.
pub fn attention(
    cpu: &Cpu,
    q: &[f32],
    k: &KvBuffer,
    v: &KvBuffer,
    plan: &AttentionPlan<'_>,
    heads: usize,
    out: &mut [f32],
) {
    let call = Call::new(cpu, q, k, v, plan, heads, out);
    let tiles = call.tiles();
    let few = cpu.threads() > 1 && tiles.len() < ITEMS_PER_THREAD * cpu.threads();
    let apart = few && tiles.iter().any(|tile| call.partitions(tile) > 1);
    call.run(&tiles, apart);
}

struct Call<'a> {
    cpu: &'a Cpu,
    q: &'a [f32],
    k: &'a KvBuffer,
    v: &'a KvBuffer,
    plan: &'a AttentionPlan<'a>,
    heads: usize,
    out: Disjoint<'a, f32>,
}

/// Some query tokens, for the heads that share a key/value head.
struct Tile<'a> {
    block_table: &'a [u32],
    kv_head: usize,
    tokens: Tokens<'a>,
    /// Position of the first token, or any beyond the keys if every key is seen by all.
    position: usize,
    /// Keys that the last token sees, or all that this tile reads.
    end: usize,
}

/// Rows of `q`.
#[derive(Clone, Copy)]
enum Tokens<'a> {
    /// Consecutive ones of one span.
    Run { span: usize, first: usize, count: usize },
    /// Those of several spans.
    Of(&'a [usize]),
}

impl Tokens<'_> {
    fn count(&self) -> usize {
        match self {
            Self::Run { count, .. } => *count,
            Self::Of(tokens) => tokens.len(),
        }
    }

    /// Row of `q` of token `i`.
    fn row(&self, i: usize) -> usize {
        match self {
            Self::Run { first, .. } => first + i,
            Self::Of(tokens) => tokens[i],
        }
    }
}

/// Where the results of partitions lie that are items of their own, in vectors of shared scratch memory.
struct Pieces {
    /// Of each shared partition, for each key/value head.
    shared: Vec<usize>,
    /// Of each tile: its first partition that is not shared; the others follow.
    own: Vec<usize>,
    len: usize,
}

impl<'a> Call<'a> {
    fn new(
        cpu: &'a Cpu,
        q: &'a [f32],
        k: &'a KvBuffer,
        v: &'a KvBuffer,
        plan: &'a AttentionPlan<'a>,
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
        assert!(
            plan.block_tokens == tokens && plan.group == heads / shape.kv_heads,
            "attention: a plan for another cache"
        );
        let mut end = 0;
        for span in &plan.spans {
            assert!(span.q_start >= end, "attention: spans overlap or do not ascend");
            end = span.q_start + span.q_len;
        }
        assert!(end <= q.len() / (heads * dim), "attention: spans reach past q");
        Self { cpu, q, k, v, plan, heads, out: Disjoint::new(out) }
    }

    fn group(&self) -> usize {
        self.plan.group
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
        for (index, span) in self.plan.spans.iter().enumerate() {
            for kv_head in 0..self.k.kv_heads() {
                for first in (0..span.q_len).step_by(size) {
                    let count = size.min(span.q_len - first);
                    let tokens = Tokens::Run { span: index, first: span.q_start + first, count };
                    let position = span.position + first;
                    tiles.push(Tile {
                        block_table: span.block_table,
                        kv_head,
                        tokens,
                        position,
                        end: position + count,
                    });
                }
            }
        }
        tiles
    }

    /// The queries of all spans that share a partition.
    fn shared_tile(&self, shared: usize, kv_head: usize) -> (Tile<'a>, usize) {
        let SharedPartition { partition, tokens, block_table } = &self.plan.shared[shared];
        let end = (partition + 1) * PARTITION;
        (Tile { block_table, kv_head, tokens: Tokens::Of(tokens), position: end, end }, *partition)
    }

    fn rows(&self, tile: &Tile<'_>) -> usize {
        tile.tokens.count() * self.group()
    }

    /// Partitions that the last query of a tile sees.
    fn partitions(&self, tile: &Tile<'_>) -> usize {
        tile.end.div_ceil(PARTITION)
    }

    /// Where a tile finds its part of a partition that was computed together with others: which, and its first row there.
    fn place(&self, tile: &Tile<'_>, partition: usize) -> Option<(usize, usize)> {
        let Tokens::Run { span, first, .. } = tile.tokens else { return None };
        let place = self.plan.place(span, partition)?;
        let token = place.token + first - self.plan.spans[span].q_start;
        Some((place.shared, token * self.group()))
    }

    /// Shared partitions, and if `apart` all others too, each on its own; then each tile's partitions in order.
    fn run(&self, tiles: &[Tile<'_>], apart: bool) {
        let mut items = Vec::new();
        let mut pieces = Pieces { shared: Vec::new(), own: Vec::new(), len: 0 };
        for shared in 0..self.plan.shared.len() {
            for kv_head in 0..self.k.kv_heads() {
                let (tile, partition) = self.shared_tile(shared, kv_head);
                pieces.shared.push(pieces.len);
                items.push((tile, partition, pieces.len));
                pieces.len += sums_len(self.rows(&items[items.len() - 1].0), self.steps());
            }
        }
        for tile in tiles.iter().filter(|_| apart) {
            pieces.own.push(pieces.len);
            for partition in (0..self.partitions(tile)).filter(|&p| self.place(tile, p).is_none()) {
                items.push((Tile { ..*tile }, partition, pieces.len));
                pieces.len += sums_len(self.rows(tile), self.steps());
            }
        }
        let mut shared = lock(&self.cpu.shared_scratch);
        let partial = shared.take(pieces.len);
        self.compute(&items, partial);
        let partial = &*partial;
        self.cpu.pool.run(tiles.len(), 1, |thread, range| {
            let mut scratch = lock(&self.cpu.scratch[thread]);
            range.for_each(|tile| {
                self.fold(&tiles[tile], pieces.own.get(tile).copied(), &pieces, partial, &mut scratch)
            });
        });
    }

    /// Tiles against one partition each, into the pieces of `partial` that start where they say.
    fn compute(&self, items: &[(Tile<'_>, usize, usize)], partial: &mut [Chunk<f32>]) {
        let partial = Disjoint::new(partial);
        // Several partitions of a tile in a row, since each asks for the keys of the next.
        let grain = items.len() / (ITEMS_PER_THREAD * self.cpu.threads());
        self.cpu.pool.run(items.len(), grain, |thread, range| {
            let mut scratch = lock(&self.cpu.scratch[thread]);
            for (tile, partition, start) in &items[range] {
                let (rows, steps) = (self.rows(tile), self.steps());
                // SAFETY: each item has its own piece, and each is done once.
                let piece = unsafe { partial.piece(*start, sums_len(rows, steps)) };
                let mut workspace = self.workspace(tile, scratch.take(self.workspace_len(rows)));
                self.attend(tile, *partition, &mut workspace, &mut sums(piece, rows, steps));
            }
        });
    }

    /// The partitions of one tile in order: those found in `partial`, and those that are left.
    fn fold(
        &self,
        tile: &Tile<'_>,
        mut own: Option<usize>,
        pieces: &Pieces,
        partial: &[Chunk<f32>],
        scratch: &mut Scratch,
    ) {
        let (rows, steps) = (self.rows(tile), self.steps());
        let size = sums_len(rows, steps);
        let (memory, rest) = scratch.take(2 * size + self.workspace_len(rows)).split_at_mut(2 * size);
        let (all, next) = memory.split_at_mut(size);
        let (mut all, mut next) = (sums(all, rows, steps), sums(next, rows, steps));
        let mut workspace = own.is_none().then(|| self.workspace(tile, rest));
        for partition in 0..self.partitions(tile) {
            let into = if partition == 0 { &mut all } else { &mut next };
            match (self.place(tile, partition), &mut own, &mut workspace) {
                (Some((shared, first)), ..) => {
                    let (together, _) = self.shared_tile(shared, tile.kv_head);
                    let piece = &partial[pieces.shared[shared * self.k.kv_heads() + tile.kv_head]..];
                    copy_sums(piece, self.rows(&together), first, steps, into);
                }
                (None, Some(start), _) => {
                    copy_sums(&partial[*start..], rows, 0, steps, into);
                    *start += size;
                }
                (None, None, Some(workspace)) => self.attend(tile, partition, workspace, into),
                (None, None, None) => unreachable!("a tile without pieces of its own has a workspace"),
            }
            if partition > 0 {
                // SAFETY: `Cpu` holds only rows that are available.
                unsafe { (self.cpu.kernels.merge)(&mut all, &next) };
            }
        }
        self.finish(tile, &all);
    }
}

/// The sums of some rows from the `first` of those of `all_rows` at the start of `piece`.
fn copy_sums(piece: &[Chunk<f32>], all_rows: usize, first: usize, steps: usize, to: &mut SoftmaxSums<'_>) {
    let (mixed, rest) = piece.split_at(all_rows * steps);
    let (max, total) = rest.split_at(vectors(all_rows));
    let rows = to.max.len();
    to.mixed.copy_from_slice(&mixed[first * steps..][..rows * steps]);
    to.max.copy_from_slice(&max.as_flattened()[first..][..rows]);
    to.total.copy_from_slice(&total.as_flattened()[first..][..rows]);
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
