//! The answers to a conversation, told at once or piece by piece.

use super::wire::{
    AnswerMessage, CalledFunction, ChatChoice, ChatChunk, ChatCompletion, ChunkChoice, DeltaCall, DeltaFunction,
    DeltaMessage, ToolCall,
};
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
use smollm_tokenizer::tools::{CallReader, Said};

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

/// What tells the parts of an answer apart.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// Thoughts and what follows them.
    pub(super) splitter: Splitter,
    /// Text and calls, where there may be calls.
    pub(super) calls: Option<CallReader>,
}

/// One answer.
struct Choice {
    reading: Reading,
    whole: Piece,
    /// Calls that have begun.
    calls: usize,
    tokens: Vec<Token>,
    reasoning_tokens: usize,
    /// Whether its first piece has gone out.
    begun: bool,
}

impl Telling {
    /// Nothing heard yet of the answers to a prompt that the engine has taken; `reading` tells their parts apart.
    pub(super) fn new(lease: Lease, mut answers: Answers, reading: &Reading, extras: Extras) -> Self {
        answers.taken();
        let choice = |_: &_| Choice {
            reading: reading.clone(),
            whole: Piece::default(),
            calls: 0,
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
            let piece = self.read(index, &delta);
            let choice = &mut self.choices[index];
            choice.whole.add(piece);
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
                let finish_reason = choice.reason(answer.end().unwrap_or("stop"));
                let Piece { reasoning, content, calls } = choice.whole;
                ChatChoice {
                    index,
                    message: AnswerMessage {
                        role: "assistant",
                        content: (!content.is_empty() || calls.is_empty()).then_some(content),
                        reasoning_content: (!reasoning.is_empty()).then_some(reasoning),
                        tool_calls: whole_calls(calls),
                        refusal: None,
                    },
                    logprobs: self.extras.logprobs.then(|| ChatLogprobs::of(tokenizer, &choice.tokens)),
                    finish_reason,
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

    /// Tells apart what is in a piece; the last takes along what was held back.
    fn read(&mut self, index: usize, delta: &Delta) -> Piece {
        let choice = &mut self.choices[index];
        let Reading { splitter, calls } = &mut choice.reading;
        let was_thinking = splitter.is_thinking();
        let mut split = splitter.push(&delta.text);
        if was_thinking || splitter.is_thinking() {
            choice.reasoning_tokens += delta.tokens.len();
        }
        let ended = self.answers.choices[index].end().is_some();
        if ended {
            let rest = splitter.finish();
            split.reasoning.push_str(&rest.reasoning);
            split.content.push_str(&rest.content);
        }
        let Split { reasoning, content } = split;
        let Some(reader) = calls else { return Piece { reasoning, content, calls: Vec::new() } };
        let mut said = reader.push(&content);
        if ended {
            said.extend(reader.finish());
        }
        let mut piece = Piece { reasoning, ..Piece::default() };
        for said in said {
            match said {
                Said::Text(text) => piece.content.push_str(&text),
                Said::Call(name) => {
                    let function = DeltaFunction { name: Some(name), arguments: String::new() };
                    let (id, r#type) = (Some(fresh_id("call_")), Some("function"));
                    piece.calls.push(DeltaCall { index: choice.calls, id, r#type, function });
                    choice.calls += 1;
                }
                Said::Arguments(text) => match piece.calls.last_mut() {
                    Some(call) => call.function.arguments.push_str(&text),
                    None => {
                        let function = DeltaFunction { name: None, arguments: text };
                        let index = choice.calls.saturating_sub(1);
                        piece.calls.push(DeltaCall { index, id: None, r#type: None, function });
                    }
                },
            }
        }
        piece
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
            let delta = DeltaMessage { role: Some("assistant"), content: Some(None), ..DeltaMessage::default() };
            self.piece(index, delta, None, out);
        }
        let Piece { reasoning, content, calls } = self.read(index, &delta);
        let with_tokens = self.extras.logprobs && !delta.tokens.is_empty();
        if with_tokens || !reasoning.is_empty() || !content.is_empty() || !calls.is_empty() {
            let message = DeltaMessage {
                role: None,
                content: (!content.is_empty() || (reasoning.is_empty() && calls.is_empty())).then_some(Some(content)),
                reasoning_content: (!reasoning.is_empty()).then_some(reasoning),
                tool_calls: calls,
            };
            let logprobs = with_tokens.then(|| ChatLogprobs::of(&self.lease.model.tokenizer, &delta.tokens));
            self.piece(index, message, logprobs, out);
        }
        if let Some(reason) = self.answers.choices[index].end() {
            let reason = self.choices[index].reason(reason);
            let timings = self.extras.timings.then(|| self.answers.spoken_timings(index));
            let last =
                ChunkChoice { index, delta: DeltaMessage::default(), logprobs: None, finish_reason: Some(reason) };
            out.data(&ChatChunk { timings, ..self.chunk(vec![last]) });
        }
    }
}

impl Choice {
    /// OpenAI's `finish_reason`: an answer whose calls are whole waits for what comes of them.
    fn reason(&self, end: &'static str) -> &'static str {
        let whole = self.reading.calls.as_ref().is_some_and(|reader| !reader.is_cut());
        if self.calls > 0 && (end == "stop" || whole) { "tool_calls" } else { end }
    }
}

/// What an answer, or a piece of one, says.
#[derive(Debug, Default)]
struct Piece {
    reasoning: String,
    content: String,
    calls: Vec<DeltaCall>,
}

impl Piece {
    fn add(&mut self, next: Self) {
        self.reasoning.push_str(&next.reasoning);
        self.content.push_str(&next.content);
        for call in next.calls {
            match self.calls.last_mut().filter(|last| last.index == call.index) {
                Some(last) => last.function.arguments.push_str(&call.function.arguments),
                None => self.calls.push(call),
            }
        }
    }
}

/// Calls of which all pieces are there.
fn whole_calls(pieces: Vec<DeltaCall>) -> Vec<ToolCall> {
    let whole = |DeltaCall { id, function, .. }: DeltaCall| ToolCall {
        id: id.unwrap_or_default(),
        r#type: "function",
        function: CalledFunction { name: function.name.unwrap_or_default(), arguments: function.arguments },
    };
    pieces.into_iter().map(whole).collect()
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
