//! What a forward pass means for the sequences in it: tokens are drawn, reported, and answers end.

use super::sequence::{Seniority, Sequence};
use super::{Engine, Share};
use crate::answer::{Answer, Chosen, Measured};
use crate::error::EngineError;
use crate::request::{Event, FinishReason, RequestId, Token};
use crate::score::LOGIT_ROWS;
use smollm_kernels::ops::for_each;
use smollm_model::lm_head;

/// Why the logits of a row of the batch are wanted.
#[derive(Debug, Clone, Copy)]
enum Want {
    /// The next token of the running sequence `index`, or the one after `ahead` guesses if they are right.
    Next { index: usize, ahead: usize },
    /// The log-probability of the prompt token after `position` of it.
    Prompt { index: usize, position: usize },
}

/// The logits after a prompt that several choices continue, the first of which has read it.
struct Fork {
    first: Seniority,
    logits: Vec<f32>,
}

/// A token to be drawn by whatever thread is free.
struct Draw<'a> {
    row: usize,
    answer: &'a mut Answer,
    logits: &'a mut [f32],
    position: usize,
    chosen: Option<Chosen>,
}

/// How a sequence ended in this step.
enum End {
    Finished(FinishReason),
    Failed(EngineError),
}

/// Whether the request of `sequence` fails in this step: then nothing more is said of it.
fn failed(ends: &[(Seniority, End)], sequence: &Sequence) -> bool {
    ends.iter().any(|((request, _), end)| *request == sequence.request && matches!(end, End::Failed(_)))
}

impl Engine {
    /// Lets masks be worked out beside the pass over `shares`: those of the first token that each sequence draws when it has read its prompt or computed
    /// its last token, if it has not been done; and those of the choices that go on from the prompt.
    pub(super) fn begin_masks(&mut self, shares: &[Share]) {
        let context = self.limits.context();
        let (scheduler, cpu) = (&mut self.scheduler, &*self.cpu);
        let begin = |sequence: &mut Sequence| {
            if sequence.pooled.is_none() {
                sequence.answer.begin_mask(cpu, sequence.tokens.len(), context);
            }
        };
        for share in shares {
            let sequence = &mut scheduler.running[share.index];
            begin(sequence);
            let (request, leads) = (sequence.request, sequence.choice == 0 && !share.decodes);
            scheduler.waiting.iter_mut().filter(|s| leads && s.follows && s.request == request).for_each(begin);
        }
    }

    /// Takes note of a complete forward pass over `shares`.
    pub(super) fn finish_step(&mut self, shares: &[Share], sink: &mut dyn FnMut(RequestId, Event)) {
        let wanted = self.wanted(shares);
        for share in shares {
            let sequence = &mut self.scheduler.running[share.index];
            sequence.advance(share.count - sequence.draft.len(), &mut self.pool);
            let (done, total) = (sequence.computed.min(sequence.prompt_len), sequence.prompt_len);
            if sequence.choice == 0 && done > sequence.reported {
                sequence.reported = done;
                let cached = sequence.clock.cached_tokens;
                sink(sequence.request, Event::Prefill { cached, done, total });
            }
        }
        let mut ends = self.pool_prompts(shares, sink);
        let mut forks = Vec::new();
        for rows in wanted.chunks(LOGIT_ROWS) {
            self.logits_of(rows);
            self.report_prompt(rows, &mut ends, sink);
            for (i, &(_, want)) in rows.iter().enumerate() {
                if let Want::Next { index, ahead: 0 } = want {
                    forks.extend(self.fork_of(index, i));
                }
            }
            let mut chosen = self.choose_first(rows);
            for (i, &(_, want)) in rows.iter().enumerate() {
                let Want::Next { index, ahead } = want else { continue };
                let sequence = &self.scheduler.running[index];
                if ahead > sequence.right || failed(&ends, sequence) {
                    continue; // a guess before it was wrong, or its prompt was
                }
                ends.extend(self.draw(index, i, chosen[i].take(), sink));
            }
        }
        self.judge(shares);
        for fork in forks {
            self.fork(fork, &mut ends, sink);
        }
        self.end(ends, sink);
    }

