//! Blocks on a tile unit, where operands need not be all of f32.

use super::backward::{AttentionGradients, add_shares, starts_of};
use super::blocks::Heads;
use super::{BLOCK, Block, CausalPlan, Qkv};
use crate::aligned::{Scratch, lines, lines_mut};
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::generic::causal_tiles::{PARTS, SQUARE, SQUARE_TILES};
use crate::generic::tiles::STEP;
use crate::lanes::{Chunk, LANES};
use crate::pool::lock;
use crate::table::{AttendBackwardTask, AttendTask, BlockForm, KeyTiles, Pairs, TileKernels};

/// Sizes, in lines.
#[derive(Clone, Copy)]
struct Sizes {
    /// Vectors of a row of a head, filled up to whole steps.
    width: usize,
    /// A block of a head in f32.
    rows: usize,
    /// The same as an operand.
    tiles: usize,
    /// A row of one number for each token of a block, for each number of a head.
    columns: usize,
}

impl Sizes {
    fn new(plan: &CausalPlan<'_>) -> Self {
        let width = plan.head_dim.next_multiple_of(STEP) / LANES;
        let rows = BLOCK * width;
        Self { width, rows, tiles: PARTS * rows / 2, columns: rows }
    }
}

/// Cuts runs of these sizes off scratch memory.
fn cut<const N: usize>(mut rest: &mut [Chunk<f32>], sizes: [usize; N]) -> [&mut [Chunk<f32>]; N] {
    sizes.map(|size| {
        let (own, after) = std::mem::take(&mut rest).split_at_mut(size);
        rest = after;
        own
    })
}

/// Which forms of keys and values are wanted.
const THERE: [(Which, BlockForm); 2] = [(Which::Keys, BlockForm::Rows), (Which::Values, BlockForm::Columns)];
const BACK: [(Which, BlockForm); 3] =
    [(Which::Keys, BlockForm::Rows), (Which::Values, BlockForm::Rows), (Which::Keys, BlockForm::Columns)];

#[derive(Clone, Copy, PartialEq)]
enum Which {
    Keys,
    Values,
}

/// Keys and values of every block and key/value head as operands.
struct Keys<'a> {
    lines: &'a [Chunk<f32>],
    forms: &'static [(Which, BlockForm)],
    sizes: Sizes,
    kv_heads: usize,
}

impl<'a> Keys<'a> {
    fn len(plan: &CausalPlan<'_>, blocks: &[Block], forms: &[(Which, BlockForm)]) -> usize {
        blocks.len() * plan.kv_heads * forms.len() * Sizes::new(plan).tiles
    }

    fn lay(
        cpu: &Cpu,
        kernels: &TileKernels,
        inputs: &Qkv<'_>,
        plan: &CausalPlan<'_>,
        blocks: &[Block],
        forms: &'static [(Which, BlockForm)],
        to: &'a mut [Chunk<f32>],
    ) -> Self {
        let sizes = Sizes::new(plan);
        let len = forms.len() * sizes.tiles;
        let out = Disjoint::new(to);
        cpu.pool.run(blocks.len() * plan.kv_heads, 1, |thread, items| {
            let mut scratch = lock(&cpu.scratch[thread]);
            let [k, v] = cut(scratch.take(2 * sizes.rows), [sizes.rows; 2]);
            for item in items {
                let (block, head) = (&blocks[item / plan.kv_heads], item % plan.kv_heads);
                for (numbers, rows) in [(inputs.k, &mut *k), (inputs.v, &mut *v)] {
                    let heads = Heads { numbers, count: plan.kv_heads, dim: plan.head_dim };
                    heads.gather(head, &block.tokens, 1.0, rows);
                }
                for (i, (which, form)) in forms.iter().enumerate() {
                    // SAFETY: each form of a block of a head is laid once.
                    let to = unsafe { out.piece(item * len + i * sizes.tiles, sizes.tiles) };
                    let from = if *which == Which::Keys { &*k } else { &*v };
                    // SAFETY: `Cpu` holds only rows that are available.
                    unsafe { (kernels.lay_block)(from, *form, to) };
                }
            }
        });
        Keys { lines: to, forms, sizes, kv_heads: plan.kv_heads }
    }

