//! What the engine says of an answer, turned into text and numbers that every dialect needs.

use crate::call::Call;
use crate::error::ApiError;
use crate::sse::{engine_gone, too_slow};
use crate::transcript::{Delta, Transcript};
use smollm_engine::{Event, Timings, Token};
use smollm_tokenizer::Tokenizer;
use std::sync::Arc;
use std::time::Duration;

/// The answers to one prompt, as far as they are.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) choices: Vec<Transcript>,
    /// The prompt's own tokens but the first, if their log-probabilities were asked for.
    pub(crate) prompt_tokens: Vec<Token>,
    /// Tokens of the prompt.
    pub(crate) prompt: usize,
    /// Of the first choice, which reads the prompt for all.
    pub(crate) timings: Timings,
    open: usize,
}

/// What an event means for a client.
#[derive(Debug)]
pub(crate) enum News {
    /// So many of the prompt's tokens have been read.
    Prefill(usize),
    /// The log-probabilities of the prompt are complete or have got longer.
    Prompt,
    /// A choice goes on, or ends if its transcript says so.
    Text(usize, Delta),
    /// Nothing that anybody has to hear.
    Nothing,
}

impl Answers {
    /// No answers yet to a prompt.
    pub(crate) fn new(tokenizer: &Arc<Tokenizer>, prompt: &[u32], choices: usize, stops: &[String]) -> Self {
        let continues = prompt.iter().any(|&id| !tokenizer.is_special(id));
        let choice = || Transcript::new(tokenizer.clone(), stops, continues);
        Self {
            choices: std::iter::repeat_with(choice).take(choices).collect(),
            prompt_tokens: Vec::new(),
            prompt: prompt.len(),
            timings: Timings::default(),
            open: choices,
        }
    }

    /// Takes an event in. `Failed` is for the caller.
    pub(crate) fn hear(&mut self, event: Event) -> News {
        match event {
            Event::Prefill { done, .. } => News::Prefill(done),
            Event::PromptTokens(tokens) => {
                self.prompt_tokens.extend(tokens);
                News::Prompt
            }
            Event::Token { choice, token } => self.change(choice, |transcript| transcript.push(token)),
            Event::Finished { choice, reason, timings } => {
                if choice == 0 {
                    self.timings = timings;
                }
                self.change(choice, |transcript| transcript.finish(reason))
            }
            Event::Failed(_) => News::Nothing,
        }
    }

    fn change(&mut self, choice: usize, step: impl FnOnce(&mut Transcript) -> Delta) -> News {
        let Some(transcript) = self.choices.get_mut(choice) else { return News::Nothing };
        if transcript.end().is_some() {
            return News::Nothing;
        }
        let delta = step(transcript);
        if transcript.end().is_some() {
            self.open -= 1;
        } else if delta == Delta::default() {
            return News::Nothing;
        }
        News::Text(choice, delta)
    }

    /// Whether every choice has ended.
    pub(crate) fn complete(&self) -> bool {
        self.open == 0
    }

    /// Whether the engine still works for it: a stop string is found here, not there.
    pub(crate) fn tokens(&self) -> usize {
        self.choices.iter().map(Transcript::tokens).sum()
    }
}

/// Waits for all answers; `hear` is told of every event and says whether more is wanted.
///
/// # Errors
/// The engine failed, or time is up.
pub(crate) async fn collect(
    mut call: Call,
    limit: Option<Duration>,
    mut hear: impl FnMut(usize, Event) -> bool,
) -> Result<(), ApiError> {
    let all = async {
        loop {
            match call.next().await {
                Some((_, Event::Failed(error))) => return Err(error.into()),
                Some((index, event)) => {
                    if !hear(index, event) {
                        return Ok(());
                    }
                }
                None => return Err(engine_gone()),
            }
        }
    };
    match limit {
        Some(limit) => tokio::time::timeout(limit, all).await.unwrap_or_else(|_| Err(too_slow())),
        None => all.await,
    }
}
