//! One answer that follows a grammar: what may come next, and what came.

use std::fmt;
use std::sync::Arc;

use llguidance::Matcher;
use toktrie::SimpleVob;

use super::budget::Budget;
use super::error::{ConstraintError, GrammarError};
use super::grammar::Compiled;

/// Tokens after which an answer looks at how much memory the matchers of its grammar take.
const MEASURED_EVERY: usize = 16;

/// How far an answer has followed its grammar. A clone goes on from the same place on its own.
#[derive(Clone)]
pub struct Constraint {
    grammar: Arc<Compiled>,
    matcher: Matcher,
    /// Which of the grammar's matchers it is a copy of.
    generation: u64,
    /// What came.
    said: Vec<u32>,
    /// What may come next, once it is known.
    mask: Option<SimpleVob>,
    budget: Option<Budget>,
    /// Whether the matcher has given up, so that the text goes on as the budget has planned it.
    planned: bool,
    /// Whether it was ended because it could not go on with what was left.
    ended: bool,
}

/// The tokens that may come next.
#[derive(Debug, Clone, Copy)]
pub struct Allowed<'a> {
    words: &'a [u32],
    end: u32,
    may_end: bool,
}

impl<'a> Allowed<'a> {
    /// The tokens, bit `id % 32` of word `id / 32`. The bit [`Allowed::end`] says whether the text may end.
    pub fn words(&self) -> &'a [u32] {
        self.words
    }

    /// The number after the vocabulary's last.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// Whether the text is complete, so that the answer may end here.
    pub fn may_end(&self) -> bool {
        self.may_end
    }

    /// Whether `id` is among them.
    pub fn contains(&self, id: u32) -> bool {
        self.words.get(id as usize / 32).is_some_and(|word| word >> (id % 32) & 1 == 1)
    }

    /// The only one, if there is no other, nor may the answer end.
    pub fn only(&self) -> Option<u32> {
        let mut set = self.words.iter().enumerate().filter(|(_, word)| **word != 0);
        let (index, word) = set.next()?;
        let alone = set.next().is_none() && word.is_power_of_two() && !self.may_end;
        alone.then(|| index as u32 * 32 + word.trailing_zeros())
    }
}

impl Constraint {
    pub(super) fn new(grammar: Arc<Compiled>) -> Self {
        let (matcher, generation) = grammar.matchers.first();
        Self { grammar, matcher, generation, said: Vec::new(), mask: None, budget: None, planned: false, ended: false }
    }

    pub(super) fn within(grammar: Arc<Compiled>, limit: usize) -> Result<Self, GrammarError> {
        let budget = grammar.opening.as_ref().map(|opening| opening.within(limit)).transpose()?;
        Ok(Self { budget, ..Self::new(grammar) })
    }

