//! One answer of a request inside the engine: its tokens, its blocks, and how far it is.

use super::blocks::BlockPool;
use super::gate::Acceptance;
use super::prefix::{BlockKey, Place};
use crate::answer::Answer;
use crate::error::EngineError;
use crate::pooling::Pooled;
use crate::request::{RequestId, Timings};
use smollm_model::{BLOCK_TOKENS, LoraWeights, Model, Span};
use std::sync::Arc;
use std::time::Instant;

/// Which sequence; older requests come first, then earlier choices.
pub(crate) type Seniority = (RequestId, usize);

/// A sequence that waits or runs.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) request: RequestId,
    pub(crate) choice: usize,
    /// Its name for whoever guesses its tokens.
    pub(crate) key: u64,
    /// Prompt and answer so far.
    pub(crate) tokens: Vec<u32>,
    pub(crate) prompt_len: usize,
    /// How many of the prompt's tokens are of the prompt class; whole blocks.
    pub(crate) prompt_end: usize,
    /// How many of `tokens` have their keys and values in `blocks`; the next token is drawn when all have.
    pub(crate) computed: usize,
    pub(crate) blocks: Vec<u32>,
    /// How many of `blocks` are full and known to all, and the place after them.
    pub(crate) published: usize,
    pub(crate) place: Place,
    /// The place before its first token.
    pub(crate) root: Place,
    /// Whether it waits for the first choice of its request to read the prompt for all.
    pub(crate) follows: bool,
    /// Whether it may begin with blocks that others computed.
    pub(crate) reuses: bool,
    /// Whether it gave its blocks back once.
    pub(crate) restarted: bool,
    pub(crate) answer: Answer,
    pub(crate) adapter: Option<Arc<LoraWeights>>,
    /// Prompt tokens whose log-probabilities are still owed, counted from the end of the prompt, and how many alternatives.
    pub(crate) prompt_logprobs: Option<usize>,
    /// Prompt tokens whose log-probabilities were given.
    pub(crate) prompt_scored: usize,
    /// The vector that is made of its prompt.
    pub(crate) pooled: Option<Pooled>,
    /// Prompt tokens that were reported as read; after a restart nothing is said twice.
    pub(crate) reported: usize,
    /// How often a younger sequence was admitted in its place.
    pub(crate) passed_over: usize,
    /// Guesses that are verified in this step, whether rules force them, how many of them were right, and how good guesses were before.
    pub(crate) draft: Vec<u32>,
    pub(crate) forced: bool,
    pub(crate) right: usize,
    pub(crate) acceptance: Option<Acceptance>,
    pub(crate) clock: Clock,
}

