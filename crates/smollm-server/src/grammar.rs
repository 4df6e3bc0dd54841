//! Grammars of the tokenizer's crate as the engine asks for them: compiled, and holding answers.

#[cfg(test)]
mod tests;

use crate::app::App;
use crate::body::beside;
use crate::error::ApiError;
use crate::model::Model;
use crate::reasoning::{AfterThoughts, Splitter};
use smollm_engine::{Ending, MaskError, Submission, TokenMask, TokenSet};
use smollm_tokenizer::constrain::{Allowed, Constraint, ConstraintError, Grammar, GrammarError};
use std::sync::Arc;

/// An answer that follows a grammar.
#[derive(Debug, Clone)]
pub struct GrammarMask {
    constraint: Constraint,
    /// What ends the answer where the grammar lets it.
    ends: Arc<[u32]>,
    /// Whether the grammar has texts that may stop anywhere: one that its limit stops is cut off all the same.
    free: bool,
    /// Whether the limit has stopped it.
    cut: bool,
}

impl GrammarMask {
    /// For the beginning of an answer that `ends` end, where it may end.
    pub fn new(constraint: Constraint, ends: &[u32]) -> Self {
        Self { constraint, ends: ends.into(), free: false, cut: false }
    }

    /// The same for a grammar with texts that may stop anywhere: one that the limit of the constraint stops is no whole answer.
    pub fn free(self, free: bool) -> Self {
        Self { free, ..self }
    }
}

/// What a grammar says that was taken when it was compiled, and cannot be followed all the same: nothing that the client did wrong, unless it
/// is too much work.
fn stopped(error: ConstraintError) -> MaskError {
    let message = error.to_string();
    match error {
        ConstraintError::TooCostly(_) => MaskError::TooCostly(message),
        _ => MaskError::Broken(message),
    }
}

/// Whether a grammar lets something come that may end the answer: an end that it does not want there is all that was in the way.
fn meets_an_end(next: &Allowed<'_>, ends: &[u32], vocab_size: usize) -> bool {
    ends.iter().any(|&id| (id as usize) < vocab_size && next.contains(id))
}

impl TokenMask for GrammarMask {
    fn allow(&mut self, allowed: &mut TokenSet) -> Result<(), MaskError> {
        let next = self.constraint.allowed().map_err(stopped)?;
        let meets_an_end = meets_an_end(&next, &self.ends, allowed.vocab_size());
        allowed.insert_words(next.words());
        allowed.remove(next.end());
        if next.may_end() {
            self.ends.iter().for_each(|&id| allowed.insert(id));
            return Ok(());
        }
        self.ends.iter().for_each(|&id| allowed.remove(id));
        match allowed.is_empty() {
            // which tokens those are, and what the grammar needs, is what the request says
            true if meets_an_end => {
                Err(MaskError::Unmet("the answer must go on with one of the tokens that end it".into()))
            }
            true => Err(MaskError::Broken("the answer must go on with a token that the model does not have".into())),
            false => Ok(()),
        }
    }

    fn accept(&mut self, id: u32) -> Result<Option<u32>, MaskError> {
        let taken = self.constraint.accept(id).map_err(stopped)?;
        self.cut = self.free && taken.is_none();
        Ok(taken)
    }

    fn ending(&mut self) -> Result<Ending, MaskError> {
        Ok(match self.constraint.has_ended() {
            _ if self.cut => Ending::Later,
            true => Ending::Here,
            false if self.free || !self.constraint.is_whole_at_its_limit() => Ending::Later,
            false if self.constraint.may_end().map_err(stopped)? => Ending::Possible,
            false => Ending::Later,
        })
    }

    fn ahead(&mut self) -> Vec<u32> {
        self.constraint.forced()
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(self.clone())
    }
}

/// What answers are held to.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) grammar: Grammar,
    /// Whether it has texts that may stop anywhere.
    pub(crate) free: bool,
}

impl Rule {
    /// An answer of at most `limit` tokens, which `ends` end.
    ///
    /// # Errors
    /// Even the shortest takes more.
    pub(crate) fn begin(&self, limit: usize, ends: &[u32]) -> Result<GrammarMask, GrammarError> {
        Ok(GrammarMask::new(self.grammar.begin_within(limit)?, ends).free(self.free))
    }

    /// Tokens of the shortest answer; at least one, where that is not known.
    pub(crate) fn shortest(&self) -> usize {
        self.grammar.shortest().unwrap_or(1)
    }

    /// Holds the answers of a submission to it. Where the model may think first, `thoughts` finds its thoughts, and says how long they may
    /// be.
    ///
    /// # Errors
    /// The answers may not be long enough for any text of the grammar.
    pub(crate) fn bind(
        self,
        model: &Model,
        submission: &mut Submission,
        thoughts: Option<(&Splitter, Option<usize>)>,
    ) -> Result<(), GrammarError> {
        let room = (model.engine.limits().context() + 1).saturating_sub(submission.prompt.len());
        let limit = submission.request.max_tokens.map_or(room, |max| max.min(room));
        let ends = &submission.request.stop_ids;
        submission.mask = Some(match thoughts {
            None => Box::new(self.begin(limit, ends)?),
            Some((splitter, most)) => Box::new(AfterThoughts::new(model, splitter.clone(), self, limit, most, ends)?),
        });
        Ok(())
    }
}

/// Refuses tokens of text among those that end an answer: one that follows a grammar may need them, and would be no text of it.
///
/// # Errors
/// There is one.
pub(crate) fn refuse_text_ends(model: &Model, submission: &Submission) -> Result<(), ApiError> {
    let own = model.ends(true);
    let is_text = |&&id: &&u32| {
        let bytes = model.tokenizer.token_bytes(id).filter(|bytes| !bytes.is_empty());
        bytes.is_some() && !model.tokenizer.is_special(id) && !own.contains(&id)
    };
    match submission.request.stop_ids.iter().find(is_text) {
        None => Ok(()),
        Some(id) => {
            let message = format!(
                "stop_token_ids: token {id} is text, which an answer that follows a grammar may need; give it as `stop`"
            );
            Err(ApiError::bad(message).param("stop_token_ids"))
        }
    }
}

/// Compiles on a thread that may take its time. Only so many do at once; who waits for one and leaves is forgotten.
///
/// # Errors
/// Those of `work`, or it panicked.
pub(crate) async fn compiled<T: Send + 'static>(
    app: &App,
    what: &str,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let turn = app.compilers.clone().acquire_owned().await;
    let turn = turn.map_err(|_| ApiError::internal(format!("{what} failed unexpectedly")))?;
    let work = move || {
        let result = work();
        drop(turn);
        result
    };
    beside(true, what, work).await
}