    /// The tokens that may come next. Where text is forced, only the token that the tokenizer would take for it may.
    ///
    /// # Errors
    /// The grammar is too much work at this place. That of an answer within a limit ends as it was planned to instead.
    pub fn allowed(&mut self) -> Result<Allowed<'_>, ConstraintError> {
        if self.mask.is_none() && !self.has_ended() && !self.planned {
            match self.ask(Matcher::compute_mask_or_eos) {
                Ok(mask) => self.mask = Some(mask),
                Err(error) => self.go_by_plan(error)?,
            }
        }
        let trie = self.grammar.tokens.tok_trie();
        if self.has_ended() {
            self.mask = Some(trie.eos_token_set());
        } else if self.planned {
            let next = self.budget.as_ref().and_then(Budget::planned);
            self.mask = next.map(|id| trie.singleton_token_set(id));
        }
        let mask = self.mask.as_ref().ok_or_else(|| ConstraintError::broken("no mask"))?;
        Ok(Allowed { words: mask.as_slice(), end: self.grammar.end, may_end: mask.is_allowed(self.grammar.end) })
    }

    /// `id` came next. The token that is taken: `id`, or another one where after `id` there would not be enough tokens left to make the
    /// text whole, or none where the text is whole already and ends for that reason.
    ///
    /// # Errors
    /// It may not, after what came before.
    pub fn accept(&mut self, id: u32) -> Result<Option<u32>, ConstraintError> {
        let mask = self.mask.take();
        let was_allowed = mask.as_ref().is_some_and(|mask| mask.is_allowed(id));
        if self.has_ended() || id >= self.grammar.end || mask.is_some() && !was_allowed {
            return Err(ConstraintError::refused(format!("token {id} may not come next")));
        }
        let taken = match &mut self.budget {
            None => Some(id),
            Some(budget) => budget.take(&self.grammar, id).map_err(ConstraintError::refused)?,
        };
        let Some(taken) = taken else {
            self.ended = true;
            return Ok(None);
        };
        if !self.planned
            && let Err(error) = self.ask(|matcher| matcher.consume_token(taken))
        {
            // without a mask it may be the token that is wrong
            let error = match error {
                ConstraintError::TooCostly(why) if !was_allowed => ConstraintError::Refused(why),
                error => error,
            };
            self.go_by_plan(error)?;
        }
        self.planned |= self.budget.as_ref().is_some_and(Budget::has_only_its_plan);
        if self.said.len().is_multiple_of(MEASURED_EVERY) {
            self.grammar.matchers.measure();
        }
        self.said.push(taken);
        Ok(Some(taken))
    }

    /// Whether the text is complete: it may end here, and perhaps go on.
    ///
    /// # Errors
    /// As [`Constraint::allowed`].
    pub fn may_end(&mut self) -> Result<bool, ConstraintError> {
        if self.has_ended() || self.planned {
            return Ok(self.has_ended());
        }
        match self.ask(Matcher::is_accepting) {
            Ok(may_end) => Ok(may_end),
            Err(error) => {
                self.go_by_plan(error)?;
                Ok(self.has_ended())
            }
        }
    }

    /// Whether the answer was begun within a limit and the ends of its grammar are known: such a text is whole when the limit is reached. Others
    /// may be cut off, also where they could end.
    pub fn is_whole_at_its_limit(&self) -> bool {
        self.budget.is_some()
    }

    /// Whether the text is complete and nothing may follow.
    pub fn has_ended(&self) -> bool {
        match self.planned {
            true => self.ended || self.budget.as_ref().and_then(Budget::planned).is_none(),
            false => self.ended || self.matcher.is_stopped() && !self.matcher.is_error(),
        }
    }

    /// The tokens that must come next whatever is drawn: none where there is a choice, or where the text may be cut into tokens in
    /// several ways.
    pub fn forced(&mut self) -> Vec<u32> {
        match self.has_ended() || self.planned {
            true => Vec::new(),
            false => self.matcher.compute_ff_tokens(),
        }
    }

    /// What the matcher says. What all answers share may be worn out, by this one or another: then it is made anew, and asked once more.
    fn ask<T, E: fmt::Display>(
        &mut self,
        question: impl Fn(&mut Matcher) -> Result<T, E>,
    ) -> Result<T, ConstraintError> {
        if let Ok(answer) = question(&mut self.matcher) {
            return Ok(answer);
        }
        (self.matcher, self.generation) = self.grammar.matchers.renewed(self.generation);
        self.matcher.consume_tokens(&self.said).map_err(|error| ConstraintError::of_parser(&error.to_string()))?;
        question(&mut self.matcher).map_err(|error| ConstraintError::of_parser(&error.to_string()))
    }

    /// Ends the text as it was planned to end, if it was.
    fn go_by_plan(&mut self, error: ConstraintError) -> Result<(), ConstraintError> {
        let Some(budget) = &mut self.budget else { return Err(error) };
        budget.plan_the_rest(&self.grammar).map_err(ConstraintError::broken)?;
        self.planned = true;
        Ok(())
    }

    /// What an answer does that asks too much of what all answers share.
    #[cfg(test)]
    pub(super) fn wear_out(&mut self) {
        assert!(self.matcher.test_trigger_lexer_error().is_err());
    }

    /// What an answer does whose matcher cannot be had again either.
    #[cfg(test)]
    pub(super) fn break_matcher(&mut self) {
        self.said.insert(0, self.grammar.end);
        self.wear_out();
    }

    /// Does something while answers of this grammar can neither compute masks nor tell how they end.
    #[cfg(test)]
    pub(super) fn meanwhile(&self, work: impl Fn() + Send + Sync) {
        self.chart().meanwhile(|| self.grammar.matchers.meanwhile(self.grammar.tokens.tok_trie(), work));
    }

    /// Where its text is.
    #[cfg(test)]
    pub(super) fn chart(&self) -> &super::closing::Chart {
        self.budget.as_ref().unwrap().chart()
    }

    /// What an answer does whose grammar is too much work from here on.
    #[cfg(test)]
    pub(super) fn give_up(&mut self) {
        self.go_by_plan(ConstraintError::broken("enough")).unwrap();
    }
}

impl fmt::Debug for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Constraint").field("ended", &self.has_ended()).finish_non_exhaustive()
    }
}
