//! What an engine accepts, to be checked by whoever has a request in hand, at once and on any thread.

use super::EngineOptions;
use crate::error::EngineError;
use crate::request::{RequestId, Submission};
use smollm_model::{BLOCK_TOKENS, Model, ModelConfig};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The bounds on requests, and how full the queue is.
#[derive(Debug)]
pub struct Limits {
    config: ModelConfig,
    context: usize,
    max_choices: usize,
    max_waiting: usize,
    /// Sequences in the queue, as far as the engine said, and those that are on their way to it.
    waiting: AtomicUsize,
    arriving: AtomicUsize,
    /// Tokens of their prompts.
    arriving_tokens: AtomicUsize,
    next_id: AtomicU64,
}

impl Limits {
    pub(super) fn new(model: &Model, options: &EngineOptions, blocks: usize) -> Self {
        let context = options.context.unwrap_or(model.config.max_position_embeddings);
        Self {
            config: model.config.clone(),
            context: context.min(blocks * BLOCK_TOKENS).max(1),
            max_choices: options.max_waiting.max(1),
            max_waiting: options.max_waiting.max(1),
            waiting: AtomicUsize::new(0),
            arriving: AtomicUsize::new(0),
            arriving_tokens: AtomicUsize::new(0),
            next_id: AtomicU64::new(0),
        }
    }

    /// Tokens that prompt and answer of one sequence may have.
    pub fn context(&self) -> usize {
        self.context
    }

    /// V.
    pub fn vocab_size(&self) -> usize {
        self.config.vocab_size
    }

    /// Sequences that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed) + self.arriving.load(Ordering::Relaxed)
    }

    /// Checks that a request can be answered at all.
    ///
    /// # Errors
    /// The prompt is empty, longer than the context or has ids that do not exist; a parameter is out of range.
    pub fn check(&self, submission: &Submission) -> Result<(), EngineError> {
        let Submission { prompt, request, choices, pooling, adapter, .. } = submission;
        check_ids(prompt, self.config.vocab_size)?;
        if prompt.is_empty() {
            return Err(EngineError::EmptyPrompt);
        }
        if prompt.len() > self.context {
            let (prompt, context, model) = (prompt.len(), self.context, self.config.max_position_embeddings);
            return Err(EngineError::PromptTooLong { prompt, context, model });
        }
        let limit = if pooling.is_some() { 1 } else { self.max_choices };
        if !(1..=limit).contains(choices) {
            return Err(EngineError::Choices { choices: *choices, limit });
        }
        if adapter.as_ref().is_some_and(|adapter| !adapter.fits(&self.config)) {
            return Err(EngineError::ForeignAdapter);
        }
        Ok(request.sampling.validate(self.config.vocab_size)?)
    }

    /// Sequences that are on their way to the engine, and tokens of their prompts.
    pub(super) fn arriving(&self) -> (usize, usize) {
        (self.arriving.load(Ordering::Relaxed), self.arriving_tokens.load(Ordering::Relaxed))
    }

    /// A name for a request.
    pub(super) fn next_id(&self) -> RequestId {
        RequestId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Takes places in the queue for choices whose prompts have `tokens` in all. However many there are, an empty queue takes them.
    pub(super) fn admit(&self, sequences: usize, tokens: usize) -> Result<(), EngineError> {
        let queued = self.waiting.load(Ordering::Relaxed);
        let place = |arriving: usize| {
            let waiting = queued + arriving;
            (waiting == 0 || waiting + sequences <= self.max_waiting).then_some(arriving + sequences)
        };
        match self.arriving.fetch_update(Ordering::Relaxed, Ordering::Relaxed, place) {
            Ok(_) => {
                self.arriving_tokens.fetch_add(tokens, Ordering::Relaxed);
                Ok(())
            }
            Err(arriving) => Err(EngineError::QueueFull { waiting: queued + arriving, limit: self.max_waiting }),
        }
    }

    /// Sequences that arrived are counted by the engine from now on.
    pub(super) fn arrived(&self, sequences: usize, tokens: usize) {
        self.arriving.fetch_sub(sequences, Ordering::Relaxed);
        self.arriving_tokens.fetch_sub(tokens, Ordering::Relaxed);
    }

    pub(super) fn set_waiting(&self, waiting: usize) {
        self.waiting.store(waiting, Ordering::Relaxed);
    }
}

/// Checks that every id exists.
pub(crate) fn check_ids(ids: &[u32], vocab_size: usize) -> Result<(), EngineError> {
    match ids.iter().enumerate().find(|(_, id)| **id as usize >= vocab_size) {
        Some((position, &id)) => Err(EngineError::TokenOutOfRange { position, id, vocab_size }),
        None => Ok(()),
    }
}
