//! What the engine says of an answer, turned into text and numbers that every dialect needs.

use crate::body::beside;
use crate::call::Call;
use crate::catalog::Lease;
use crate::error::ApiError;
use crate::metrics::Watch;
use crate::native::timings::{Pace, Progress, SpokenTimings};
use crate::reasoning::Splitter;
use crate::transcript::{Delta, Transcript};
use crate::unsent::Share;
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use smollm_engine::{Event, Submission, Timings, Token};
use smollm_tokenizer::stream::StopStrings;
use std::sync::Arc;

/// The answers to one prompt, as far as they are.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) choices: Vec<Transcript>,
    /// The prompt's own tokens but the first, if their log-probabilities were asked for.
    pub(crate) prompt_tokens: Vec<Token>,
    /// Tokens of the prompt.
    pub(crate) prompt: usize,
    pace: Pace,
    /// Of each choice that has ended; the first reads the prompt for all.
    timings: Vec<Option<Timings>>,
    /// Choices whose text is not complete, and those that the engine still works on: it does not know of stop strings.
    untold: usize,
    unfinished: usize,
    /// The choice whose text was made complete by what was heard last, and which the engine still works on.
    stopped: Option<usize>,
    watch: Watch,
}

/// What an event means for a client.
#[derive(Debug)]
pub(crate) enum News {
    /// How far the prompt has been read, and how long that took.
    Prefill(Vec<(Progress, Timings)>),
    /// A choice goes on, or ends if its transcript says so.
    Text(usize, Delta),
    /// Nothing that anybody has to hear.
    Nothing,
}

/// What whoever hears events wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// More of them.
    More,
    /// The end of one choice of a submission: its text is complete, and that of others is not.
    EnoughOf(usize),
    /// The end of a submission: its text is complete.
    Enough,
    /// Nothing: everything is there.
    Nothing,
}

impl Answers {
    /// No answers yet to a submission.
    pub(crate) fn new(lease: &Lease, submission: &Submission, stops: &StopStrings) -> Self {
        let tokenizer = &lease.model.tokenizer;
        let continues = submission.prompt.iter().any(|&id| !tokenizer.is_special(id));
        let choice = || Transcript::new(tokenizer.clone(), stops, continues);
        Self {
            choices: std::iter::repeat_with(choice).take(submission.choices).collect(),
            prompt_tokens: Vec::new(),
            prompt: submission.prompt.len(),
            pace: Pace::start(),
            timings: vec![None; submission.choices],
            untold: submission.choices,
            unfinished: submission.choices,
            stopped: None,
            watch: Watch::start(lease.metrics.clone(), submission),
        }
    }

    /// What follows the tag that opens a call is no text, and no stop string ends it. `splitter` finds the thoughts of an answer.
    pub(crate) fn expect_calls(&mut self, splitter: &Splitter) {
        self.choices.iter_mut().for_each(|choice| choice.expect_calls(splitter.clone()));
    }

    /// The engine has taken the submission.
    pub(crate) fn taken(&mut self) {
        self.watch.taken();
        self.pace = Pace::start();
    }

    /// Takes an event in. `Failed` is for the caller.
    pub(crate) fn hear(&mut self, event: Event) -> News {
        self.stopped = None;
        match event {
            Event::Prefill { cached, done, total } => News::Prefill(self.pace.read(total, cached, done)),
            Event::PromptTokens(tokens) => {
                self.prompt_tokens.extend(tokens);
                News::Nothing
            }
            Event::Token { choice, token } => {
                self.pace.token();
                let untold = self.untold;
                let news = self.change(choice, |transcript| transcript.push(token));
                self.stopped = (self.untold < untold).then_some(choice);
                news
            }
            Event::Finished { choice, reason, timings } => {
                if let Some(place) = self.timings.get_mut(choice) {
                    *place = Some(timings);
                }
                self.unfinished = self.unfinished.saturating_sub(1);
                self.watch.finished(choice, &timings);
                self.change(choice, |transcript| transcript.finish(reason))
            }
            Event::Failed(_) | Event::Embedding(_) => News::Nothing,
        }
    }

    fn change(&mut self, choice: usize, step: impl FnOnce(&mut Transcript) -> Delta) -> News {
        let Some(transcript) = self.choices.get_mut(choice) else { return News::Nothing };
        if transcript.end().is_some() {
            return News::Nothing;
        }
        let before = transcript.tokens();
        let delta = step(transcript);
        if transcript.tokens() > before {
            self.watch.token(choice);
        }
        if let Some(reason) = transcript.end() {
            self.untold -= 1;
            self.watch.ended(transcript.tokens(), reason);
        } else if delta == Delta::default() {
            return News::Nothing;
        }
        News::Text(choice, delta)
    }

    /// What is wanted of the engine from now on.
    pub(crate) fn wish(&self) -> Wish {
        match (self.untold, self.unfinished) {
            (_, 0) => Wish::Nothing,
            (0, _) => Wish::Enough,
            _ => self.stopped.map_or(Wish::More, Wish::EnoughOf),
        }
    }

    /// How long a choice took, or has taken so far.
    pub(crate) fn timings(&self, choice: usize) -> Timings {
        let tokens = self.choices.get(choice).map_or(0, Transcript::tokens);
        self.timings.get(choice).copied().flatten().unwrap_or_else(|| self.pace.timings(tokens))
    }

    /// The same in llama-server's words.
    pub(crate) fn spoken_timings(&self, choice: usize) -> SpokenTimings {
        SpokenTimings::new(&self.timings(choice), self.choices.get(choice).map_or(0, Transcript::tokens))
    }

    /// Tokens of all choices.
    pub(crate) fn tokens(&self) -> usize {
        self.choices.iter().map(Transcript::tokens).sum()
    }
}

/// Waits for all answers; `hear` is told of every event and says what is wanted then. What comes back is to be held until they are
/// told.
///
/// # Errors
/// The engine failed.
pub(crate) async fn collect(
    mut call: Call,
    mut hear: impl FnMut(usize, Event) -> Wish,
) -> Result<Arc<Share>, ApiError> {
    loop {
        match call.next().await? {
            (_, Event::Failed(error)) => return Err(error.into()),
            (index, event) => match hear(index, event) {
                Wish::More => {}
                Wish::EnoughOf(choice) => call.cancel_choice(index, choice),
                Wish::Enough => call.cancel(index),
                Wish::Nothing => return Ok(call.kept()),
            },
        }
    }
}

/// The response with a whole answer, of which `kept` was kept.
///
/// # Errors
/// Making it failed unexpectedly.
pub(crate) async fn tell<T: Serialize>(
    kept: Arc<Share>,
    answer: impl FnOnce() -> T + Send + 'static,
) -> Result<Response, ApiError> {
    let large = kept.is_large();
    let words = move || {
        let response = Json(answer()).into_response();
        drop(kept);
        Ok(response)
    };
    beside(large, "telling the answer", words).await
}
