//! One answer under way: which token comes next, and when there is none. Sessions and the engine share it.

mod next_mask;

pub(crate) use next_mask::MaskTimes;

use crate::error::EngineError;
use crate::mask::{Ending, MaskError, MaskTiming, TokenMask};
use crate::request::{FinishReason, Request, Token};
use crate::sampler::Sampler;
use next_mask::NextMask;
use smollm_kernels::Cpu;
use smollm_kernels::ops::log_sum_exp;

/// What was drawn: a token, or what ends the answer and is no part of it.
pub(crate) type Chosen = Result<Result<Token, FinishReason>, EngineError>;

/// Forced tokens that one pass computes, at most.
const MAX_FORCED: usize = 32;

/// The state of one answer that no cache holds: what it may still do, and how it chooses.
#[derive(Debug)]
pub(crate) struct Answer {
    max_tokens: Option<usize>,
    stop_ids: Vec<u32>,
    logprobs: Option<usize>,
    sampler: Sampler,
    mask: Option<NextMask>,
    /// Whether the rules let it end.
    ending: Ending,
    /// What they force after the last token.
    forced: Vec<u32>,
    generated: usize,
}

impl Answer {
    /// Nothing chosen yet, after `prompt`.
    pub(crate) fn new(request: &Request, prompt: &[u32]) -> Self {
        Self {
            max_tokens: request.max_tokens,
            stop_ids: request.stop_ids.clone(),
            logprobs: request.logprobs,
            sampler: Sampler::new(request.sampling.clone(), prompt),
            mask: None,
            ending: Ending::Later,
            forced: Vec::new(),
            generated: 0,
        }
    }

    /// The same, bound to what `rules` allow, whose masks are computed when `timing` says.
    pub(crate) fn masked(mut self, rules: Option<Box<dyn TokenMask>>, vocab_size: usize, timing: MaskTiming) -> Self {
        self.mask = rules.map(|rules| NextMask::new(rules, vocab_size, timing));
        self
    }

    /// Lets a thread of `cpu` find out what may come next, beside the forward pass that is about to begin, if that pays. `len` and `context` as of
    /// [`Answer::full`]: where the answer ends, nothing comes.
    pub(crate) fn begin_mask(&mut self, cpu: &Cpu, len: usize, context: usize) {
        if self.full(len, context).is_none()
            && let Some(mask) = &mut self.mask
        {
            mask.begin(cpu);
        }
    }

    /// What rules took since this was asked before.
    pub(crate) fn mask_times(&mut self) -> Option<MaskTimes> {
        self.mask.as_mut().map(NextMask::tell)
    }

    /// Whether the answer ends before another token is computed: `len` tokens of prompt and answer would have to be in a
    /// cache of `context`.
    pub(crate) fn full(&self, len: usize, context: usize) -> Option<FinishReason> {
        if self.ending == Ending::Here {
            return Some(FinishReason::Complete);
        }
        let reason = match self.max_tokens.is_some_and(|max| self.generated >= max) {
            true => FinishReason::Length,
            false if len > context => FinishReason::ContextFull,
            false => return None,
        };
        // what is whole as it stands is not cut off
        Some(if self.ending == Ending::Possible { FinishReason::Complete } else { reason })
    }

    /// Tokens that may still be chosen.
    pub(crate) fn left(&self) -> usize {
        self.max_tokens.map_or(usize::MAX, |max| max.saturating_sub(self.generated))
    }

    /// Tokens that the rules force after the last one, at most [`MAX_FORCED`] and `room`.
    pub(crate) fn forced(&self, room: usize) -> &[u32] {
        // the last token that may be drawn is not computed any more
        let most = room.min(self.left().saturating_sub(1)).min(MAX_FORCED);
        &self.forced[..self.forced.len().min(most)]
    }

    /// Tokens chosen, without a stop token.
    pub(crate) fn generated(&self) -> usize {
        self.generated
    }

    /// The next token from the logits (V, used up) after `position`.
    pub(crate) fn choose(&mut self, logits: &mut [f32], position: usize) -> Chosen {
        // looked at to the end in any case, so that lanes go side by side
        if !logits.iter().fold(true, |finite, l| finite & l.is_finite()) {
            return Err(EngineError::NotFinite { position });
        }
        let measured = self.logprobs.map(|count| (Measured::new(logits, count), logits.to_vec()));
        if let Some(mask) = &mut self.mask {
            mask.apply(logits)?;
        }
        let drawn = self.sampler.next(logits).ok_or(EngineError::NothingAllowed { position })?;
        if self.stop_ids.contains(&drawn) {
            return Ok(Err(FinishReason::Stop(drawn)));
        }
        let Some(id) = self.settle(drawn, logits.len())? else {
            return Ok(Err(match self.ending {
                Ending::Later => FinishReason::Length,
                Ending::Possible | Ending::Here => FinishReason::Complete,
            }));
        };
        self.generated += 1;
        Ok(Ok(match measured {
            None => Token { id, logprob: None, top: Vec::new() },
            Some((measured, raw)) => measured.token(id, &raw),
        }))
    }

    /// The token that the rules take where `drawn` was drawn; none where they end the answer.
    fn settle(&mut self, drawn: u32, vocab_size: usize) -> Result<Option<u32>, EngineError> {
        let Some(mask) = &mut self.mask else { return Ok(Some(drawn)) };
        let (taken, ending) = mask.rules(|rules| Ok((rules.accept(drawn)?, rules.ending()?)))?;
        self.ending = ending;
        if let Some(id) = taken.filter(|&id| id != drawn) {
            if id as usize >= vocab_size {
                let message = format!("the rules want token {id}, which the model does not have");
                return Err(MaskError::Broken(message).into());
            }
            self.sampler.replace(drawn, id);
        }
        if taken.is_some() && self.forced.first() == taken.as_ref() {
            self.forced.remove(0);
        } else {
            self.forced.clear();
        }
        if self.forced.is_empty() && taken.is_some() && self.ending != Ending::Here {
            self.forced = mask.rules(|rules| Ok(rules.ahead()))?;
            // an id that does not exist has no embedding; drawing will tell
            let known = self.forced.iter().take_while(|&&id| (id as usize) < vocab_size).count();
            self.forced.truncate(known);
        }
        Ok(taken)
    }
}

/// What is said of the distribution that a row of logits stands for, before anything is done to it.
pub(crate) struct Measured {
    normaliser: f32,
    top: Vec<(u32, f32)>,
}

impl Measured {
    /// `count` likeliest alternatives.
    pub(crate) fn new(logits: &[f32], count: usize) -> Self {
        let normaliser = log_sum_exp(logits);
        let top = if count == 0 { Vec::new() } else { crate::filter::filtered(logits, count, 1.0, 0.0) };
        Self { normaliser, top: top.iter().map(|c| (c.id, c.logit - normaliser)).collect() }
    }

    /// `id` in that distribution; `logits` as they came from the model.
    pub(crate) fn token(self, id: u32, logits: &[f32]) -> Token {
        Token { id, logprob: Some(logits[id as usize] - self.normaliser), top: self.top }
    }
}

#[cfg(test)]
mod tests;
