//! What a forward pass means for the sequences in it: tokens are drawn, reported, and answers end.

use super::{Engine, Share};
use crate::answer::Measured;
use crate::error::EngineError;
use crate::request::{Event, FinishReason, RequestId, Token};
use crate::score::LOGIT_ROWS;
use smollm_model::lm_head;

/// Why the logits of a row of the batch are wanted.
#[derive(Debug, Clone, Copy)]
enum Want {
    /// The next token of the running sequence `index`.
    Next { index: usize },
    /// The log-probability of the prompt token after `position` of it.
    Prompt { index: usize, position: usize },
}

/// How a sequence ended in this step.
enum End {
    Finished(FinishReason),
    Failed(EngineError),
}

impl Engine {
    /// Takes note of a complete forward pass over `shares`.
    pub(super) fn finish_step(&mut self, shares: &[Share], sink: &mut dyn FnMut(RequestId, Event)) {
        let wanted = self.wanted(shares);
        for share in shares {
            let sequence = &mut self.scheduler.running[share.index];
            sequence.computed += share.count;
            if sequence.choice == 0 && sequence.tokens.len() == sequence.prompt_len {
                let (done, total) = (sequence.computed, sequence.prompt_len);
                sink(sequence.request, Event::Prefill { done, total });
            }
        }
        let mut ends: Vec<(usize, End)> = Vec::new();
        for rows in wanted.chunks(LOGIT_ROWS) {
            self.logits_of(rows);
            self.report_prompt(rows, &mut ends, sink);
            for (i, &(_, want)) in rows.iter().enumerate() {
                if let Want::Next { index } = want
                    && let Some(end) = self.draw(index, i, sink)
                {
                    ends.push((index, end));
                }
            }
        }
        self.end(ends, sink);
    }

    /// The rows of the batch whose logits are wanted, and why.
    fn wanted(&self, shares: &[Share]) -> Vec<(usize, Want)> {
        let (mut wanted, mut row) = (Vec::new(), 0);
        for &Share { index, count } in shares {
            let sequence = &self.scheduler.running[index];
            let first = sequence.computed;
            if sequence.prompt_logprobs.is_some() {
                // The logits after a position are about the token that follows it.
                let positions = first.max(sequence.prompt_scored - 1)..(first + count).min(sequence.prompt_len - 1);
                wanted.extend(positions.map(|position| (row + position - first, Want::Prompt { index, position })));
            }
            if count == sequence.pending() {
                wanted.push((row + count - 1, Want::Next { index }));
            }
            row += count;
        }
        wanted
    }

    /// Fills `self.logits` with those of some rows of the batch.
    fn logits_of(&mut self, rows: &[(usize, Want)]) {
        let (width, vocab_size) = (self.model.config.hidden_size, self.model.config.vocab_size);
        let hidden = self.runner.hidden();
        self.rows.clear();
        for &(row, _) in rows {
            self.rows.extend_from_slice(&hidden[row * width..][..width]);
        }
        self.logits.resize(rows.len() * vocab_size, 0.0);
        lm_head(&self.cpu, &self.model, &self.rows, &mut self.logits);
    }

    /// Reports the log-probabilities of prompt tokens, a portion for each sequence.
    fn report_prompt(
        &mut self,
        rows: &[(usize, Want)],
        ends: &mut Vec<(usize, End)>,
        sink: &mut dyn FnMut(RequestId, Event),
    ) {
        let vocab_size = self.model.config.vocab_size;
        let mut portions: Vec<(usize, Vec<Token>)> = Vec::new();
        for (logits, &(_, want)) in self.logits.chunks(vocab_size).zip(rows) {
            let Want::Prompt { index, position } = want else { continue };
            let sequence = &mut self.scheduler.running[index];
            if !logits.iter().all(|l| l.is_finite()) {
                ends.push((index, End::Failed(EngineError::NotFinite { position })));
                continue;
            }
            let measured = Measured::new(logits, sequence.prompt_logprobs.unwrap_or(0));
            let token = measured.token(sequence.tokens[position + 1], logits);
            sequence.prompt_scored = position + 2;
            match portions.last_mut() {
                Some((last, tokens)) if *last == index => tokens.push(token),
                _ => portions.push((index, vec![token])),
            }
        }
        for (index, tokens) in portions {
            match self.model.still_intact() {
                Ok(()) => sink(self.scheduler.running[index].request, Event::PromptTokens(tokens)),
                Err(error) => ends.push((index, End::Failed(error.into()))),
            }
        }
    }

    /// Draws the next token of running sequence `index` from row `row` of the logits.
    fn draw(&mut self, index: usize, row: usize, sink: &mut dyn FnMut(RequestId, Event)) -> Option<End> {
        let vocab_size = self.model.config.vocab_size;
        let context = self.limits.context();
        let sequence = &mut self.scheduler.running[index];
        let len = sequence.tokens.len();
        if let Some(reason) = sequence.answer.full(len, context) {
            return Some(End::Finished(reason)); // no token was asked for
        }
        let logits = &mut self.logits[row * vocab_size..][..vocab_size];
        let token = match sequence.answer.choose(&self.model, logits, len - 1) {
            Err(error) => return Some(End::Failed(error)),
            Ok(Err(reason)) => return Some(End::Finished(reason)),
            Ok(Ok(token)) => token,
        };
        sequence.clock.token();
        sequence.tokens.push(token.id);
        self.stats.generated_tokens += 1;
        let full = sequence.answer.full(len + 1, context);
        sink(sequence.request, Event::Token { choice: sequence.choice, token });
        full.map(End::Finished)
    }

    /// Removes the sequences that ended, and the others of requests that failed.
    fn end(&mut self, ends: Vec<(usize, End)>, sink: &mut dyn FnMut(RequestId, Event)) {
        let name = |engine: &Self, index: usize| engine.scheduler.running[index].seniority();
        let ends: Vec<_> = ends.into_iter().map(|(index, end)| (name(self, index), end)).collect();
        for ((request, choice), end) in ends {
            match end {
                End::Finished(reason) => {
                    for sequence in self.take_out(|s| s.seniority() == (request, choice)) {
                        self.report_finished(&sequence, reason, sink);
                    }
                }
                End::Failed(error) => {
                    if !self.take_out(|s| s.request == request).is_empty() {
                        self.stats.failed += 1;
                        sink(request, Event::Failed(error));
                    }
                }
            }
        }
    }
}
