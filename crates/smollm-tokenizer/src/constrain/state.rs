//! One answer that follows a grammar: what may come next, and what came.

use std::fmt;
use std::sync::Arc;

use llguidance::Matcher;
use toktrie::SimpleVob;

use super::closing::{Chart, fewest_tokens};
use super::error::{ConstraintError, GrammarError};
use super::grammar::Compiled;

/// How far an answer has followed its grammar. A clone goes on from the same place on its own.
#[derive(Clone)]
pub struct Constraint {
    grammar: Arc<Compiled>,
    matcher: Matcher,
    /// What may come next, once it is known.
    mask: Option<SimpleVob>,
    budget: Option<Budget>,
    /// Whether it was ended because it could not go on with what was left.
    ended: bool,
}

/// How many tokens are left, and how the text ends with them.
#[derive(Clone)]
struct Budget {
    left: usize,
    chart: Chart,
    /// Tokens that end the text from here, where they have been worked out; never more than are left.
    plan: Option<Vec<u32>>,
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
        let matcher = grammar.matcher.clone();
        Self { grammar, matcher, mask: None, budget: None, ended: false }
    }

    pub(super) fn within(grammar: Arc<Compiled>, limit: usize) -> Result<Self, GrammarError> {
        let Some(rules) = &grammar.rules else { return Ok(Self::new(grammar)) };
        let chart = Chart::new(rules.clone());
        let unknown = |reason: String| GrammarError::text("grammar", reason);
        let plan = plan(&grammar, &chart).map_err(unknown)?;
        if plan.len() > limit {
            return Err(GrammarError::TooShort { limit, shortest: plan.len() });
        }
        let budget = Some(Budget { left: limit, chart, plan: Some(plan) });
        Ok(Self { budget, ..Self::new(grammar) })
    }

    /// The tokens that may come next. Where text is forced, only the token that the tokenizer would take for it may.
    ///
    /// # Errors
    /// The grammar is too much work at this place.
    pub fn allowed(&mut self) -> Result<Allowed<'_>, ConstraintError> {
        if self.ended {
            self.mask = Some(self.grammar.tokens.tok_trie().eos_token_set());
        }
        if self.mask.is_none() {
            self.mask = Some(self.matcher.compute_mask_or_eos().map_err(|e| self.grammar.breaks(e))?);
        }
        let mask = self.mask.as_ref().ok_or_else(|| ConstraintError::new("no mask"))?;
        Ok(Allowed { words: mask.as_slice(), end: self.grammar.end, may_end: mask.is_allowed(self.grammar.end) })
    }

    /// `id` came next. The token that is taken: `id`, or another one where after `id` there would not be enough tokens left to make the
    /// text whole, or none where the text is whole already and ends for that reason.
    ///
    /// # Errors
    /// It may not, after what came before.
    pub fn accept(&mut self, id: u32) -> Result<Option<u32>, ConstraintError> {
        self.mask = None;
        if self.has_ended() || id >= self.grammar.end {
            return Err(ConstraintError::new(format!("token {id} may not come next")));
        }
        let taken = match &mut self.budget {
            None => Some(id),
            Some(budget) => budget.take(&self.grammar, id).map_err(ConstraintError::new)?,
        };
        match taken {
            Some(taken) => self.matcher.consume_token(taken).map_err(|e| self.grammar.breaks(e))?,
            None => self.ended = true,
        }
        Ok(taken)
    }

    /// Whether the text is complete: it may end here, and perhaps go on.
    ///
    /// # Errors
    /// As [`Constraint::allowed`].
    pub fn may_end(&mut self) -> Result<bool, ConstraintError> {
        if self.has_ended() {
            return Ok(true);
        }
        self.matcher.is_accepting().map_err(|e| self.grammar.breaks(e))
    }

    /// Whether the text is complete and nothing may follow.
    pub fn has_ended(&self) -> bool {
        self.ended || self.matcher.is_stopped() && !self.matcher.is_error()
    }

    /// The tokens that must come next whatever is drawn: none where there is a choice, or where the text may be cut into tokens in
    /// several ways.
    pub fn forced(&mut self) -> Vec<u32> {
        match self.has_ended() {
            true => Vec::new(),
            false => self.matcher.compute_ff_tokens(),
        }
    }
}

impl Budget {
    /// Takes `id`, or else the next token of what ends the text soonest, if it has not ended.
    fn take(&mut self, grammar: &Compiled, id: u32) -> Result<Option<u32>, String> {
        let left = self.left.checked_sub(1).ok_or("no token is left")?;
        let rest = self.plan.as_ref().and_then(|plan| plan.split_first().filter(|(first, _)| **first == id));
        let rest = rest.map(|(_, rest)| rest.to_vec());
        let mark = self.chart.mark();
        self.chart.follow(grammar.tokens.tok_trie().token(id))?;
        if let Some(plan) = self.fits(grammar, rest, left)? {
            (self.left, self.plan) = (left, plan);
            return Ok(Some(id));
        }
        self.chart.back_to(mark);
        let known = match self.plan.take() {
            Some(known) => known,
            None => plan(grammar, &self.chart)?,
        };
        let Some((&first, rest)) = known.split_first() else { return Ok(None) };
        self.chart.follow(grammar.tokens.tok_trie().token(first))?;
        (self.left, self.plan) = (left, Some(rest.to_vec()));
        Ok(Some(first))
    }

    /// Whether the text can be made whole with `left` tokens; with which, if that took working out. `known` are tokens that do so.
    #[allow(clippy::option_option, reason = "whether, and with which")]
    fn fits(
        &self,
        grammar: &Compiled,
        known: Option<Vec<u32>>,
        left: usize,
    ) -> Result<Option<Option<Vec<u32>>>, String> {
        let ending = self.chart.ending()?;
        if ending.len() <= left && known.is_none() && grammar.spells_bytes {
            return Ok(Some(None)); // a token for each byte would do
        }
        let trie = grammar.tokens.tok_trie();
        let plan = fewest_tokens(trie, &ending).filter(|plan| plan.len() <= left);
        Ok(plan.or(known.filter(|known| known.len() <= left)).map(Some))
    }
}

/// The tokens that end a text soonest.
fn plan(grammar: &Compiled, chart: &Chart) -> Result<Vec<u32>, String> {
    let ending = chart.ending()?;
    fewest_tokens(grammar.tokens.tok_trie(), &ending).ok_or_else(|| "the vocabulary cannot spell it".into())
}

impl fmt::Debug for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Constraint").field("ended", &self.has_ended()).finish_non_exhaustive()
    }
}
