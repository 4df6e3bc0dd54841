//! Tokens that are forced by rules or guessed: in a step they ride along with the sequence's own, and are kept as far as they are what
//! is drawn.

use super::gate::{Candidate, Gate};
use super::{Engine, Share};
use crate::draft::{Drafter, Guess};

/// Forced tokens of a step, at most: others wait for it.
const FORCED_ROWS: usize = 128;
/// Rows that kernels take together where they take many: a strip with one row costs what a full one does.
const STRIP: usize = 16;

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
    /// Adds to the shares of sequences that generate what is forced to follow, or else guesses, where blocks are free.
    pub(super) fn look_ahead(&mut self, shares: &mut [Share]) {
        let context = self.limits.context();
        let mut forced: Vec<(usize, Vec<u32>)> = Vec::new();
        for (number, share) in shares.iter().enumerate().filter(|(_, share)| share.decodes) {
            let sequence = &mut self.scheduler.running[share.index];
            let tokens = sequence.answer.forced(FORCED_ROWS.min(context - sequence.tokens.len()));
            sequence.forced = !tokens.is_empty();
            if sequence.forced {
                forced.push((number, tokens.to_vec()));
            }
        }
        let rows = shares.iter().map(|share| share.count).sum();
        let counts = allotted(rows, &forced.iter().map(|(_, tokens)| tokens.len()).collect::<Vec<_>>());
        for ((number, mut tokens), count) in forced.into_iter().zip(counts) {
            tokens.truncate(count);
            self.ride_along(&mut shares[number], tokens);
        }
        self.speculate(shares);
    }

    /// As many of `draft` as there are blocks for become a part of the share.
    fn ride_along(&mut self, share: &mut Share, mut draft: Vec<u32>) {
        let room = self.scheduler.claim_free(&mut self.pool, share.index, 1 + draft.len());
        draft.truncate(room - 1);
        share.count = 1 + draft.len();
        let sequence = &mut self.scheduler.running[share.index];
        (sequence.draft, sequence.right) = (draft, 0);
    }

    /// Adds guesses where they are expected to pay.
    fn speculate(&mut self, shares: &mut [Share]) {
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
            let max = if sequence.forced { 0 } else { room.min(speculation.max) };
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
        let rows = shares.iter().map(|share| share.count).sum();
        let most = speculation.max_rows.saturating_sub(rows);
        let chosen = speculation.gate.choose(rows, most, price.unwrap_or(0.0), &candidates);
        if price.is_some() {
            guesses.iter_mut().zip(&chosen).for_each(|(guess, &count)| guess.max = count);
            drafter.draft(&mut guesses);
        }
        let drafts: Vec<Vec<u32>> = guesses.into_iter().map(|guess| guess.draft).collect();
        for ((share, mut draft), count) in shares.iter_mut().zip(drafts).zip(chosen) {
            if self.scheduler.running[share.index].forced {
                continue;
            }
            draft.truncate(count);
            self.ride_along(share, draft);
            self.stats.drafts += u64::from(share.count > 1);
            self.stats.drafted_tokens += share.count as u64 - 1;
        }
    }

    /// Counts the right guesses of a complete step, and forgets them.
    pub(super) fn judge(&mut self, shares: &[Share]) {
        for share in shares {
            let sequence = &mut self.scheduler.running[share.index];
            let draft = std::mem::take(&mut sequence.draft);
            let right = sequence.right;
            if std::mem::take(&mut sequence.forced) {
                self.stats.forced_tokens += right as u64;
                continue;
            }
            let Some(speculation) = self.speculation.as_mut().filter(|_| !draft.is_empty()) else { continue };
            self.stats.accepted_tokens += right as u64;
            // The token drawn after the right ones is the last of the sequence, unless that ended before it was drawn.
            let wrong = draft.get(right).is_some_and(|guess| sequence.tokens.last() != Some(guess));
            speculation.gate.learn(right, wrong);
            sequence.acceptance.get_or_insert(speculation.gate.estimate()).learn(right, wrong);
        }
    }

    /// Forgets what rode along in a step that was given up.
    pub(super) fn forget_drafts(&mut self, shares: &[Share]) {
        for share in shares {
            let sequence = &mut self.scheduler.running[share.index];
            sequence.draft.clear();
            sequence.forced = false;
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

/// How many of their forced tokens sequences compute in a step that has `rows` rows without. What does not fill a strip waits: it is as
/// forced in the next step, and may share that with others. Each gets its next one before any gets more.
fn allotted(rows: usize, forced: &[usize]) -> Vec<usize> {
    let all = rows + forced.iter().sum::<usize>().min(FORCED_ROWS);
    let whole_strips = if all < STRIP { all } else { all / STRIP * STRIP };
    // where not even the strip that is there would be filled, it costs nothing to take what there is
    let mut left = if whole_strips > rows { whole_strips } else { all } - rows;
    let mut counts = vec![0; forced.len()];
    while left > 0 {
        for (count, _) in counts.iter_mut().zip(forced).filter(|(count, most)| **count < **most) {
            if left > 0 {
                *count += 1;
                left -= 1;
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests;
