//! One sequence and its K/V cache: tokens go in, the cache follows, logits come out.

use crate::engine::check_ids;
use crate::error::EngineError;
use crate::mask::MaskTiming;
use smollm_kernels::{Cpu, KvDtype};
use smollm_model::{Batch, KvPool, Model, Runner, lm_head};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Prompt tokens per forward pass: enough to keep the matrix units busy, few enough to stop promptly when asked.
const PREFILL_CHUNK: usize = 512;

/// How a session is set up.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// Tokens the cache can hold; the model's own maximum where absent.
    pub context: Option<usize>,
    /// Element type of the cache; the one that loses nothing where absent.
    pub kv_dtype: Option<KvDtype>,
    /// Prompt tokens per forward pass; changes speed, never results.
    pub prefill_chunk: Option<usize>,
    /// When masks are computed; changes speed, never results.
    pub masks: MaskTiming,
}

/// One sequence being read and continued.
///
/// What the cache holds is kept between calls: a prompt that starts with the same tokens is not computed again.
#[derive(Debug)]
pub struct Session {
    model: Arc<Model>,
    cpu: Arc<Cpu>,
    runner: Runner,
    kv: KvPool,
    block_table: Vec<u32>,
    /// The tokens whose K/V is in the cache.
    cached: Vec<u32>,
    /// How many tokens at the beginning are of the prompt class: of the prompt that was begun last.
    prompt_end: usize,
    context: usize,
    prefill_chunk: usize,
    masks: MaskTiming,
}

impl Session {
    /// An empty session. Cache memory is reserved but not touched before it is used.
    pub fn new(model: Arc<Model>, cpu: Arc<Cpu>, options: &SessionOptions) -> Self {
        let context = options.context.unwrap_or(model.config.max_position_embeddings).max(2);
        let kv = KvPool::new(&model.config, options.kv_dtype.unwrap_or_else(|| model.natural_kv_dtype()), context);
        let block_table = (0..kv.blocks() as u32).collect();
        let prefill_chunk = options.prefill_chunk.unwrap_or(PREFILL_CHUNK).max(1);
        let (runner, cached) = (Runner::default(), Vec::new());
        Self {
            model,
            cpu,
            runner,
            kv,
            block_table,
            cached,
            prompt_end: 0,
            context,
            prefill_chunk,
            masks: options.masks,
        }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The threads it works with, and when they compute masks.
    pub(crate) fn masking(&self) -> (&Cpu, MaskTiming) {
        (&self.cpu, self.masks)
    }

    /// Tokens the cache can hold.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Element type of the cache.
    pub fn kv_dtype(&self) -> KvDtype {
        self.kv.dtype()
    }

    /// The tokens whose K/V is in the cache.
    pub fn cached(&self) -> &[u32] {
        &self.cached
    }

    /// Forgets everything after the first `len` tokens.
    pub fn truncate(&mut self, len: usize) {
        self.cached.truncate(len);
    }

    /// Checks that `ids` can be run: every id exists, and they fit the context.
    ///
    /// # Errors
    /// Names the first id that does not exist, or both lengths.
    pub fn check(&self, ids: &[u32]) -> Result<(), EngineError> {
        self.check_vocabulary(ids)?;
        if ids.len() > self.context {
            let (prompt, context, model) = (ids.len(), self.context, self.model.config.max_position_embeddings);
            return Err(EngineError::PromptTooLong { prompt, context, model });
        }
        Ok(())
    }

    /// Checks that every id exists, however many there are.
    ///
    /// # Errors
    /// Names the first that does not.
    pub fn check_vocabulary(&self, ids: &[u32]) -> Result<(), EngineError> {
        check_ids(ids, self.model.config.vocab_size)
    }

    /// Begins `prompt`: keeps of the cache what it starts with, and returns how many tokens that is. At least the last token of
    /// `prompt` is left to be computed: its logits are needed. So are tokens that were of another class in the prompt before, such as
    /// an answer that returns as a part of a prompt.
    pub(crate) fn begin(&mut self, prompt: &[u32]) -> usize {
        let body = &prompt[..prompt.len().saturating_sub(1)];
        let mut common = self.cached.iter().zip(body).take_while(|(a, b)| a == b).count();
        let end = self.model.prompt_end(&self.cpu, prompt.len());
        if end != self.prompt_end {
            common = common.min(end.min(self.prompt_end));
        }
        self.prompt_end = end;
        self.truncate(common);
        common
    }

    /// Begins a text of `len` tokens, which is computed as a prompt, from an empty cache.
    pub(crate) fn begin_text(&mut self, len: usize) {
        self.truncate(0);
        self.prompt_end = self.model.prompt_end(&self.cpu, len);
    }

    /// Appends whole chunks of `tokens` without asking for logits and returns the rest, at least one token and at most
    /// one chunk. `progress` hears of the tokens appended before each chunk and may stop the work; the cache stays valid.
    pub(crate) fn fill<'t>(
        &mut self,
        mut tokens: &'t [u32],
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> ControlFlow<(), &'t [u32]> {
        let mut done = 0;
        while tokens.len() > self.prefill_chunk {
            progress(done)?;
            let (chunk, rest) = tokens.split_at(self.prefill_chunk);
            self.advance(chunk);
            done += chunk.len();
            tokens = rest;
        }
        progress(done)?;
        ControlFlow::Continue(tokens)
    }