    /// Adds the hidden states of the pass to the vectors that are made of prompts, and reports those that are complete.
    fn pool_prompts(&mut self, shares: &[Share], sink: &mut dyn FnMut(RequestId, Event)) -> Vec<(Seniority, End)> {
        let width = self.model.config.hidden_size;
        let (mut ends, mut row) = (Vec::new(), 0);
        for share in shares {
            let hidden = &self.runner.hidden()[row * width..(row + share.count) * width];
            row += share.count;
            let sequence = &mut self.scheduler.running[share.index];
            let Some(pooled) = &mut sequence.pooled else { continue };
            pooled.add(hidden);
            if sequence.computed < sequence.prompt_len {
                continue;
            }
            let not_finite = EngineError::NotFinite { position: sequence.prompt_len - 1 };
            let vector = pooled.vector().ok_or(not_finite);
            let end = match sequence.still_intact(&self.model).and(vector) {
                Ok(vector) => {
                    sink(sequence.request, Event::Embedding(vector));
                    End::Finished(FinishReason::Length)
                }
                Err(error) => End::Failed(error),
            };
            ends.push((sequence.seniority(), end));
        }
        ends
    }

    /// If other choices wait for running sequence `index` to read their prompt, which it now has: its name and the logits, which
    /// all of them draw from.
    fn fork_of(&self, index: usize, row: usize) -> Option<Fork> {
        let sequence = &self.scheduler.running[index];
        let asks = |other: &Sequence| other.follows && other.request == sequence.request;
        let vocab_size = self.model.config.vocab_size;
        (sequence.choice == 0 && self.scheduler.waiting.iter().any(asks)).then(|| Fork {
            first: sequence.seniority(),
            logits: self.logits[row * vocab_size..][..vocab_size].to_vec(),
        })
    }

    /// Lets the other choices of a request start from the prompt that the first has read.
    fn fork(&mut self, fork: Fork, ends: &mut Vec<(Seniority, End)>, sink: &mut dyn FnMut(RequestId, Event)) {
        let Some(first) = self.scheduler.running.iter().position(|s| s.seniority() == fork.first) else { return };
        let before = self.scheduler.running.len();
        for (from, to) in self.scheduler.fork(first, &mut self.pool) {
            self.kv.copy_block(from, to);
        }
        let forked = self.scheduler.running.len() - before;
        for index in first + 1..=first + forked {
            self.logits.clear();
            self.logits.extend_from_slice(&fork.logits);
            ends.extend(self.draw(index, 0, None, sink));
        }
    }

