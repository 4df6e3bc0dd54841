//! What one forward pass works on: ragged tokens of several sequences, and where each sequence's K/V lives.

use crate::adapter::LoraWeights;
use crate::kv::BLOCK_TOKENS;
use smollm_kernels::KvSlot;
use std::ops::Range;
use std::sync::Arc;

/// N tokens of one or more sequences. Prefill, decode and any mixture of the two differ only in this data.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// N token ids, sequence after sequence.
    pub tokens: Vec<u32>,
    /// The sequences, in the order of their tokens.
    pub sequences: Vec<Span>,
}

/// The part of a batch that belongs to one sequence.
#[derive(Debug, Clone)]
pub struct Span {
    /// How many tokens of the batch are its own.
    pub len: usize,
    /// Position of its first token in this batch; earlier positions are already in the cache.
    pub position: usize,
    /// The blocks that hold its K/V, in order of position, enough for `position + len` tokens.
    pub block_table: Vec<u32>,
    /// What its tokens are computed with besides the model.
    pub adapter: Option<Arc<LoraWeights>>,
}

impl Batch {
    /// A batch of one sequence.
    pub fn single(tokens: Vec<u32>, position: usize, block_table: Vec<u32>) -> Self {
        let span = Span { len: tokens.len(), position, block_table, adapter: None };
        Self { tokens, sequences: vec![span] }
    }

    /// N.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// No tokens at all.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The position of each token in its sequence.
    pub fn positions(&self) -> impl Iterator<Item = usize> {
        self.sequences.iter().flat_map(|s| s.position..s.position + s.len)
    }

    /// The rows that are computed with an adapter; neighbours with the same go together.
    pub(crate) fn adapted(&self) -> Vec<(Range<usize>, &LoraWeights)> {
        let mut adapted: Vec<(Range<usize>, &LoraWeights)> = Vec::new();
        let mut start = 0;
        for span in &self.sequences {
            let rows = start..start + span.len;
            start = rows.end;
            let Some(adapter) = span.adapter.as_deref() else { continue };
            match adapted.last_mut() {
                Some((last, same)) if last.end == rows.start && same.id() == adapter.id() => last.end = rows.end,
                _ => adapted.push((rows, adapter)),
            }
        }
        adapted
    }

    /// Where each token's K and V are written.
    pub(crate) fn slots(&self) -> Vec<KvSlot> {
        let slot = |table: &[u32], position: usize| KvSlot {
            block: table[position / BLOCK_TOKENS],
            offset: (position % BLOCK_TOKENS) as u32,
        };
        self.sequences
            .iter()
            .flat_map(|s| (s.position..s.position + s.len).map(move |p| slot(&s.block_table, p)))
            .collect()
    }
}