/// When what happened to a sequence.
#[derive(Debug)]
pub(crate) struct Clock {
    arrived: Instant,
    admitted: Option<Instant>,
    first_token: Option<Instant>,
    /// Prompt tokens that it found computed.
    pub(crate) cached_tokens: usize,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { arrived: Instant::now(), admitted: None, first_token: None, cached_tokens: 0 }
    }

    /// It runs, perhaps again.
    pub(crate) fn admitted(&mut self) {
        self.admitted.get_or_insert_with(Instant::now);
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
    pub(crate) fn seniority(&self) -> Seniority {
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

    /// `count` of the pending tokens, or as many less as leave whole blocks computed: only those can be shared.
    pub(crate) fn whole_blocks(&self, count: usize) -> usize {
        let ragged = (self.computed + count) % BLOCK_TOKENS;
        if count < self.pending() && ragged < count { count - ragged } else { count }
    }

    /// Blocks still to be claimed until every token it has now, and the one drawn then, has its place.
    pub(crate) fn missing_blocks(&self) -> usize {
        (self.tokens.len() + 1).div_ceil(BLOCK_TOKENS).saturating_sub(self.blocks.len())
    }

    /// How many more blocks `count` more computed tokens need.
    pub(crate) fn blocks_for(&self, count: usize) -> usize {
        (self.computed + count).div_ceil(BLOCK_TOKENS).saturating_sub(self.blocks.len())
    }

    /// The next `count` tokens, guesses at the end, as part of a batch.
    pub(crate) fn span(&self, count: usize) -> (impl Iterator<Item = u32> + '_, Span) {
        let (block_table, adapter) = (self.blocks.clone(), self.adapter.clone());
        let (position, prompt_end) = (self.computed, self.prompt_end);
        let span = Span { len: count, position, block_table, prompt_end, adapter };
        let own = &self.tokens[self.computed..][..count - self.draft.len()];
        (own.iter().chain(&self.draft).copied(), span)
    }

    /// Gives all blocks back; everything will be computed anew.
    pub(crate) fn release(&mut self, pool: &mut BlockPool) {
        // The last first: whoever keeps blocks for later keeps the beginning longest.
        for block in self.blocks.drain(..).rev() {
            pool.release(block);
        }
        (self.computed, self.published, self.place) = (0, 0, self.root);
        self.pooled.iter_mut().for_each(Pooled::restart);
    }

    /// Gives back what it adopted without having begun.
    pub(crate) fn unadopt(&mut self, pool: &mut BlockPool) {
        self.release(pool);
        if !self.restarted {
            self.clock.cached_tokens = 0;
        }
    }

    /// Takes over the prompt that `first`, another choice of the request, has computed: whole blocks are shared, and of a last one in
    /// part it gets a copy. Returns the blocks to copy from and to, or `None` where no block is left for that.
    pub(crate) fn fork(&mut self, first: &Self, pool: &mut BlockPool) -> Option<Option<(u32, u32)>> {
        debug_assert!(
            self.blocks.is_empty() && first.tokens.starts_with(&self.tokens) && first.computed == self.prompt_len
        );
        let copy = match first.blocks.get(first.published) {
            Some(&from) if !first.computed.is_multiple_of(BLOCK_TOKENS) => Some((from, pool.take()?)),
            _ => None,
        };
        for &block in &first.blocks[..first.published] {
            pool.hold(block);
            self.blocks.push(block);
        }
        self.blocks.extend(copy.map(|(_, to)| to));
        (self.computed, self.published, self.place) = (first.computed, first.published, first.place);
        self.clock.cached_tokens = self.prompt_len;
        self.clock.admitted();
        Some(copy)
    }

    /// Gives all blocks back in the middle of the work.
    pub(crate) fn preempt(&mut self, pool: &mut BlockPool) {
        self.restarted = true;
        self.release(pool);
    }

    /// The block that it fills next, if its tokens fill it.
    pub(crate) fn next_key(&self) -> Option<BlockKey> {
        self.key_of(self.computed / BLOCK_TOKENS)
    }

    /// What names its block number `block`, the one after `place`, once its tokens fill it.
    fn key_of(&self, block: usize) -> Option<BlockKey> {
        let start = block * BLOCK_TOKENS;
        let tokens = *self.tokens[start..].first_chunk()?;
        Some(BlockKey { place: self.place, of_prompt: start < self.prompt_end, tokens })
    }

    /// Whether another's block could be its next. The last token is left: its logits are needed. So are prompt tokens whose
    /// log-probabilities or hidden states are asked for.
    pub(crate) fn may_adopt(&self) -> bool {
        let scores = self.prompt_logprobs.is_some() && self.prompt_scored < self.prompt_len;
        let at_a_border = self.computed.is_multiple_of(BLOCK_TOKENS) && self.pending() > BLOCK_TOKENS;
        at_a_border && self.reuses && !scores && self.pooled.is_none()
    }

    /// Goes on with blocks that others computed, as far as there are any.
    pub(crate) fn adopt(&mut self, pool: &mut BlockPool) {
        while self.may_adopt()
            && let Some(key) = self.next_key()
            && let Some((place, block)) = pool.share(&key)
        {
            // What was claimed for these tokens and not written goes back.
            self.blocks.drain(self.published..).for_each(|block| pool.release(block));
            self.blocks.push(block);
            self.published += 1;
            self.place = place;
            self.computed += BLOCK_TOKENS;
            if !self.restarted {
                self.clock.cached_tokens += BLOCK_TOKENS;
            }
        }
    }

    /// `count` more tokens have their keys and values; blocks that are full now are made known.
    pub(crate) fn advance(&mut self, count: usize, pool: &mut BlockPool) {
        while (self.published + 1) * BLOCK_TOKENS <= self.computed + count
            && let Some(key) = self.key_of(self.published)
        {
            let block = &mut self.blocks[self.published];
            (self.place, *block) = pool.publish(key, *block);
            self.published += 1;
        }
        self.computed += count;
    }

    /// What keeps it apart from others in a batch: those with one adapter go together.
    pub(crate) fn adapter_id(&self) -> Option<u64> {
        self.adapter.as_ref().map(|adapter| adapter.id())
    }

    /// The files of the model and of its adapter still are what was mapped.
    pub(crate) fn still_intact(&self, model: &Model) -> Result<(), EngineError> {
        model.still_intact()?;
        Ok(self.adapter.as_ref().map_or(Ok(()), |adapter| adapter.still_intact())?)
    }

    pub(crate) fn timings(&self) -> Timings {
        self.clock.timings(self.prompt_len, self.answer.generated())
    }
}
