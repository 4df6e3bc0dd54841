//! Guessed tokens in a step: they ride along with the sequence's own, and are kept as far as they are what is drawn.

use super::gate::{Candidate, Gate};
use super::{Engine, Share};
use crate::draft::{Drafter, Guess};

/// Who guesses, and how much of it is tried.
#[derive(Debug)]
pub(super) struct Speculation {
    pub(super) drafter: Box<dyn Drafter>,
    pub(super) gate: Gate,
    /// Guessed tokens of a sequence in a step.
    pub(super) max: usize,
    /// Rows of a step, guesses included.
    pub(super) max_rows: usize,
}

impl Engine {
    /// Adds guesses to the shares of sequences that generate, where they are expected to pay and blocks are free.
    pub(super) fn speculate(&mut self, shares: &mut [Share]) {
        let Some(speculation) = &mut self.speculation else { return };
        if shares.iter().any(|share| !share.decodes) {
            return; // the pass is bound by arithmetic, so further rows are not cheap
        }
        let context = self.limits.context();
        let mut guesses: Vec<Guess<'_>> = Vec::with_capacity(shares.len());
        for share in &*shares {
            let sequence = &self.scheduler.running[share.index];
            // The last token that may be drawn is not computed any more.
            let room = (context - sequence.tokens.len()).min(sequence.answer.left().saturating_sub(1));
            let max = room.min(speculation.max);
            let (tokens, prompt_len) = (&sequence.tokens[..], sequence.prompt_len);
            guesses.push(Guess { sequence: sequence.key, tokens, prompt_len, max, draft: Vec::new() });
        }
        let drafter = &mut speculation.drafter;
        let price = drafter.seconds_per_token();
        if price.is_none() {
            drafter.draft(&mut guesses);
        }
        let candidates: Vec<Candidate> = guesses
            .iter()
            .zip(&*shares)
            .map(|(guess, share)| {
                let acceptance = self.scheduler.running[share.index].acceptance.unwrap_or(speculation.gate.estimate());
                Candidate { len: if price.is_none() { guess.draft.len() } else { guess.max }, acceptance }
            })
            .collect();
        let most = speculation.max_rows.saturating_sub(shares.len());
        let chosen = speculation.gate.choose(shares.len(), most, price.unwrap_or(0.0), &candidates);
        if price.is_some() {
            guesses.iter_mut().zip(&chosen).for_each(|(guess, &count)| guess.max = count);
            drafter.draft(&mut guesses);
        }
        let drafts: Vec<Vec<u32>> = guesses.into_iter().map(|guess| guess.draft).collect();
        for ((share, mut draft), count) in shares.iter_mut().zip(drafts).zip(chosen) {
            draft.truncate(count);
            let room = self.scheduler.claim_free(&mut self.pool, share.index, 1 + draft.len());
            draft.truncate(room - 1);
            share.count = 1 + draft.len();
            self.stats.drafts += u64::from(!draft.is_empty());
            self.stats.drafted_tokens += draft.len() as u64;
            let sequence = &mut self.scheduler.running[share.index];
            (sequence.draft, sequence.right) = (draft, 0);
        }
    }

    /// Counts the right guesses of a complete step.
    pub(super) fn judge(&mut self, shares: &[Share]) {
        let Some(speculation) = &mut self.speculation else { return };
        for share in shares {
            let sequence = &mut self.scheduler.running[share.index];
            let draft = std::mem::take(&mut sequence.draft);
            if draft.is_empty() {
                continue;
            }
            let right = sequence.right;
            self.stats.accepted_tokens += right as u64;
            // The token drawn after the right ones is the last of the sequence, unless that ended before it was drawn.
            let wrong = draft.get(right).is_some_and(|guess| sequence.tokens.last() != Some(guess));
            speculation.gate.learn(right, wrong);
            sequence.acceptance.get_or_insert(speculation.gate.estimate()).learn(right, wrong);
        }
    }

    /// A complete step over `shares` took `seconds`: what it cost counts for the next.
    pub(super) fn learn(&mut self, shares: &[Share], seconds: f64) {
        let Some(speculation) = &mut self.speculation else { return };
        if shares.iter().all(|share| share.decodes) {
            speculation.gate.measured(shares.iter().map(|share| share.count).sum(), seconds);
        }
    }
}

#[cfg(test)]
mod tests;
