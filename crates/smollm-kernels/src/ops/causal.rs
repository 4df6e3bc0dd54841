//! Attention of whole documents to themselves, as training has it: keys and values are the batch's own, and there is a way back.
//!
//! Everything is done in blocks of [`BLOCK`] tokens of one document: a block of queries meets the blocks of keys up to its own, whose products are
//! those of small matrices. Which blocks these are hangs on the document alone, so neither its neighbours in the batch nor the number of
//! threads change a bit.

mod backward;
mod blocks;
mod forward;
mod tiled;

pub use backward::{AttentionGradients, causal_attention_backward};
pub use forward::causal_attention;

use crate::dtype::Dtype;
use std::ops::Range;

/// Tokens of a block.
const BLOCK: usize = 64;

/// The shape of attention in training, and which tokens see each other.
#[derive(Debug, Clone, Copy)]
pub struct CausalPlan<'a> {
    /// The documents: runs of the N tokens, one after the other; each token sees those of its own before it, and itself.
    pub documents: &'a [Range<usize>],
    /// H.
    pub heads: usize,
    /// G, which H is a multiple of: H / G query heads in a row share a key/value head.
    pub kv_heads: usize,
    /// D.
    pub head_dim: usize,
    /// F32, or BF16 where operands of products may be rounded: to two bf16 each where there is a tile unit, so to 16 bits.
    pub dtype: Dtype,
}

/// The inputs of attention: q (N x H x D), k and v (N x G x D).
#[derive(Debug, Clone, Copy)]
pub struct Qkv<'a> {
    #[allow(missing_docs, reason = "the names are the field's own")]
    pub q: &'a [f32],
    #[allow(missing_docs, reason = "the names are the field's own")]
    pub k: &'a [f32],
    #[allow(missing_docs, reason = "the names are the field's own")]
    pub v: &'a [f32],
}

impl CausalPlan<'_> {
    /// N.
    fn tokens(&self) -> usize {
        self.documents.last().map_or(0, |document| document.end)
    }

    fn check(&self, inputs: &Qkv<'_>) {
        assert!(
            self.kv_heads > 0 && self.heads.is_multiple_of(self.kv_heads),
            "causal_attention: H is no multiple of G"
        );
        assert!(self.head_dim > 0, "causal_attention: D is zero");
        let follow = |(at, document): (usize, &Range<usize>)| (at == document.start).then_some(document.end);
        let end = self.documents.iter().try_fold(0, |at, document| follow((at, document)).filter(|end| *end >= at));
        let tokens = end.expect("causal_attention: documents follow each other");
        assert_eq!(inputs.q.len(), tokens * self.heads * self.head_dim, "causal_attention: q is not N x H x D");
        for (numbers, name) in [(inputs.k, "k"), (inputs.v, "v")] {
            assert_eq!(
                numbers.len(),
                tokens * self.kv_heads * self.head_dim,
                "causal_attention: {name} is not N x G x D"
            );
        }
    }

    /// The key/value head of a query head.
    fn kv_head(&self, head: usize) -> usize {
        head / (self.heads / self.kv_heads)
    }

    /// What scores are multiplied by, 1 / sqrt(D).
    fn scale(&self) -> f32 {
        1.0 / (self.head_dim as f32).sqrt()
    }

    /// The blocks of all documents, document by document.
    fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        for document in self.documents {
            let first = blocks.len();
            for start in document.clone().step_by(BLOCK) {
                blocks.push(Block { tokens: start..document.end.min(start + BLOCK), first });
            }
        }
        blocks
    }
}

/// Some tokens of a document.
#[derive(Debug, Clone)]
struct Block {
    tokens: Range<usize>,
    /// The index of the first block of the document.
    first: usize,
}
