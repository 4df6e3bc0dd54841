//! One answer of a request inside the engine: its tokens, its blocks, and how far it is.

use super::blocks::BlockPool;
use crate::answer::Answer;
use crate::request::{RequestId, Timings};
use smollm_model::{BLOCK_TOKENS, Span};
use std::time::Instant;

/// A sequence that waits or runs.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) request: RequestId,
    pub(crate) choice: usize,
    /// Prompt and answer so far.
    pub(crate) tokens: Vec<u32>,
    pub(crate) prompt_len: usize,
    /// How many of `tokens` have their keys and values in `blocks`; the next token is drawn when all have.
    pub(crate) computed: usize,
    pub(crate) blocks: Vec<u32>,
    pub(crate) answer: Answer,
    /// Prompt tokens whose log-probabilities are still owed, counted from the end of the prompt, and how many alternatives.
    pub(crate) prompt_logprobs: Option<usize>,
    /// Prompt tokens whose log-probabilities were given.
    pub(crate) prompt_scored: usize,
    /// How often a younger sequence was admitted in its place.
    pub(crate) passed_over: usize,
    pub(crate) clock: Clock,
}

/// When what happened to a sequence.
#[derive(Debug)]
pub(crate) struct Clock {
    arrived: Instant,
    admitted: Option<Instant>,
    first_token: Option<Instant>,
    pub(crate) cached_tokens: usize,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { arrived: Instant::now(), admitted: None, first_token: None, cached_tokens: 0 }
    }

    /// It runs; what was said at its first admission stays.
    pub(crate) fn admitted(&mut self, cached_tokens: usize) {
        if self.admitted.is_none() {
            self.admitted = Some(Instant::now());
            self.cached_tokens = cached_tokens;
        }
    }

    pub(crate) fn token(&mut self) {
        self.first_token.get_or_insert_with(Instant::now);
    }

    /// The times of an answer that ends now.
    fn timings(&self, prompt_len: usize, generated: usize) -> Timings {
        let now = Instant::now();
        let admitted = self.admitted.unwrap_or(now);
        let first = self.first_token.unwrap_or(now);
        Timings {
            queued_s: (admitted - self.arrived).as_secs_f64(),
            cached_tokens: self.cached_tokens,
            prefill_tokens: if self.admitted.is_some() { prompt_len - self.cached_tokens } else { 0 },
            prefill_s: (first - admitted).as_secs_f64(),
            decode_tokens: generated.saturating_sub(1),
            decode_s: (now - first).as_secs_f64(),
        }
    }
}

impl Sequence {
    /// Older requests first, then earlier choices: who is served first and preempted last.
    pub(crate) fn seniority(&self) -> (RequestId, usize) {
        (self.request, self.choice)
    }

    /// Tokens to compute before the next one can be drawn.
    pub(crate) fn pending(&self) -> usize {
        self.tokens.len() - self.computed
    }

    /// Whether it generates: one token goes in and one comes out.
    pub(crate) fn decodes(&self) -> bool {
        self.pending() == 1 && self.tokens.len() > self.prompt_len
    }

    /// Blocks still to be claimed until every token it has now, and the one drawn then, has its place.
    pub(crate) fn missing_blocks(&self) -> usize {
        (self.tokens.len() + 1).div_ceil(BLOCK_TOKENS).saturating_sub(self.blocks.len())
    }

    /// How many more blocks `count` more computed tokens need.
    pub(crate) fn blocks_for(&self, count: usize) -> usize {
        (self.computed + count).div_ceil(BLOCK_TOKENS).saturating_sub(self.blocks.len())
    }

    /// The next `count` tokens as part of a batch.
    pub(crate) fn span(&self, count: usize) -> (&[u32], Span) {
        let span = Span { len: count, position: self.computed, block_table: self.blocks.clone() };
        (&self.tokens[self.computed..self.computed + count], span)
    }

    /// Gives all blocks back; everything will be computed anew.
    pub(crate) fn release(&mut self, pool: &mut BlockPool) {
        // The last first: whoever keeps blocks for later keeps the beginning longest.
        for block in self.blocks.drain(..).rev() {
            pool.release(block);
        }
        self.computed = 0;
    }

    pub(crate) fn timings(&self) -> Timings {
        self.clock.timings(self.prompt_len, self.answer.generated())
    }
}
