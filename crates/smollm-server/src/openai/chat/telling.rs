//! The answers to a conversation, told at once or piece by piece.

use super::wire::{AnswerMessage, ChatChoice, ChatChunk, ChatCompletion, ChunkChoice, DeltaMessage};
use crate::answer::{Answers, News, Wish};
use crate::app::{fresh_id, unix_seconds};
use crate::ask::Extras;
use crate::catalog::Lease;
use crate::native::timings::SpokenTimings;
use crate::openai::logprobs::ChatLogprobs;
use crate::openai::usage::Usage;
use crate::reasoning::{Split, Splitter};
use crate::sse::{Lines, Narrator};
use crate::transcript::Delta;
use smollm_engine::{Event, Token};

/// A request under way, and what has been heard of it.
pub(super) struct Telling {
    lease: Lease,
    answers: Answers,
    choices: Vec<Choice>,
    extras: Extras,
    id: String,
    created: u64,
    fingerprint: String,
}

/// One answer.
struct Choice {
    splitter: Splitter,
    whole: Split,
    tokens: Vec<Token>,
    reasoning_tokens: usize,
    /// Whether its first piece has gone out.
    begun: bool,
}

impl Telling {
    /// Nothing heard yet of the answers to a prompt that the engine has taken; `splitter` finds their thoughts.
    pub(super) fn new(lease: Lease, mut answers: Answers, splitter: &Splitter, extras: Extras) -> Self {
        answers.taken();
        let choice = |_: &_| Choice {
            splitter: splitter.clone(),
            whole: Split::default(),
            tokens: Vec::new(),
            reasoning_tokens: 0,
            begun: false,
        };
        let choices = answers.choices.iter().map(choice).collect();
        let fingerprint = lease.model.fingerprint(lease.adapter.as_ref());
        Self { lease, answers, choices, extras, id: fresh_id("chatcmpl-"), created: unix_seconds(), fingerprint }
    }

    /// Keeps what an event says; what is wanted then.
    pub(super) fn take(&mut self, event: Event) -> Wish {
        if let News::Text(index, delta) = self.answers.hear(event) {
            let split = self.split(index, &delta);
            let choice = &mut self.choices[index];
            choice.whole.reasoning.push_str(&split.reasoning);
            choice.whole.content.push_str(&split.content);
            if self.extras.logprobs {
                choice.tokens.extend(delta.tokens);
            }
        }
        self.answers.wish()
    }

    /// The whole answer.
    pub(super) fn completion(self) -> ChatCompletion {
        let usage = self.usage();
        let timings = self.answers.spoken_timings(0);
        let tokenizer = &self.lease.model.tokenizer;
        let choices =
            self.choices.into_iter().zip(&self.answers.choices).enumerate().map(|(index, (choice, answer))| {
                let Split { reasoning, content } = choice.whole;
                ChatChoice {
                    index,
                    message: AnswerMessage {
                        role: "assistant",
                        content,
                        reasoning_content: (!reasoning.is_empty()).then_some(reasoning),
                        refusal: None,
                    },
                    logprobs: self.extras.logprobs.then(|| ChatLogprobs::of(tokenizer, &choice.tokens)),
                    finish_reason: answer.end().unwrap_or("stop"),
                }
            });
        ChatCompletion {
            id: self.id,
            object: "chat.completion",
            created: self.created,
            model: self.lease.name.clone(),
            choices: choices.collect(),
            usage,
            system_fingerprint: self.fingerprint,
            timings,
        }
    }

    /// Tells thoughts from answer in a piece; the last piece takes along what was held back.
    fn split(&mut self, index: usize, delta: &Delta) -> Split {
        let choice = &mut self.choices[index];
        let was_thinking = choice.splitter.is_thinking();
        let mut split = choice.splitter.push(&delta.text);
        if was_thinking || choice.splitter.is_thinking() {
            choice.reasoning_tokens += delta.tokens.len();
        }
        if self.answers.choices[index].end().is_some() {
            let rest = choice.splitter.finish();
            split.reasoning.push_str(&rest.reasoning);
            split.content.push_str(&rest.content);
        }
        split
    }

    fn usage(&self) -> Usage {
        let mut usage = Usage::of([&self.answers]);
        let thoughts = self.choices.iter().map(|choice| choice.reasoning_tokens).sum();
        usage.completion_tokens_details.reasoning_tokens = thoughts;
        usage
    }

    fn chunk(&self, choices: Vec<ChunkChoice>) -> ChatChunk {
        ChatChunk {
            id: self.id.clone(),
            object: "chat.completion.chunk",
            created: self.created,
            model: self.lease.name.clone(),
            choices,
            system_fingerprint: self.fingerprint.clone(),
            usage: self.extras.usage.then_some(None),
            timings: None,
            prompt_progress: None,
        }
    }

    fn piece(&self, index: usize, delta: DeltaMessage, logprobs: Option<ChatLogprobs>, out: &mut Lines) {
        let timings = (self.extras.timings && delta.role.is_none()).then(|| self.answers.spoken_timings(index));
        let piece = vec![ChunkChoice { index, delta, logprobs, finish_reason: None }];
        out.data(&ChatChunk { timings, ..self.chunk(piece) });
    }

    fn tell(&mut self, index: usize, delta: Delta, out: &mut Lines) {
        if !std::mem::replace(&mut self.choices[index].begun, true) {
            let delta =
                DeltaMessage { role: Some("assistant"), content: Some(String::new()), ..DeltaMessage::default() };
            self.piece(index, delta, None, out);
        }
        let Split { reasoning, content } = self.split(index, &delta);
        let with_tokens = self.extras.logprobs && !delta.tokens.is_empty();
        if with_tokens || !reasoning.is_empty() || !content.is_empty() {
            let message = DeltaMessage {
                role: None,
                content: (!content.is_empty() || reasoning.is_empty()).then_some(content),
                reasoning_content: (!reasoning.is_empty()).then_some(reasoning),
            };
            let logprobs = with_tokens.then(|| ChatLogprobs::of(&self.lease.model.tokenizer, &delta.tokens));
            self.piece(index, message, logprobs, out);
        }
        if let Some(reason) = self.answers.choices[index].end() {
            let timings = self.extras.timings.then(|| self.answers.spoken_timings(index));
            let last =
                ChunkChoice { index, delta: DeltaMessage::default(), logprobs: None, finish_reason: Some(reason) };
            out.data(&ChatChunk { timings, ..self.chunk(vec![last]) });
        }
    }
}

impl Narrator for Telling {
    fn hear(&mut self, _: usize, event: Event, out: &mut Lines) -> Wish {
        match self.answers.hear(event) {
            News::Text(index, delta) => self.tell(index, delta, out),
            News::Prefill(reports) if self.extras.progress => {
                for (progress, timings) in reports {
                    let timings = self.extras.timings.then(|| SpokenTimings::new(&timings, 0));
                    out.data(&ChatChunk { prompt_progress: Some(progress), timings, ..self.chunk(Vec::new()) });
                }
            }
            News::Prefill(_) | News::Nothing => {}
        }
        self.answers.wish()
    }

    fn close(&mut self, out: &mut Lines) {
        if self.extras.usage {
            let timings = Some(self.answers.spoken_timings(0));
            out.data(&ChatChunk { usage: Some(Some(self.usage())), timings, ..self.chunk(Vec::new()) });
        }
        out.done();
    }
}
