//! What one forward pass works on: ragged tokens of several sequences, and where each sequence's K/V lives.

use crate::adapter::LoraWeights;
use crate::kv::BLOCK_TOKENS;
use smollm_kernels::KvSlot;
use std::borrow::Cow;
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
    /// Position before which its tokens are of the prompt class, see [`Model::prompt_end`](crate::Model::prompt_end).
    pub prompt_end: usize,
    /// What its tokens are computed with besides the model.
    pub adapter: Option<Arc<LoraWeights>>,
}

/// A batch in the order in which it is computed.
pub(crate) struct ByClass<'a> {
    pub(crate) batch: Cow<'a, Batch>,
    /// Rows of the prompt class, which come first.
    pub(crate) prompt_rows: usize,
    /// Which rows of the original batch these are, run by run.
    pub(crate) rows: Vec<Range<usize>>,
}

impl Span {
    /// How many of its tokens are of the prompt class; they come first.
    fn of_prompt(&self) -> usize {
        self.prompt_end.saturating_sub(self.position).min(self.len)
    }
}

impl Batch {
    /// A batch of one sequence, whose tokens before `prompt_end` are of the prompt class.
    pub fn single(tokens: Vec<u32>, position: usize, block_table: Vec<u32>, prompt_end: usize) -> Self {
        let span = Span { len: tokens.len(), position, block_table, prompt_end, adapter: None };
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

    /// The batch with all tokens of the prompt class first: sequences with both classes cut in two.
    pub(crate) fn by_class(&self) -> ByClass<'_> {
        let of_prompt: Vec<usize> = self.sequences.iter().map(Span::of_prompt).collect();
        let prompt_rows = of_prompt.iter().sum();
        if prompt_rows == 0 || prompt_rows == self.len() {
            return ByClass { batch: Cow::Borrowed(self), prompt_rows, rows: std::iter::once(0..self.len()).collect() };
        }
        let (mut batch, mut rows) = (Self::default(), Vec::new());
        for prompt in [true, false] {
            let mut start = 0;
            for (span, &count) in self.sequences.iter().zip(&of_prompt) {
                let part = if prompt { 0..count } else { count..span.len };
                if !part.is_empty() {
                    let own = start + part.start..start + part.end;
                    batch.tokens.extend_from_slice(&self.tokens[own.clone()]);
                    let position = span.position + part.start;
                    batch.sequences.push(Span { len: part.len(), position, ..span.clone() });
                    rows.push(own);
                }
                start += span.len;
            }
        }
        ByClass { batch: Cow::Owned(batch), prompt_rows, rows }
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

#[cfg(test)]
mod tests;
