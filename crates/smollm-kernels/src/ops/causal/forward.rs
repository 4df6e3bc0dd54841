//! The way there.

use super::blocks::{BLOCK_STEPS, Heads, Product, turned};
use super::{BLOCK, Block, CausalPlan, Qkv, tiled};
use crate::aligned::Scratch;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::dtype::Dtype;
use crate::generic::matmul::vectors;
use crate::lanes::{Chunk, LANES};
use crate::pool::lock;
use crate::table::{Kernels, Reach};

/// out (N x H x D) = softmax(q k^T / sqrt(D)) v, each token over those of its document up to itself, and `log_sums` (N x H), the logarithms
/// of the denominators, which the way back wants.
///
/// # Panics
/// If shapes do not fit, or documents do not follow each other.
pub fn causal_attention(cpu: &Cpu, inputs: Qkv<'_>, plan: &CausalPlan<'_>, out: &mut [f32], log_sums: &mut [f32]) {
    plan.check(&inputs);
    assert_eq!(out.len(), inputs.q.len(), "causal_attention: out is not N x H x D");
    assert_eq!(log_sums.len(), plan.tokens() * plan.heads, "causal_attention: log_sums are not N x H");
    if let (Some(tiles), Dtype::BF16) = (&cpu.kernels.tiles, plan.dtype) {
        return tiled::forward(cpu, tiles, &inputs, plan, [out, log_sums]);
    }
    let blocks = plan.blocks();
    let keys = Keys::new(cpu, &inputs, plan, &blocks, &THERE);
    let q = Heads { numbers: inputs.q, count: plan.heads, dim: plan.head_dim };
    let attend = Attend { kernels: cpu.kernels, plan, q, keys: &keys, blocks: &blocks };
    let (out, log_sums) = (Disjoint::new(out), Disjoint::new(log_sums));
    cpu.pool.run(blocks.len() * plan.heads, 1, |thread, items| {
        let mut scratch = lock(&cpu.scratch[thread]);
        for item in items {
            // long rows of blocks first, so that the last item is a short one
            let (index, head) = (blocks.len() - 1 - item / plan.heads, item % plan.heads);
            attend.block(index, head, &mut scratch, &out, &log_sums);
        }
    });
}

/// A form of the keys or the values of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// A row for each token.
    K,
    /// The same of the values.
    V,
    /// A row for each number of a key.
    TurnedK,
    /// The same of the values.
    TurnedV,
}

/// What the way there wants.
const THERE: [Form; 2] = [Form::TurnedK, Form::V];

/// Keys and values of every block and key/value head, in the forms in which products take them.
pub(super) struct Keys {
    /// Vectors of a row of D numbers.
    pub(super) steps: usize,
    kv_heads: usize,
    forms: &'static [Form],
    lines: Vec<Chunk<f32>>,
}

impl Keys {
    pub(super) fn new(
        cpu: &Cpu,
        inputs: &Qkv<'_>,
        plan: &CausalPlan<'_>,
        blocks: &[Block],
        forms: &'static [Form],
    ) -> Self {
        let steps = vectors(plan.head_dim);
        let mut keys = Self { steps, kv_heads: plan.kv_heads, forms, lines: Vec::new() };
        let (len, part) = (forms.len() * keys.part(), keys.part());
        keys.lines = vec![[0.0; LANES]; blocks.len() * plan.kv_heads * len];
        let out = Disjoint::new(&mut keys.lines);
        cpu.pool.run(blocks.len() * plan.kv_heads, 1, |thread, items| {
            let mut scratch = lock(&cpu.scratch[thread]);
            let rows = scratch.take(part);
            for item in items {
                let (block, head) = (&blocks[item / plan.kv_heads], item % plan.kv_heads);
                // SAFETY: each block of a head is one item, and each item is done once.
                let own = unsafe { out.piece(item * len, len) };
                for (form, to) in forms.iter().zip(own.chunks_exact_mut(part)) {
                    let numbers = if matches!(form, Form::K | Form::TurnedK) { inputs.k } else { inputs.v };
                    let heads = Heads { numbers, count: plan.kv_heads, dim: plan.head_dim };
                    match form {
                        Form::K | Form::V => heads.gather(head, &block.tokens, 1.0, to),
                        Form::TurnedK | Form::TurnedV => {
                            heads.gather(head, &block.tokens, 1.0, rows);
                            turned(cpu.kernels, rows, to);
                        }
                    }
                }
            }
        });
        keys
    }

    /// Vectors of a block of one head in one form: as many rows as tokens, or as there are numbers in whole vectors.
    fn part(&self) -> usize {
        BLOCK * self.steps
    }

