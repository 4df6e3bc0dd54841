//! The way back.

use super::blocks::{BLOCK_STEPS, Heads, Product};
use super::forward::{Attend, Form, Keys, SQUARE};
use super::{BLOCK, Block, CausalPlan, Qkv, tiled};
use crate::aligned::Scratch;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::dtype::Dtype;
use crate::lanes::{Chunk, LANES};
use crate::pool::lock;
use crate::table::Reach;
use std::ops::Range;

/// Where the gradients of q (N x H x D), k and v (N x G x D) go; overwritten.
#[derive(Debug)]
pub struct AttentionGradients<'a> {
    #[allow(missing_docs, reason = "the names are the field's own")]
    pub dq: &'a mut [f32],
    #[allow(missing_docs, reason = "the names are the field's own")]
    pub dk: &'a mut [f32],
    #[allow(missing_docs, reason = "the names are the field's own")]
    pub dv: &'a mut [f32],
}

/// The gradients of [`causal_attention`](super::causal_attention) for the gradient `dout` (N x H x D) of its output `out`. With
/// weights p = exp(score - log_sum): dv = p^T dout, dp = dout v^T, dscore = p (dp - sum(dout out)), dq = dscore k / sqrt(D), dk = dscore^T
/// q / sqrt(D) (Dao et al. 2022, arXiv:2205.14135, appendix B).
///
/// # Panics
/// If shapes do not fit, or documents do not follow each other.
pub fn causal_attention_backward(
    cpu: &Cpu,
    inputs: Qkv<'_>,
    plan: &CausalPlan<'_>,
    [out, log_sums]: [&[f32]; 2],
    dout: &[f32],
    gradients: AttentionGradients<'_>,
) {
    plan.check(&inputs);
    let AttentionGradients { dq, dk, dv } = gradients;
    assert!(
        out.len() == inputs.q.len() && dout.len() == out.len() && dq.len() == out.len(),
        "causal_attention: N x H x D"
    );
    assert!(dk.len() == inputs.k.len() && dv.len() == inputs.v.len(), "causal_attention: dk and dv are not N x G x D");
    assert_eq!(log_sums.len(), plan.tokens() * plan.heads, "causal_attention: log_sums are not N x H");
    if let (Some(tiles), Dtype::BF16) = (&cpu.kernels.tiles, plan.dtype) {
        let gradients = AttentionGradients { dq, dk, dv };
        return tiled::backward(cpu, tiles, &inputs, plan, log_sums, dout, gradients);
    }
    let blocks = plan.blocks();
    let keys = Keys::new(cpu, &inputs, plan, &blocks, &BACK);
    let heads = |numbers| Heads { numbers, count: plan.heads, dim: plan.head_dim };
    let attend = Attend { kernels: cpu.kernels, plan, q: heads(inputs.q), keys: &keys, blocks: &blocks };
    let given = Given { out: heads(out), dout: heads(dout), log_sums };
    // each query head has gradients of the keys and values of its own, which are added up afterwards, always in one order
    let mut shares = vec![[0.0; LANES]; blocks.len() * plan.heads * 2 * BLOCK * keys.steps];
    let (dq, all) = (Disjoint::new(dq), Disjoint::new(&mut shares));
    let starts = starts_of(&blocks);
    cpu.pool.run(starts.len() * plan.heads, 1, |thread, items| {
        let mut scratch = lock(&cpu.scratch[thread]);
        for item in items {
            let (document, head) = (&starts[item / plan.heads], item % plan.heads);
            let len = document.len() * 2 * BLOCK * keys.steps;
            let first = (document.start * plan.heads + head * document.len()) * 2 * BLOCK * keys.steps;
            // SAFETY: each head of a document is one item, and each item is done once.
            let share = unsafe { all.piece(first, len) };
            for index in document.clone() {
                attend.block_backward(index, head, &given, &mut scratch, &dq, share);
            }
        }
    });
    add_shares(cpu, plan, &blocks, keys.steps, &shares, [dk, dv]);
}

/// What the way back wants.
const BACK: [Form; 3] = [Form::K, Form::TurnedK, Form::TurnedV];

/// The blocks of each document.
pub(super) fn starts_of(blocks: &[Block]) -> Vec<Range<usize>> {
    let mut starts: Vec<Range<usize>> = Vec::new();
    for index in 0..blocks.len() {
        match starts.last_mut() {
            Some(last) if blocks[index].first == last.start => last.end = index + 1,
            _ => starts.push(index..index + 1),
        }
    }
    starts
}

