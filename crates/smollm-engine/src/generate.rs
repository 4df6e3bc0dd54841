//! The single-sequence loop: read the prompt, then choose, report and append one token at a time.

use crate::answer::Answer;
use crate::error::EngineError;
use crate::mask::TokenMask;
use crate::request::{FinishReason, Request, Timings, Token};
use crate::session::Session;
use std::ops::ControlFlow;
use std::time::Instant;

/// What the caller hears of while a session generates.
#[derive(Debug)]
pub enum Progress<'a> {
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
        observe: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Generation, EngineError> {
        self.generate_masked(prompt, request, None, observe)
    }

    /// As [`Session::generate`], with tokens that `mask` allows.
    ///
    /// # Errors
    /// As [`Session::generate`]; the mask allows nothing, or fails.
    pub fn generate_masked(
        &mut self,
        prompt: &[u32],
        request: &Request,
        mask: Option<Box<dyn TokenMask>>,
        observe: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
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
        let reused = self.begin(prompt);
        let total = prompt.len() - reused;
        let mut answer = Answer::new(request, prompt).masked(mask, vocab_size, self.masking().1);
        answer.begin_mask(self.masking().0, prompt.len(), self.context());
        generation.timings.cached_tokens = reused;
        let mut report = |done| observe(Progress::Prefill { done, total });
        let ControlFlow::Continue(last_chunk) = self.fill(&prompt[reused..], &mut report) else {
            generation.timings.prefill_s = started.elapsed().as_secs_f64();
            return Ok(generation);
        };
        generation.timings.prefill_tokens = total;

        let mut logits = Vec::new();
        let mut decode_started = None;
        // what is computed next, the last `ahead` of it by rules that force them, and the length of the sequence without those
        let (mut input, mut ahead) = (last_chunk.to_vec(), 0);
        let mut len = self.cached().len();
        'answer: loop {
            len += input.len() - ahead;
            if let Some(reason) = answer.full(len, self.context()) {
                generation.finish_reason = reason;
                break;
            }
            answer.begin_mask(self.masking().0, len, self.context());
            self.advance_to_logits(&input, 1 + ahead, &mut logits);
            self.model().still_intact()?; // nothing is handed out if a model file changed
            let forced = input.split_off(input.len() - ahead);
            for (row, logits) in logits.chunks_mut(vocab_size).enumerate() {
                if let Some(reason) = answer.full(len, self.context()) {
                    generation.finish_reason = reason;
                    break 'answer;
                }
                let chosen = answer.choose(logits, len - 1)?;
                match decode_started {
                    None => {
                        generation.timings.prefill_s = started.elapsed().as_secs_f64();
                        decode_started = Some(Instant::now());
                    }
                    Some(_) => generation.timings.decode_tokens += 1,
                }
                let token = match chosen {
                    Ok(token) => token,
                    Err(reason) => {
                        generation.finish_reason = reason;
                        break 'answer;
                    }
                };
                input = vec![token.id];
                let flow = observe(Progress::Token(&token));
                generation.tokens.push(token);
                if flow.is_break() {
                    generation.finish_reason = FinishReason::Cancelled;
                    break 'answer;
                }
                if forced.get(row) != Some(&input[0]) {
                    break;
                }
                len += 1;
            }
            self.truncate(len);
            input.extend(answer.forced(self.context().saturating_sub(len + 1)));
            ahead = input.len() - 1;
        }
        self.truncate(len);
        generation.timings.decode_s = decode_started.map_or(0.0, |at| at.elapsed().as_secs_f64());
        Ok(generation)
    }
}