    /// The blocks that a block of queries sees.
    fn seen(&self, block: &Block, index: usize, head: usize) -> Vec<KeyTiles<'_>> {
        let tiles = |index: usize, form: usize| {
            let at = ((index * self.kv_heads + head) * self.forms.len() + form) * self.sizes.tiles;
            lines::<Pairs, _>(&self.lines[at..][..self.sizes.tiles])
        };
        let of =
            |index| KeyTiles { k: tiles(index, 0), v: tiles(index, 1), k_columns: tiles(index, self.forms.len() - 1) };
        (block.first..=index).map(of).collect()
    }
}

/// [`causal_attention`](super::causal_attention) with operands of two bf16.
pub(super) fn forward(
    cpu: &Cpu,
    kernels: &TileKernels,
    inputs: &Qkv<'_>,
    plan: &CausalPlan<'_>,
    [out, log_sums]: [&mut [f32]; 2],
) {
    let (blocks, sizes) = (plan.blocks(), Sizes::new(plan));
    let mut shared = lock(&cpu.shared_scratch);
    let to = shared.take(Keys::len(plan, &blocks, &THERE));
    let keys = Keys::lay(cpu, kernels, inputs, plan, &blocks, &THERE, to);
    let queries = Heads { numbers: inputs.q, count: plan.heads, dim: plan.head_dim };
    let (out, log_sums) = (Disjoint::new(out), Disjoint::new(log_sums));
    cpu.pool.run(blocks.len() * plan.heads, 1, |thread, items| {
        let mut scratch = lock(&cpu.scratch[thread]);
        for item in items {
            // long rows of blocks first, so that the last item is a short one
            let (index, head) = (blocks.len() - 1 - item / plan.heads, item % plan.heads);
            let block = &blocks[index];
            let keys = keys.seen(block, index, plan.kv_head(head));
            let parts = [sizes.rows, sizes.tiles, keys.len() * SQUARE, SQUARE_TILES, sizes.columns];
            let [rows, q, scores, weights, mixed] = cut(scratch.take(parts.iter().sum()), parts);
            queries.gather(head, &block.tokens, plan.scale(), rows);
            // SAFETY: `Cpu` holds only rows that are available.
            unsafe { (kernels.lay_block)(rows, BlockForm::WovenRows, q) };
            let mut sums = [0.0; BLOCK];
            let (q, weights) = (lines(q), lines_mut(weights));
            let mut task = AttendTask { keys: &keys, q, scores, weights, mixed, out: rows, log_sums: &mut sums };
            // SAFETY: as above.
            unsafe { (kernels.attend)(&mut task) };
            for (i, row) in rows.as_flattened().chunks_exact(sizes.width * LANES).enumerate().take(block.tokens.len()) {
                let at = (block.tokens.start + i) * plan.heads + head;
                // SAFETY: each block of a head is one item, and each item is done once.
                let (out, log_sum) = unsafe { (out.piece(at * plan.head_dim, plan.head_dim), log_sums.piece(at, 1)) };
                out.copy_from_slice(&row[..plan.head_dim]);
                log_sum[0] = sums[i];
            }
        }
    });
}

