//! Which queries of a batch see the same keys: sequences that begin with the same blocks read those once, together.

use super::{PARTITION, TILE_ROWS};
use std::collections::HashMap;

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

/// The queries of a batch, and which partitions of keys several sequences have in common. Made once for all layers.
#[derive(Debug)]
pub struct AttentionPlan<'a> {
    pub(super) spans: Vec<AttentionSpan<'a>>,
    pub(super) shared: Vec<SharedPartition<'a>>,
    /// Of each span, for each partition up to its last shared one: where the shared results are.
    places: Vec<Vec<Option<Place>>>,
    /// Tokens of a block, as the caches that this is for have them.
    pub(super) block_tokens: usize,
    /// Query heads that share a key/value head.
    pub(super) group: usize,
}

/// A partition of keys that the queries of several spans see whole.
#[derive(Debug)]
pub(super) struct SharedPartition<'a> {
    pub(super) partition: usize,
    /// Rows of `q` of their tokens.
    pub(super) tokens: Vec<usize>,
    /// Blocks of a sequence that has it.
    pub(super) block_table: &'a [u32],
}

/// Where a span finds what was computed for it together with others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Which of the shared partitions.
    pub(super) shared: usize,
    /// Its first token among those.
    pub(super) token: usize,
}

impl<'a> AttentionPlan<'a> {
    /// For caches of blocks of `block_tokens` and `group` query heads to a key/value head. Spans ascend in `q_start` and do not
    /// overlap. What is shared changes no bit of a result.
    ///
    /// # Panics
    /// If a block table is too short.
    pub fn new(spans: Vec<AttentionSpan<'a>>, block_tokens: usize, group: usize) -> Self {
        for span in &spans {
            let blocks = (span.position + span.q_len).div_ceil(block_tokens);
            assert!(span.q_len == 0 || span.block_table.len() >= blocks, "attention: a block table lacks blocks");
        }
        let places = vec![Vec::new(); spans.len()];
        let mut plan = Self { spans, shared: Vec::new(), places, block_tokens, group };
        if PARTITION.is_multiple_of(block_tokens) {
            plan.share();
        }
        plan
    }

    /// Groups the spans with few queries by the blocks of each partition that they see whole. Those with many share what they load
    /// among their own queries.
    fn share(&mut self) {
        let most = (TILE_ROWS / self.group).max(1);
        let few: Vec<usize> =
            (0..self.spans.len()).filter(|&i| (1..=most / 2).contains(&self.spans[i].q_len)).collect();
        if few.len() < 2 {
            return;
        }
        let blocks = PARTITION / self.block_tokens;
        let mut partition = 0;
        loop {
            let mut same: HashMap<&[u32], Vec<usize>> = HashMap::new();
            for &index in &few {
                let span = &self.spans[index];
                if span.position + 1 >= (partition + 1) * PARTITION {
                    same.entry(&span.block_table[partition * blocks..][..blocks]).or_default().push(index);
                }
            }
            let mut groups: Vec<Vec<usize>> = same.into_values().filter(|group| group.len() > 1).collect();
            if groups.is_empty() {
                return; // sequences that part do not meet again
            }
            groups.sort_unstable(); // an order of its own, not that of a hash
            for group in groups {
                self.share_partition(partition, &group, most);
            }
            partition += 1;
        }
    }

    /// Enters one partition that all spans of `group` see, in as many pieces as fit tiles of at most `most` tokens.
    fn share_partition(&mut self, partition: usize, group: &[usize], most: usize) {
        let mut tokens: Vec<usize> = Vec::new();
        let block_table = self.spans[group[0]].block_table;
        for &index in group {
            let span = self.spans[index];
            if tokens.len() + span.q_len > most {
                let tokens = std::mem::take(&mut tokens);
                self.shared.push(SharedPartition { partition, tokens, block_table });
            }
            let place = Place { shared: self.shared.len(), token: tokens.len() };
            self.places[index].resize(partition, None);
            self.places[index].push(Some(place));
            tokens.extend(span.q_start..span.q_start + span.q_len);
        }
        self.shared.push(SharedPartition { partition, tokens, block_table });
    }

    /// Where span number `span` finds its part of a partition that was computed together with others.
    pub(super) fn place(&self, span: usize, partition: usize) -> Option<Place> {
        self.places[span].get(partition).copied().flatten()
    }
}
