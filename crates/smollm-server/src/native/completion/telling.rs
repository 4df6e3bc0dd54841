//! The continuations of prompts in llama-server's own words, told at once or piece by piece.

use super::wire::{NativeAnswer, NativeCompletion, NativeEvent, NativePiece};
use crate::answer::{Answers, News, Wish};
use crate::ask::Extras;
use crate::catalog::Lease;
use crate::native::parameters::Parameters;
use crate::native::timings::SpokenTimings;
use crate::openai::logprobs::ChatLogprobs;
use crate::sse::{Lines, Narrator};
use crate::transcript::{Delta, End};
use serde_json::{Map, Value};
use smollm_engine::{Event, Token};

/// There are no slots to choose from.
const NO_SLOT: i32 = -1;

/// What a whole answer has.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// The ids of its tokens.
    pub(super) tokens: bool,
    /// These fields alone, if there are any.
    pub(super) fields: Vec<String>,
}

/// A request under way, and what has been heard of it.
pub(super) struct Telling {
    lease: Lease,
    parts: Vec<Part>,
    extras: Extras,
    wanted: Wanted,
}

/// One prompt and its continuations.
pub(super) struct Part {
    answers: Answers,
    prompt: Vec<u32>,
    parameters: Parameters,
    choices: Vec<Choice>,
}

/// One continuation.
#[derive(Debug, Default)]
struct Choice {
    text: String,
    tokens: Vec<Token>,
    has_new_line: bool,
}

impl Part {
    pub(super) fn new(answers: Answers, prompt: Vec<u32>, parameters: Parameters) -> Self {
        let choices = answers.choices.iter().map(|_| Choice::default()).collect();
        Self { answers, prompt, parameters, choices }
    }
}

impl Telling {
    /// Nothing heard yet of the continuations of prompts that the engine has taken.
    pub(super) fn new(lease: Lease, mut parts: Vec<Part>, extras: Extras, wanted: Wanted) -> Self {
        parts.iter_mut().for_each(|part| part.answers.taken());
        Self { lease, parts, extras, wanted }
    }

    /// Keeps what an event of a prompt says; what is wanted then.
    pub(super) fn take(&mut self, index: usize, event: Event) -> Wish {
        let Some(part) = self.parts.get_mut(index) else { return Wish::More };
        if let News::Text(choice, delta) = part.answers.hear(event) {
            let choice = &mut part.choices[choice];
            choice.has_new_line |= delta.text.contains('\n');
            choice.text.push_str(&delta.text);
            if self.extras.logprobs || self.wanted.tokens {
                choice.tokens.extend(delta.tokens);
            }
        }
        self.wish(index)
    }

    /// What is wanted after an event of a prompt.
    fn wish(&self, index: usize) -> Wish {
        let all = self.parts.iter().all(|part| part.answers.wish() == Wish::Nothing);
        match self.parts[index].answers.wish() {
            Wish::Nothing if !all => Wish::More,
            wish => wish,
        }
    }

    /// The whole answer.
    pub(super) fn completion(self) -> NativeCompletion {
        let each = self.parts.iter().enumerate();
        let each = each.flat_map(|(part, p)| (0..p.choices.len()).map(move |number| (part, number)));
        let mut answers: Vec<NativeAnswer> = each.map(|(part, number)| self.answer(part, number)).collect();
        let chosen = |answer: &NativeAnswer| chosen(answer, &self.wanted.fields);
        match (answers.len(), self.wanted.fields.is_empty()) {
            (1, true) => NativeCompletion::One(Box::new(answers.remove(0))),
            (1, false) => NativeCompletion::Fields(chosen(&answers[0])),
            (_, true) => NativeCompletion::Several(answers),
            (_, false) => NativeCompletion::SeveralFields(answers.iter().map(chosen).collect()),
        }
    }

    /// Where an answer stands among all.
    fn index(&self, part: usize, number: usize) -> usize {
        self.parts[..part].iter().map(|part| part.choices.len()).sum::<usize>() + number
    }

