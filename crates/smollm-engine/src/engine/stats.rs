//! What an engine has done and is doing, in numbers.

use super::{ExpectedWait, Share};
use crate::answer::MaskTimes;
use crate::request::{FinishReason, Timings};
use std::time::Duration;

/// A snapshot: gauges of the moment, and counters since the start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EngineStats {
    /// Sequences that run.
    pub running: usize,
    /// Sequences that wait.
    pub waiting: usize,
    /// Prompt tokens of those that wait.
    pub waiting_tokens: usize,
    /// How long a request that comes now is expected to wait.
    pub wait: ExpectedWait,
    /// Blocks of the cache.
    pub blocks: usize,
    /// Blocks that no sequence holds.
    pub blocks_free: usize,
    /// Those of them whose content is kept for requests that begin alike.
    pub blocks_cached: usize,
    /// Requests submitted.
    pub requests: u64,
    /// Answers that ended with a stop token.
    pub stopped: u64,
    /// Answers that ended at a limit of the request or the context.
    pub length: u64,
    /// Answers that were cancelled.
    pub cancelled: u64,
    /// Requests that failed.
    pub failed: u64,
    /// How often a sequence had to give its blocks back.
    pub preemptions: u64,
    /// Prompt tokens computed, those computed again after a preemption included.
    pub prompt_tokens: u64,
    /// Tokens chosen.
    pub generated_tokens: u64,
    /// Guesses, each of one token or more, that were verified.
    pub drafts: u64,
    /// Guessed tokens that were verified, and those of them that were right.
    pub drafted_tokens: u64,
    /// See `drafted_tokens`.
    pub accepted_tokens: u64,
    /// Tokens that rules forced, and that took no pass of their own for this reason.
    pub forced_tokens: u64,
    /// Masks that were asked for, and those of them that another thread had worked out, or begun, beside the forward pass.
    pub masks: u64,
    /// See `masks`.
    pub masks_beside: u64,
    /// Seconds by which drawing was held up by masks and by what rules did with tokens, summed over answers.
    pub rules_s: f64,
    /// Forward passes.
    pub steps: u64,
    /// Sequences in forward passes, summed over those.
    pub sequence_steps: u64,
    /// Forward passes that were given up because a request in them was cancelled.
    pub abandoned_steps: u64,
    /// Prompt tokens of finished requests, and how many of them were not computed but found in the cache.
    pub prompt_tokens_finished: u64,
    /// See `prompt_tokens_finished`.
    pub prompt_tokens_cached: u64,
    /// Seconds of forward passes and what belongs to them.
    pub busy_s: f64,
    /// Seconds of the last step, and tokens in it.
    pub last_step_s: f64,
    /// Tokens of the last step.
    pub last_step_tokens: usize,
}

impl EngineStats {
    pub(super) fn count_step(&mut self, shares: &[Share], time: Duration) {
        let tokens: usize = shares.iter().map(|share| share.count).sum();
        self.steps += 1;
        self.sequence_steps += shares.len() as u64;
        self.prompt_tokens += shares.iter().filter(|share| !share.decodes).map(|share| share.count as u64).sum::<u64>();
        self.busy_s += time.as_secs_f64();
        self.last_step_s = time.as_secs_f64();
        self.last_step_tokens = tokens;
    }

    pub(super) fn count_masks(&mut self, times: &MaskTimes) {
        self.masks += times.masks;
        self.masks_beside += times.beside;
        self.rules_s += times.held_up.as_secs_f64();
    }

    /// The first choice of a request reads its prompt for all.
    pub(super) fn count_finished(&mut self, choice: usize, reason: FinishReason, timings: &Timings) {
        if choice == 0 {
            self.prompt_tokens_finished += (timings.cached_tokens + timings.prefill_tokens) as u64;
            self.prompt_tokens_cached += timings.cached_tokens as u64;
        }
        match reason {
            FinishReason::Stop(_) | FinishReason::Complete => self.stopped += 1,
            FinishReason::Length | FinishReason::ContextFull => self.length += 1,
            FinishReason::Cancelled => self.cancelled += 1,
        }
    }
}
