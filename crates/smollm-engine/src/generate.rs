//! The single-sequence loop: read the prompt, then choose, report and append one token at a time.

use crate::error::EngineError;
use crate::sampler::Sampler;
use crate::sampling::SamplingParams;
use crate::session::Session;
use smollm_kernels::ops::log_sum_exp;
use std::ops::ControlFlow;
use std::time::Instant;

/// What is asked of the model.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// At most this many tokens are generated; the context's end is a limit in any case.
    pub max_tokens: Option<usize>,
    /// Tokens that end the answer; they are not part of it.
    pub stop_ids: Vec<u32>,
    /// Log-probabilities of each token and of this many likeliest alternatives.
    pub logprobs: Option<usize>,
    /// How tokens are chosen.
    pub sampling: SamplingParams,
}

/// One generated token.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Its id.
    pub id: u32,
    /// ln of its probability under the model itself, before penalties, bias, temperature and filters; only if asked for.
    pub logprob: Option<f32>,
    /// The likeliest tokens with their log-probabilities, likeliest first; only if asked for.
    pub top: Vec<(u32, f32)>,
}

/// What the caller hears of while the request runs.
#[derive(Debug)]
pub enum Event<'a> {
    /// `done` of `total` prompt tokens that have to be computed are.
    Prefill {
        /// Computed so far.
        done: usize,
        /// To be computed.
        total: usize,
    },
    /// A token was chosen.
    Token(&'a Token),
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model chose this stop token.
    Stop(u32),
    /// `max_tokens` were generated.
    Length,
    /// The context is full.
    ContextFull,
    /// The caller asked to stop.
    Cancelled,
}

/// How long a request took, by part.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timings {
    /// Prompt tokens that were in the cache already.
    pub cached_tokens: usize,
    /// Prompt tokens computed.
    pub prefill_tokens: usize,
    /// Seconds until the first token was chosen.
    pub prefill_s: f64,
    /// Forward passes after the first token.
    pub decode_tokens: usize,
    /// Seconds of those.
    pub decode_s: f64,
}

/// A finished answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// The tokens, without the stop token.
    pub tokens: Vec<Token>,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// How long it took.
    pub timings: Timings,
}

impl Generation {
    /// The ids alone.
    pub fn ids(&self) -> Vec<u32> {
        self.tokens.iter().map(|t| t.id).collect()
    }
}

impl Session {
    /// Continues `prompt`. `observe` hears of progress and of every token, and ends the request with `Break`.
    ///
    /// # Errors
    /// The prompt is empty, too long or has ids that do not exist; a parameter is out of range; the model gave no finite
    /// logits; the model file changed.
    pub fn generate(
        &mut self,
        prompt: &[u32],
        request: &Request,
        observe: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Generation, EngineError> {
        let vocab_size = self.model().config.vocab_size;
        self.check(prompt)?;
        request.sampling.validate(vocab_size)?;
        if prompt.is_empty() {
            return Err(EngineError::EmptyPrompt);
        }

        let started = Instant::now();
        let mut generation =
            Generation { tokens: Vec::new(), finish_reason: FinishReason::Cancelled, timings: Timings::default() };
        let reused = self.reuse(prompt);
        let total = prompt.len() - reused;
        generation.timings.cached_tokens = reused;
        let mut report = |done| observe(Event::Prefill { done, total });
        let ControlFlow::Continue(last_chunk) = self.fill(&prompt[reused..], &mut report) else {
            generation.timings.prefill_s = started.elapsed().as_secs_f64();
            return Ok(generation);
        };
        generation.timings.prefill_tokens = total;

        let mut sampler = Sampler::new(request.sampling.clone(), prompt);
        let mut logits = Vec::new();
        let mut decode_started = None;
        let mut input = last_chunk.to_vec();
        loop {
            if request.max_tokens.is_some_and(|max| generation.tokens.len() >= max) {
                generation.finish_reason = FinishReason::Length;
                break;
            }
            if self.cached().len() + input.len() > self.context() {
                generation.finish_reason = FinishReason::ContextFull;
                break;
            }
            self.advance_to_logits(&input, 1, &mut logits);
            let token = self.choose(&mut sampler, &mut logits, request.logprobs)?;
            match decode_started {
                None => {
                    generation.timings.prefill_s = started.elapsed().as_secs_f64();
                    decode_started = Some(Instant::now());
                }
                Some(_) => generation.timings.decode_tokens += 1,
            }
            if request.stop_ids.contains(&token.id) {
                generation.finish_reason = FinishReason::Stop(token.id);
                break;
            }
            input = vec![token.id];
            let flow = observe(Event::Token(&token));
            generation.tokens.push(token);
            if flow.is_break() {
                generation.finish_reason = FinishReason::Cancelled;
                break;
            }
        }
        generation.timings.decode_s = decode_started.map_or(0.0, |at| at.elapsed().as_secs_f64());
        Ok(generation)
    }

    /// The next token from the logits at the end of the cache. Nothing is handed out if the model file changed.
    fn choose(&self, sampler: &mut Sampler, logits: &mut [f32], logprobs: Option<usize>) -> Result<Token, EngineError> {
        self.model().still_intact()?;
        let not_finite = EngineError::NotFinite { position: self.cached().len() - 1 };
        if !logits.iter().all(|l| l.is_finite()) {
            return Err(not_finite);
        }
        let Some(count) = logprobs else {
            let id = sampler.next(logits).ok_or(not_finite)?;
            return Ok(Token { id, logprob: None, top: Vec::new() });
        };
        let normaliser = log_sum_exp(logits);
        let top = crate::filter::filtered(logits, count.max(1), 1.0, 0.0);
        let top = top.iter().take(count).map(|c| (c.id, c.logit - normaliser)).collect();
        let raw = logits.to_vec();
        let id = sampler.next(logits).ok_or(not_finite)?;
        Ok(Token { id, logprob: Some(raw[id as usize] - normaliser), top })
    }
}