    /// A choice that has ended, with what was kept of it.
    fn answer(&self, at: usize, number: usize) -> NativeAnswer {
        let part = &self.parts[at];
        let (choice, transcript) = (&part.choices[number], &part.answers.choices[number]);
        let (stop_type, stopping_word) = match transcript.ending() {
            Some(End::Word(word)) => ("word", word.clone()),
            Some(End::Length | End::Context) => ("limit", String::new()),
            Some(End::Token) | None => ("eos", String::new()),
        };
        let tokenizer = &self.lease.model.tokenizer;
        let tokens = if self.wanted.tokens { choice.tokens.as_slice() } else { &[] };
        let probabilities = || ChatLogprobs::of(tokenizer, &choice.tokens).content;
        NativeAnswer {
            index: self.index(at, number),
            content: choice.text.clone(),
            tokens: tokens.iter().map(|token| token.id).collect(),
            id_slot: NO_SLOT,
            stop: true,
            model: self.lease.name.clone(),
            tokens_predicted: transcript.tokens(),
            tokens_evaluated: part.prompt.len(),
            generation_settings: part.parameters.clone(),
            prompt: self.lease.model.tokenizer.decode(&part.prompt, false),
            has_new_line: choice.has_new_line,
            truncated: transcript.ending() == Some(&End::Context),
            stop_type,
            stopping_word,
            tokens_cached: part.prompt.len() + transcript.tokens(),
            timings: part.answers.spoken_timings(number),
            completion_probabilities: (self.extras.logprobs && !part.parameters.stream).then(probabilities),
        }
    }

    fn piece(&self, at: usize, number: usize) -> NativePiece {
        let part = &self.parts[at];
        NativePiece {
            index: self.index(at, number),
            content: String::new(),
            tokens: Vec::new(),
            stop: false,
            id_slot: NO_SLOT,
            tokens_predicted: part.answers.choices[number].tokens(),
            tokens_evaluated: part.prompt.len(),
            timings: None,
            prompt_progress: None,
            completion_probabilities: None,
        }
    }

    fn tell(&mut self, at: usize, number: usize, delta: Delta, out: &mut Lines) {
        let part = &mut self.parts[at];
        part.choices[number].has_new_line |= delta.text.contains('\n');
        if !delta.text.is_empty() || !delta.tokens.is_empty() {
            let probabilities = || ChatLogprobs::of(&self.lease.model.tokenizer, &delta.tokens).content;
            out.data(&NativeEvent::Piece(NativePiece {
                completion_probabilities: self.extras.logprobs.then(probabilities),
                tokens: delta.tokens.iter().map(|token| token.id).collect(),
                timings: self.extras.timings.then(|| self.parts[at].answers.spoken_timings(number)),
                content: delta.text,
                ..self.piece(at, number)
            }));
        }
        if self.parts[at].answers.choices[number].end().is_some() {
            let answer = self.answer(at, number);
            out.data(&match self.wanted.fields.as_slice() {
                [] => NativeEvent::Last(Box::new(answer)),
                fields => NativeEvent::Fields(chosen(&answer, fields)),
            });
        }
    }
}

/// Some fields of an answer, those inside of others under their whole path; what is not there is left out.
fn chosen(answer: &NativeAnswer, fields: &[String]) -> Map<String, Value> {
    let answer = serde_json::to_value(answer).unwrap_or_default(); // numbers, texts and lists: nothing that JSON lacks
    let find = |path: &String| path.split('/').try_fold(&answer, |value, key| value.get(key)).cloned();
    fields.iter().filter_map(|path| Some((path.clone(), find(path)?))).collect()
}

impl Narrator for Telling {
    fn hear(&mut self, index: usize, event: Event, out: &mut Lines) -> Wish {
        let Some(part) = self.parts.get_mut(index) else { return Wish::More };
        match part.answers.hear(event) {
            News::Text(number, delta) => self.tell(index, number, delta, out),
            News::Prefill(reports) if self.extras.progress => {
                for (progress, timings) in reports {
                    let timings = self.extras.timings.then(|| SpokenTimings::new(&timings, 0));
                    let piece = NativePiece { prompt_progress: Some(progress), timings, ..self.piece(index, 0) };
                    out.data(&NativeEvent::Piece(piece));
                }
            }
            News::Prefill(_) | News::Nothing => {}
        }
        self.wish(index)
    }

    fn close(&mut self, _: &mut Lines) {} // the last piece of each answer has `stop`
}