/// [`causal_attention_backward`](super::causal_attention_backward) with operands of two bf16.
pub(super) fn backward(
    cpu: &Cpu,
    kernels: &TileKernels,
    inputs: &Qkv<'_>,
    plan: &CausalPlan<'_>,
    log_sums: &[f32],
    dout: &[f32],
    gradients: AttentionGradients<'_>,
) {
    let (blocks, sizes) = (plan.blocks(), Sizes::new(plan));
    let AttentionGradients { dq, dk, dv } = gradients;
    let documents = starts_of(&blocks);
    let mut shared = lock(&cpu.shared_scratch);
    let parts = [Keys::len(plan, &blocks, &BACK), blocks.len() * plan.heads * 2 * sizes.rows];
    let [to, shares] = cut(shared.take(parts.iter().sum()), parts);
    let keys = Keys::lay(cpu, kernels, inputs, plan, &blocks, &BACK, to);
    let of = |numbers| Heads { numbers, count: plan.heads, dim: plan.head_dim };
    let back = Back { kernels, plan, sizes, keys: &keys, heads: [inputs.q, dout].map(of), log_sums };
    let (dq, all) = (Disjoint::new(dq), Disjoint::new(&mut *shares));
    cpu.pool.run(documents.len() * plan.heads, 1, |thread, items| {
        let mut scratch = lock(&cpu.scratch[thread]);
        for item in items {
            let (document, head) = (&documents[item / plan.heads], item % plan.heads);
            let len = document.len() * 2 * sizes.rows;
            let first = (document.start * plan.heads + head * document.len()) * 2 * sizes.rows;
            // SAFETY: each head of a document is one item, and each item is done once.
            let share = unsafe { all.piece(first, len) };
            share.fill([0.0; LANES]);
            for index in document.clone() {
                back.block((&blocks[index], index), head, &mut scratch, &dq, share);
            }
        }
    });
    add_shares(cpu, plan, &blocks, sizes.width, shares, [dk, dv]);
}

/// What all blocks of the way back share.
struct Back<'a> {
    kernels: &'a TileKernels,
    plan: &'a CausalPlan<'a>,
    sizes: Sizes,
    keys: &'a Keys<'a>,
    /// Queries, and the gradients of outputs.
    heads: [Heads<'a>; 2],
    log_sums: &'a [f32],
}

impl Back<'_> {
    fn block(
        &self,
        (block, index): (&Block, usize),
        head: usize,
        scratch: &mut Scratch,
        dq: &Disjoint<'_, f32>,
        share: &mut [Chunk<f32>],
    ) {
        let (sizes, plan, kernels) = (self.sizes, self.plan, self.kernels);
        let keys = self.keys.seen(block, index, plan.kv_head(head));
        let tiles = [sizes.tiles; 4];
        let others = [sizes.rows, keys.len() * 2 * SQUARE, 3 * SQUARE_TILES, sizes.columns];
        let lines_len = tiles.iter().chain(&others).sum();
        let (laid, rest) = scratch.take(lines_len).split_at_mut(tiles.iter().sum());
        let [q, q_columns, dout, dout_columns] = cut(laid, tiles);
        let [rows, squares, own, mixed] = cut(rest, others);
        let [queries, douts] = &self.heads;
        for (heads, scale, [woven, columns]) in
            [(queries, plan.scale(), [&mut *q, &mut *q_columns]), (douts, 1.0, [&mut *dout, &mut *dout_columns])]
        {
            heads.gather(head, &block.tokens, scale, rows);
            // SAFETY: `Cpu` holds only rows that are available.
            unsafe {
                (kernels.lay_block)(rows, BlockForm::WovenRows, woven);
                (kernels.lay_block)(rows, BlockForm::WovenColumns, columns);
            }
        }
        // (Queries that are not there have gradients of zero, which is all that counts.)
        let mut log_sums = [0.0; BLOCK];
        for (log_sum, token) in log_sums.iter_mut().zip(block.tokens.clone()) {
            *log_sum = self.log_sums[token * plan.heads + head];
        }
        let mut task = AttendBackwardTask {
            keys: &keys,
            q: lines(q),
            dout: lines(dout),
            q_columns: lines(q_columns),
            dout_columns: lines(dout_columns),
            log_sums: &log_sums,
            squares,
            tiles: lines_mut(own),
            mixed,
            shares: &mut share[..keys.len() * 2 * sizes.rows],
            dq: rows,
        };
        // SAFETY: as above.
        unsafe { (kernels.attend_backward)(&mut task) };
        for (i, row) in rows.as_flattened().chunks_exact(sizes.width * LANES).enumerate().take(block.tokens.len()) {
            let at = ((block.tokens.start + i) * plan.heads + head) * plan.head_dim;
            // SAFETY: each head of a document is one item, and each item is done once.
            let dq = unsafe { dq.piece(at, plan.head_dim) };
            dq.iter_mut().zip(row).for_each(|(dq, sum)| *dq = sum * plan.scale());
        }
    }
}
