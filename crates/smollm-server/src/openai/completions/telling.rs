//! The continuations of prompts, told at once or piece by piece.

use super::wire::{Completion, CompletionChoice};
use crate::answer::{Answers, News, Wish};
use crate::app::{fresh_id, unix_seconds};
use crate::ask::Extras;
use crate::catalog::Lease;
use crate::native::timings::SpokenTimings;
use crate::openai::logprobs::{Logprobs, Offsets};
use crate::openai::usage::Usage;
use crate::sse::{Lines, Narrator};
use crate::transcript::Delta;
use smollm_engine::{Event, Token};
use smollm_tokenizer::Tokenizer;

/// A request under way, and what has been heard of it.
pub(super) struct Telling {
    lease: Lease,
    parts: Vec<Part>,
    extras: Extras,
    id: String,
    created: u64,
    fingerprint: String,
}

/// One prompt and its continuations.
pub(super) struct Part {
    answers: Answers,
    prompt: Vec<u32>,
    /// The prompt as text, if answers begin with it.
    echo: Option<String>,
    choices: Vec<Choice>,
}

/// One continuation.
struct Choice {
    text: String,
    tokens: Vec<Token>,
    /// Where the next token begins; `None` until the prompt's tokens are counted.
    offsets: Option<Offsets>,
    /// Whether the echo has gone out.
    begun: bool,
}

impl Part {
    pub(super) fn new(answers: Answers, prompt: Vec<u32>, echo: Option<String>) -> Self {
        let choice = |_: &_| Choice { text: String::new(), tokens: Vec::new(), offsets: None, begun: false };
        let choices = answers.choices.iter().map(choice).collect();
        Self { answers, prompt, echo, choices }
    }

    /// The log-probabilities of a piece of choice `index`, the first of which begins with the prompt's if that is echoed.
    fn logprobs(&mut self, tokenizer: &Tokenizer, index: usize, tokens: &[Token], first: bool) -> Logprobs {
        let mut logprobs = Logprobs::default();
        if self.echo.is_some() && first {
            let mut offsets = Offsets::default();
            let shown =
                |id: u32| !tokenizer.is_special(id) || self.echo.as_deref().is_some_and(|e| has(tokenizer, e, id));
            if let Some(&id) = self.prompt.first() {
                let at = offsets.next(tokenizer, id, shown(id));
                logprobs.push_first(tokenizer, id, at);
            }
            for token in &self.answers.prompt_tokens {
                let at = offsets.next(tokenizer, token.id, shown(token.id));
                logprobs.push(tokenizer, token, at);
            }
            self.choices[index].offsets = Some(offsets);
        }
        let prompt = &self.prompt;
        let start = || Offsets::from(tokenizer.decode(prompt, false).chars().count());
        let offsets = self.choices[index].offsets.get_or_insert_with(start);
        for token in tokens {
            let at = offsets.next(tokenizer, token.id, !tokenizer.is_special(token.id));
            logprobs.push(tokenizer, token, at);
        }
        logprobs
    }
}

/// Whether a text spells a token: one that was put before a prompt is not in its text.
fn has(tokenizer: &Tokenizer, text: &str, id: u32) -> bool {
    tokenizer.token_str(id).is_some_and(|spelling| text.contains(spelling))
}

impl Telling {
    /// Nothing heard yet of the continuations of prompts that the engine has taken.
    pub(super) fn new(lease: Lease, mut parts: Vec<Part>, extras: Extras) -> Self {
        parts.iter_mut().for_each(|part| part.answers.taken());
        let fingerprint = lease.model.fingerprint(lease.adapter.as_ref());
        Self { lease, parts, extras, id: fresh_id("cmpl-"), created: unix_seconds(), fingerprint }
    }

    /// Keeps what an event of a prompt says; what is wanted then.
    pub(super) fn take(&mut self, index: usize, event: Event) -> Wish {
        let Some(part) = self.parts.get_mut(index) else { return Wish::More };
        if let News::Text(choice, delta) = part.answers.hear(event) {
            let choice = &mut part.choices[choice];
            choice.text.push_str(&delta.text);
            if self.extras.logprobs {
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
    pub(super) fn completion(mut self) -> Completion {
        let usage = self.usage();
        let tokenizer = self.lease.model.tokenizer.clone();
        let mut choices = Vec::new();
        for part in &mut self.parts {
            for number in 0..part.choices.len() {
                let tokens = std::mem::take(&mut part.choices[number].tokens);
                let logprobs = self.extras.logprobs.then(|| part.logprobs(&tokenizer, number, &tokens, true));
                let mut text = part.echo.clone().unwrap_or_default();
                text.push_str(&part.choices[number].text);
                let finish_reason = part.answers.choices[number].end();
                choices.push(CompletionChoice { index: choices.len(), text, logprobs, finish_reason });
            }
        }
        Completion { usage: Some(Some(usage)), timings: self.timings(), ..self.piece(choices) }
    }

    /// Of the first choice of the first prompt.
    fn timings(&self) -> Option<SpokenTimings> {
        self.parts.first().map(|part| part.answers.spoken_timings(0))
    }

    fn usage(&self) -> Usage {
        Usage::of(self.parts.iter().map(|part| &part.answers))
    }

    fn piece(&self, choices: Vec<CompletionChoice>) -> Completion {
        Completion {
            id: self.id.clone(),
            object: "text_completion",
            created: self.created,
            model: self.lease.name.clone(),
            choices,
            system_fingerprint: self.fingerprint.clone(),
            usage: self.extras.usage.then_some(None),
            timings: None,
            prompt_progress: None,
        }
    }

    fn tell(&mut self, part: usize, number: usize, delta: Delta, out: &mut Lines) {
        let index = self.parts[..part].iter().map(|part| part.choices.len()).sum::<usize>() + number;
        let tokenizer = self.lease.model.tokenizer.clone();
        let part = &mut self.parts[part];
        let first = !std::mem::replace(&mut part.choices[number].begun, true);
        let mut text = if first { part.echo.clone().unwrap_or_default() } else { String::new() };
        text.push_str(&delta.text);
        let finish_reason = part.answers.choices[number].end();
        let with_tokens = self.extras.logprobs && (!delta.tokens.is_empty() || (first && part.echo.is_some()));
        let logprobs = with_tokens.then(|| part.logprobs(&tokenizer, number, &delta.tokens, first));
        if !text.is_empty() || logprobs.is_some() || finish_reason.is_some() {
            let timings = self.extras.timings.then(|| part.answers.spoken_timings(number));
            let piece = vec![CompletionChoice { index, text, logprobs, finish_reason }];
            out.data(&Completion { timings, ..self.piece(piece) });
        }
    }
}

impl Narrator for Telling {
    fn hear(&mut self, index: usize, event: Event, out: &mut Lines) -> Wish {
        let Some(part) = self.parts.get_mut(index) else { return Wish::More };
        match part.answers.hear(event) {
            News::Text(number, delta) => self.tell(index, number, delta, out),
            News::Prefill(reports) if self.extras.progress => {
                for (progress, timings) in reports {
                    let timings = self.extras.timings.then(|| SpokenTimings::new(&timings, 0));
                    out.data(&Completion { prompt_progress: Some(progress), timings, ..self.piece(Vec::new()) });
                }
            }
            News::Prefill(_) | News::Nothing => {}
        }
        self.wish(index)
    }

    fn close(&mut self, out: &mut Lines) {
        if self.extras.usage {
            let (usage, timings) = (Some(Some(self.usage())), self.timings());
            out.data(&Completion { usage, timings, ..self.piece(Vec::new()) });
        }
        out.done();
    }
}