/// Adds up what the query heads of a key/value head have found of its keys and its values: for each document and head of it those of each
/// block, rows of `steps` vectors.
pub(super) fn add_shares(
    cpu: &Cpu,
    plan: &CausalPlan<'_>,
    blocks: &[Block],
    steps: usize,
    shares: &[Chunk<f32>],
    gradients: [&mut [f32]; 2],
) {
    let documents = starts_of(blocks);
    for (i, out) in gradients.into_iter().enumerate() {
        let out = Disjoint::new(out);
        cpu.pool.run(blocks.len() * plan.kv_heads, 1, |_, items| {
            for item in items {
                let (index, kv_head) = (item / plan.kv_heads, item % plan.kv_heads);
                let (block, group) = (&blocks[index], plan.heads / plan.kv_heads);
                let document =
                    documents.iter().find(|document| document.contains(&index)).expect("a block has a document");
                for token in 0..block.tokens.len() {
                    let at = ((block.tokens.start + token) * plan.kv_heads + kv_head) * plan.head_dim;
                    // SAFETY: each block of a key/value head is one item, and each item is done once.
                    let to = unsafe { out.piece(at, plan.head_dim) };
                    to.fill(0.0);
                    for head in kv_head * group..(kv_head + 1) * group {
                        let share = (document.start * plan.heads + head * document.len()) * 2;
                        let own = (share + (index - document.start) * 2 + i) * BLOCK * steps;
                        let row = shares[own + token * steps..][..steps].as_flattened();
                        to.iter_mut().zip(row).for_each(|(to, from)| *to += from);
                    }
                }
            }
        });
    }
}

/// What the way back is given beside the inputs.
struct Given<'a> {
    out: Heads<'a>,
    dout: Heads<'a>,
    log_sums: &'a [f32],
}

impl Attend<'_> {
    /// One block of queries of one head: its dq, and what it adds to `share`, the dk and dv of each block of the document.
    fn block_backward(
        &self,
        index: usize,
        head: usize,
        given: &Given<'_>,
        scratch: &mut Scratch,
        dq: &Disjoint<'_, f32>,
        share: &mut [Chunk<f32>],
    ) {
        let (block, steps, dim) = (&self.blocks[index], self.keys.steps, self.plan.head_dim);
        let (kernels, kv_head) = (self.kernels, self.plan.kv_head(head));
        let seen = index + 1 - block.first;
        let part = BLOCK * steps;
        let sizes = [part, part, part, SQUARE, seen * SQUARE];
        let mut rest = scratch.take(sizes.iter().sum::<usize>());
        let [q, dout, sum, d_score, weights] = sizes.map(|size| {
            let (own, after) = std::mem::take(&mut rest).split_at_mut(size);
            rest = after;
            own
        });
        self.q.gather(head, &block.tokens, self.plan.scale(), q);
        given.dout.gather(head, &block.tokens, 1.0, dout);
        self.scores(index, kv_head, q, weights);
        let mut inner = [0.0; BLOCK];
        for i in 0..block.tokens.len() {
            let row = (block.tokens.start + i) * self.plan.heads + head;
            let own = row * dim..(row + 1) * dim;
            // SAFETY: `Cpu` holds only rows that are available.
            inner[i] = unsafe { (kernels.training.dot)(&given.out.numbers[own.clone()], &given.dout.numbers[own]) };
            for part in self.visible(i, weights) {
                // SAFETY: as above.
                unsafe { (kernels.training.exp_minus)(part, given.log_sums[row]) };
            }
        }
        for (j, weights) in weights.chunks_exact_mut(SQUARE).enumerate() {
            let (other, own) = (block.first + j, block.first + j == index);
            let (queries, keys) = (block.tokens.len(), self.blocks[other].tokens.len());
            let reach = |of_own| if own { of_own } else { Reach::All };
            let (dk, dv) = share[j * 2 * part..][..2 * part].split_at_mut(part);
            // the queries of its own block are the first to see a key
            let adds = !own;
            let by_keys =
                |a, b| Product { a, strides: [1, BLOCK], b, rows: keys, inner: queries, reach: reach(Reach::After) };
            by_keys(weights, dout).write(kernels, dv, steps, adds);
            Product {
                a: dout,
                strides: [steps * LANES, 1],
                b: self.keys.get(Form::TurnedV, other, kv_head),
                rows: queries,
                inner: dim,
                reach: reach(Reach::Below),
            }
            .write(kernels, d_score, BLOCK_STEPS, false);
            let rows =
                d_score.as_flattened_mut().chunks_exact_mut(BLOCK).zip(weights.as_flattened().chunks_exact(BLOCK));
            for ((row, weights), inner) in rows.zip(inner).take(queries) {
                row.iter_mut().zip(weights).for_each(|(d, weight)| *d = weight * (*d - inner));
            }
            Product {
                a: d_score,
                strides: [BLOCK, 1],
                b: self.keys.get(Form::K, other, kv_head),
                rows: queries,
                inner: keys,
                reach: reach(Reach::Before),
            }
            .write(kernels, sum, steps, j > 0);
            by_keys(d_score, q).write(kernels, dk, steps, adds);
        }
        for (i, row) in sum.as_flattened().chunks_exact(steps * LANES).enumerate().take(block.tokens.len()) {
            // SAFETY: each head of a document is one item, and each item is done once.
            let dq = unsafe { dq.piece(((block.tokens.start + i) * self.plan.heads + head) * dim, dim) };
            dq.iter_mut().zip(row).for_each(|(dq, sum)| *dq = sum * self.plan.scale());
        }
    }
}