    /// The rows of the batch whose logits are wanted, and why.
    fn wanted(&self, shares: &[Share]) -> Vec<(usize, Want)> {
        let (mut wanted, mut row) = (Vec::new(), 0);
        for &Share { index, count, decodes } in shares {
            let sequence = &self.scheduler.running[index];
            let first = sequence.computed;
            if sequence.prompt_logprobs.is_some() {
                // The logits after a position are about the token that follows it.
                let positions = first.max(sequence.prompt_scored - 1)..(first + count).min(sequence.prompt_len - 1);
                wanted.extend(positions.map(|position| (row + position - first, Want::Prompt { index, position })));
            }
            if decodes {
                wanted.extend((0..count).map(|ahead| (row + ahead, Want::Next { index, ahead })));
            } else if count == sequence.pending() && sequence.pooled.is_none() {
                wanted.push((row + count - 1, Want::Next { index, ahead: 0 }));
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
        ends: &mut Vec<(Seniority, End)>,
        sink: &mut dyn FnMut(RequestId, Event),
    ) {
        let vocab_size = self.model.config.vocab_size;
        let mut portions: Vec<(usize, Vec<Token>)> = Vec::new();
        for (logits, &(_, want)) in self.logits.chunks(vocab_size).zip(rows) {
            let Want::Prompt { index, position } = want else { continue };
            let sequence = &mut self.scheduler.running[index];
            if failed(ends, sequence) {
                continue;
            }
            if !logits.iter().all(|l| l.is_finite()) {
                ends.push((sequence.seniority(), End::Failed(EngineError::NotFinite { position })));
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
            match self.scheduler.running[index].still_intact(&self.model) {
                Ok(()) => sink(self.scheduler.running[index].request, Event::PromptTokens(tokens)),
                Err(error) => ends.push((self.scheduler.running[index].seniority(), End::Failed(error))),
            }
        }
    }

    /// For each of these rows of the logits that is the first of a sequence, what is drawn from it, the threads sharing the work;
    /// nothing for those whose turn depends on another's. What a sequence draws is its own affair, so that order is of no account.
    fn choose_first(&mut self, rows: &[(usize, Want)]) -> Vec<Option<Chosen>> {
        let (vocab_size, context) = (self.model.config.vocab_size, self.limits.context());
        let mut row_of = vec![None; self.scheduler.running.len()];
        for (i, &(_, want)) in rows.iter().enumerate() {
            if let Want::Next { index, ahead: 0 } = want {
                row_of[index] = Some(i);
            }
        }
        let mut logits: Vec<Option<&mut [f32]>> = self.logits.chunks_mut(vocab_size).map(Some).collect();
        let mut draws: Vec<Draw<'_>> = Vec::with_capacity(rows.len());
        for (sequence, row) in self.scheduler.running.iter_mut().zip(row_of) {
            if let Some(row) = row
                && sequence.answer.full(sequence.tokens.len(), context).is_none()
                && sequence.still_intact(&self.model).is_ok()
                && let Some(logits) = logits[row].take()
            {
                let position = sequence.tokens.len() - 1;
                draws.push(Draw { row, answer: &mut sequence.answer, logits, position, chosen: None });
            }
        }
        for_each(&self.cpu, &mut draws, |draw| draw.chosen = Some(draw.answer.choose(draw.logits, draw.position)));
        let mut chosen: Vec<Option<Chosen>> = rows.iter().map(|_| None).collect();
        draws.into_iter().for_each(|draw| chosen[draw.row] = draw.chosen);
        chosen
    }

    /// Takes note of what was drawn for running sequence `index`, or draws it, from row `row` of the logits.
    fn draw(
        &mut self,
        index: usize,
        row: usize,
        chosen: Option<Chosen>,
        sink: &mut dyn FnMut(RequestId, Event),
    ) -> Option<(Seniority, End)> {
        let vocab_size = self.model.config.vocab_size;
        let context = self.limits.context();
        let sequence = &mut self.scheduler.running[index];
        let (name, len) = (sequence.seniority(), sequence.tokens.len());
        let chosen = match (chosen, sequence.answer.full(len, context)) {
            (Some(chosen), _) => chosen,
            (None, Some(reason)) => return Some((name, End::Finished(reason))), // no token was asked for
            (None, None) => {
                let logits = &mut self.logits[row * vocab_size..][..vocab_size];
                // Nothing is handed out if a model file changed.
                sequence.still_intact(&self.model).and_then(|()| sequence.answer.choose(logits, len - 1))
            }
        };
        sequence.answer.mask_times().iter().for_each(|times| self.stats.count_masks(times));
        let token = match chosen {
            Err(error) => return Some((name, End::Failed(error))),
            Ok(Err(reason)) => return Some((name, End::Finished(reason))),
            Ok(Ok(token)) => token,
        };
        sequence.clock.token();
        sequence.tokens.push(token.id);
        self.stats.generated_tokens += 1;
        let full = sequence.answer.full(len + 1, context);
        if full.is_none() && sequence.draft.get(sequence.right) == Some(&token.id) {
            sequence.right += 1;
            sequence.advance(1, &mut self.pool); // its keys and values are there already
        }
        sink(sequence.request, Event::Token { choice: sequence.choice, token });
        full.map(|reason| (name, End::Finished(reason)))
    }

    /// Removes the sequences that ended, and the others of requests that failed.
    fn end(&mut self, ends: Vec<(Seniority, End)>, sink: &mut dyn FnMut(RequestId, Event)) {
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
