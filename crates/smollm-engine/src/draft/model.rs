//! Guesses of a smaller model of the family, which shares the vocabulary.

use super::{Drafter, Guess};
use crate::error::EngineError;
use smollm_kernels::Cpu;
use smollm_kernels::ops::argmax;
use smollm_model::{BLOCK_TOKENS, Batch, KvPool, Model, Runner, Span, lm_head};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// Tokens by which the smaller model catches up with all sequences together before it guesses: a long prompt is read little by
/// little, and holds up nobody.
const CATCH_UP: usize = 256;
/// Weight of a new measurement of the time that a guessed token takes.
const NEW_COST: f64 = 0.2;

/// Guesses what a smaller model finds likeliest. It has a cache of its own and reads each sequence that it is asked about.
#[derive(Debug)]
pub struct ModelDrafter {
    model: Arc<Model>,
    cpu: Arc<Cpu>,
    runner: Runner,
    kv: KvPool,
    free: Vec<u32>,
    sequences: HashMap<u64, Known>,
    seconds_per_token: f64,
    logits: Vec<f32>,
}

/// A sequence as far as the smaller model has read it.
#[derive(Debug, Default)]
struct Known {
    tokens: Vec<u32>,
    /// How many tokens of its prompt are of the prompt class.
    prompt_end: usize,
    blocks: Vec<u32>,
}

impl ModelDrafter {
    /// `model` guesses for `target`, with a cache of `kv_tokens` tokens for all sequences. Sequences that do not fit are not guessed.
    ///
    /// # Errors
    /// The models have different vocabularies.
    pub fn new(model: Arc<Model>, cpu: Arc<Cpu>, target: &Model, kv_tokens: usize) -> Result<Self, EngineError> {
        let (draft, target) = (model.config.vocab_size, target.config.vocab_size);
        if draft != target {
            return Err(EngineError::DraftVocabulary { draft, target });
        }
        let kv = KvPool::new(&model.config, model.natural_kv_dtype(), kv_tokens);
        let free = (0..kv.blocks() as u32).rev().collect();
        let (runner, logits) = (Runner::default(), Vec::new());
        Ok(Self { model, cpu, runner, kv, free, sequences: HashMap::new(), seconds_per_token: 0.0, logits })
    }

    /// Bytes of its weights and its cache.
    pub fn bytes(&self) -> usize {
        let config = &self.model.config;
        self.model.weights.bytes()
            + config.kv_bytes_per_token(self.kv.dtype()).map_or(0, |per_token| per_token * self.kv.capacity())
    }

    /// Makes the known tokens of a sequence a beginning of those it has, at least one short of them, and claims blocks for these and
    /// the guess. `false` if there are none: then it is forgotten, and leaves its blocks to the others.
    fn prepare(&mut self, guess: &Guess<'_>) -> bool {
        let (key, tokens) = (guess.sequence, guess.tokens);
        let known = self.sequences.entry(key).or_default();
        known.prompt_end = self.model.prompt_end(&self.cpu, guess.prompt_len);
        let common = known.tokens.iter().zip(&tokens[..tokens.len() - 1]).take_while(|(a, b)| a == b).count();
        known.tokens.truncate(common);
        let len = tokens.len() + guess.max;
        let missing = len.div_ceil(BLOCK_TOKENS).saturating_sub(known.blocks.len());
        let fits = len <= self.model.config.max_position_embeddings && missing <= self.free.len();
        if fits {
            known.blocks.extend(self.free.drain(self.free.len() - missing..).rev());
        } else {
            self.forget(key);
        }
        fits
    }

    /// Reads tokens that the sequences lack, all but the last one that each has, as many as one pass takes.
    fn catch_up(&mut self, guesses: &[&mut Guess<'_>]) {
        let mut left = CATCH_UP;
        let mut parts: Vec<(u64, &[u32])> = Vec::new();
        for guess in guesses {
            let lacking = &guess.tokens[self.sequences[&guess.sequence].tokens.len()..guess.tokens.len() - 1];
            let part = &lacking[..lacking.len().min(left)];
            left -= part.len();
            parts.extend((!part.is_empty()).then_some((guess.sequence, part)));
        }
        if !parts.is_empty() {
            self.read(&parts);
        }
    }

    /// Reads some tokens of some sequences in one pass.
    fn read(&mut self, parts: &[(u64, &[u32])]) {
        let mut batch = Batch::default();
        for (key, tokens) in parts {
            let Some(known) = self.sequences.get_mut(key) else { continue };
            let (position, block_table, prompt_end) = (known.tokens.len(), known.blocks.clone(), known.prompt_end);
            batch.sequences.push(Span { len: tokens.len(), position, block_table, prompt_end, adapter: None });
            batch.tokens.extend_from_slice(tokens);
            known.tokens.extend_from_slice(tokens);
        }
        self.runner.forward(&self.cpu, &self.model, &batch, &mut self.kv);
    }

    /// Reads one token of each of some sequences, and says what is likeliest to follow.
    fn likeliest_after(&mut self, tokens: &[(u64, [u32; 1])]) -> Vec<u32> {
        let parts: Vec<(u64, &[u32])> = tokens.iter().map(|(key, token)| (*key, &token[..])).collect();
        self.read(&parts);
        self.logits.resize(tokens.len() * self.model.config.vocab_size, 0.0);
        lm_head(&self.cpu, &self.model, self.runner.hidden(), &mut self.logits);
        self.logits.chunks(self.model.config.vocab_size).map(|row| argmax(row) as u32).collect()
    }
}

impl Drafter for ModelDrafter {
    fn draft(&mut self, guesses: &mut [Guess<'_>]) {
        let mut open: Vec<&mut Guess<'_>> =
            guesses.iter_mut().filter(|guess| guess.max > 0 && self.prepare(guess)).collect();
        self.catch_up(&open);
        open.retain(|guess| self.sequences[&guess.sequence].tokens.len() + 1 == guess.tokens.len());
        let started = Instant::now();
        let mut drafted = 0;
        while !open.is_empty() {
            let last: Vec<(u64, [u32; 1])> = open
                .iter()
                .map(|guess| (guess.sequence, [*guess.draft.last().unwrap_or(&guess.tokens[guess.tokens.len() - 1])]))
                .collect();
            drafted += open.len();
            for (guess, id) in open.iter_mut().zip(self.likeliest_after(&last)) {
                guess.draft.push(id);
            }
            open.retain(|guess| guess.draft.len() < guess.max);
        }
        if drafted > 0 {
            let seconds = started.elapsed().as_secs_f64() / drafted as f64;
            let new = if self.seconds_per_token == 0.0 { 1.0 } else { NEW_COST };
            self.seconds_per_token += new * (seconds - self.seconds_per_token);
        }
    }

    fn seconds_per_token(&self) -> Option<f64> {
        Some(self.seconds_per_token)
    }

    fn forget(&mut self, sequence: u64) {
        if let Some(known) = self.sequences.remove(&sequence) {
            self.free.extend(known.blocks.into_iter().rev());
        }
    }
}