    /// Appends `tokens` to the sequence and returns their hidden states, `tokens.len()` x C.
    pub(crate) fn advance(&mut self, tokens: &[u32]) -> &[f32] {
        let position = self.cached.len();
        let blocks = (position + tokens.len()).div_ceil(smollm_model::BLOCK_TOKENS);
        let block_table = self.block_table[..blocks].to_vec();
        let batch = Batch::single(tokens.to_vec(), position, block_table, self.prompt_end);
        self.cached.extend_from_slice(tokens);
        self.runner.forward(&self.cpu, &self.model, &batch, &mut self.kv)
    }

    /// Appends `tokens` and writes the logits of the last `rows` of them, `rows` x V, to `logits`.
    pub(crate) fn advance_to_logits(&mut self, tokens: &[u32], rows: usize, logits: &mut Vec<f32>) {
        let (model, cpu) = (self.model.clone(), self.cpu.clone());
        let width = model.config.hidden_size;
        let hidden = self.advance(tokens);
        logits.resize(rows * model.config.vocab_size, 0.0);
        lm_head(&cpu, &model, &hidden[hidden.len() - rows * width..], logits);
    }

    /// The logits (V) of what follows `prompt`, of which the cache keeps what it has. For a way of choosing tokens that is one's own, which
    /// goes on with [`Session::next_logits`]: both give the numbers that [`Session::generate`] draws from.
    ///
    /// # Errors
    /// As [`Session::check`]; `prompt` is empty, or the model file changed.
    pub fn first_logits(&mut self, prompt: &[u32]) -> Result<Vec<f32>, EngineError> {
        self.check(prompt)?;
        if prompt.is_empty() {
            return Err(EngineError::EmptyPrompt);
        }
        let mut rest = &prompt[self.begin(prompt)..];
        while rest.len() > self.prefill_chunk {
            let (chunk, later) = rest.split_at(self.prefill_chunk);
            self.advance(chunk);
            rest = later;
        }
        self.last_logits(rest)
    }

    /// Takes `token` for the next one of the answer, and gives the logits (V) of what follows it.
    ///
    /// # Errors
    /// There is no such token, nothing was begun, the context is full, or the model file changed.
    pub fn next_logits(&mut self, token: u32) -> Result<Vec<f32>, EngineError> {
        self.check_vocabulary(&[token])?;
        if self.cached.is_empty() {
            return Err(EngineError::EmptyPrompt);
        }
        if self.cached.len() == self.context {
            let (prompt, context, model) = (self.context + 1, self.context, self.model.config.max_position_embeddings);
            return Err(EngineError::PromptTooLong { prompt, context, model });
        }
        self.last_logits(&[token])
    }

    /// Appends `tokens` and gives the logits of the last of them.
    fn last_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, EngineError> {
        let mut logits = Vec::new();
        self.advance_to_logits(tokens, 1, &mut logits);
        self.model.still_intact()?;
        Ok(logits)
    }

    /// The logits (V each) after every token of `ids`, a prompt, read from an empty cache. For tests and tools: M x V floats.
    ///
    /// # Errors
    /// As [`Session::check`].
    pub fn logits(&mut self, ids: &[u32]) -> Result<Vec<f32>, EngineError> {
        self.check(ids)?;
        self.begin_text(ids.len());
        let mut all = Vec::new();
        let mut part = Vec::new();
        for chunk in ids.chunks(self.prefill_chunk) {
            self.advance_to_logits(chunk, chunk.len(), &mut part);
            all.extend_from_slice(&part);
        }
        self.model.still_intact()?;
        Ok(all)
    }
}