    /// A block of a head.
    ///
    /// # Panics
    /// If it was not made in this form.
    pub(super) fn get(&self, form: Form, block: usize, head: usize) -> &[Chunk<f32>] {
        let at = self.forms.iter().position(|made| *made == form).expect("the form was made");
        &self.lines[((block * self.kv_heads + head) * self.forms.len() + at) * self.part()..][..self.part()]
    }
}

/// What all blocks of queries share.
pub(super) struct Attend<'a> {
    pub(super) kernels: &'a Kernels,
    pub(super) plan: &'a CausalPlan<'a>,
    pub(super) q: Heads<'a>,
    pub(super) keys: &'a Keys,
    pub(super) blocks: &'a [Block],
}

/// The scores of a block of queries: a square for each block of keys, a row for each query.
pub(super) const SQUARE: usize = BLOCK * BLOCK_STEPS;

impl Attend<'_> {
    /// One block of queries of one head.
    fn block(
        &self,
        index: usize,
        head: usize,
        scratch: &mut Scratch,
        out: &Disjoint<'_, f32>,
        log_sums: &Disjoint<'_, f32>,
    ) {
        let (block, steps, dim) = (&self.blocks[index], self.keys.steps, self.plan.head_dim);
        let kv_head = self.plan.kv_head(head);
        let seen = index + 1 - block.first;
        let part = BLOCK * steps;
        let lines = scratch.take(2 * part + seen * SQUARE);
        let (q, lines) = lines.split_at_mut(part);
        let (mixed, scores) = lines.split_at_mut(part);
        self.q.gather(head, &block.tokens, self.plan.scale(), q);
        self.scores(index, kv_head, q, scores);
        let mut sums = [0.0; BLOCK];
        for i in 0..block.tokens.len() {
            let max = self.visible(i, scores).fold(f32::NEG_INFINITY, |max, part| {
                // SAFETY: `Cpu` holds only rows that are available.
                max.max(unsafe { (self.kernels.training.max)(part) })
            });
            // SAFETY: as above.
            sums[i] = self.visible(i, scores).map(|part| unsafe { (self.kernels.training.exp_minus)(part, max) }).sum();
            // SAFETY: each block of a head is one item, and each item is done once.
            let log_sum = unsafe { log_sums.piece((block.tokens.start + i) * self.plan.heads + head, 1) };
            log_sum[0] = max + sums[i].ln();
        }
        for (j, weights) in scores.chunks_exact(SQUARE).enumerate() {
            let other = block.first + j;
            Product {
                a: weights,
                strides: [BLOCK, 1],
                b: self.keys.get(Form::V, other, kv_head),
                rows: block.tokens.len(),
                inner: self.blocks[other].tokens.len(),
                reach: if other == index { Reach::Before } else { Reach::All },
            }
            .write(self.kernels, mixed, steps, j > 0);
        }
        for (i, row) in mixed.as_flattened().chunks_exact(steps * LANES).enumerate().take(block.tokens.len()) {
            // SAFETY: as above.
            let out = unsafe { out.piece(((block.tokens.start + i) * self.plan.heads + head) * dim, dim) };
            out.iter_mut().zip(row).for_each(|(out, mixed)| *out = mixed / sums[i]);
        }
    }

    /// The scores of the queries of a block with every block of keys that it sees; zero where a query must not see a key.
    pub(super) fn scores(&self, index: usize, kv_head: usize, q: &[Chunk<f32>], scores: &mut [Chunk<f32>]) {
        let block = &self.blocks[index];
        for (j, square) in scores.chunks_exact_mut(SQUARE).enumerate() {
            let other = block.first + j;
            Product {
                a: q,
                strides: [self.keys.steps * LANES, 1],
                b: self.keys.get(Form::TurnedK, other, kv_head),
                rows: block.tokens.len(),
                inner: self.plan.head_dim,
                reach: if other == index { Reach::Below } else { Reach::All },
            }
            .write(self.kernels, square, BLOCK_STEPS, false);
        }
        let own = scores.len() - SQUARE;
        for (i, row) in scores[own..].as_flattened_mut().chunks_exact_mut(BLOCK).enumerate() {
            row[i + 1..].fill(0.0);
        }
    }

    /// The scores that query i of a block sees, block of keys by block.
    pub(super) fn visible<'s>(&self, i: usize, scores: &'s mut [Chunk<f32>]) -> impl Iterator<Item = &'s mut [f32]> {
        let squares = scores.len() / SQUARE;
        scores.chunks_exact_mut(SQUARE).enumerate().map(move |(j, square)| {
            let row = &mut square.as_flattened_mut()[i * BLOCK..][..BLOCK];
            if j + 1 < squares { row } else { &mut row[..i + 1] }
        })
    }
}
