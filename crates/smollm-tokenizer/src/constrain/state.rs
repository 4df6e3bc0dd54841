//! One answer that follows a grammar: what may come next, and what came.

use std::fmt;
use std::sync::Arc;

use llguidance::Matcher;
use toktrie::SimpleVob;

use super::error::ConstraintError;
use super::grammar::Compiled;

/// How far an answer has followed its grammar. A clone goes on from the same place on its own.
#[derive(Clone)]
pub struct Constraint {
    grammar: Arc<Compiled>,
    matcher: Matcher,
    /// What may come next, once it is known.
    mask: Option<SimpleVob>,
}

/// The tokens that may come next.
#[derive(Debug, Clone, Copy)]
pub struct Allowed<'a> {
    words: &'a [u32],
    may_end: bool,
}

impl<'a> Allowed<'a> {
    /// The tokens, bit `id % 32` of word `id / 32`. The bit after the vocabulary's last means nothing.
    pub fn words(&self) -> &'a [u32] {
        self.words
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
        Self { grammar, matcher, mask: None }
    }

    /// The tokens that may come next. Where text is forced, only the token that the tokenizer would take for it may.
    ///
    /// # Errors
    /// The grammar is too much work at this place.
    pub fn allowed(&mut self) -> Result<Allowed<'_>, ConstraintError> {
        if self.mask.is_none() {
            self.mask = Some(self.matcher.compute_mask_or_eos().map_err(|e| ConstraintError::new(e.to_string()))?);
        }
        let mask = self.mask.as_ref().ok_or_else(|| ConstraintError::new("no mask"))?;
        Ok(Allowed { words: mask.as_slice(), may_end: mask.is_allowed(self.grammar.end) })
    }

    /// `id` came next.
    ///
    /// # Errors
    /// It may not, after what came before.
    pub fn accept(&mut self, id: u32) -> Result<(), ConstraintError> {
        self.mask = None;
        match self.has_ended() || id >= self.grammar.end {
            true => Err(ConstraintError::new(format!("token {id} may not come next"))),
            false => self.matcher.consume_token(id).map_err(|e| ConstraintError::new(e.to_string())),
        }
    }

    /// Whether the text is complete: it may end here, and perhaps go on.
    ///
    /// # Errors
    /// As [`Constraint::allowed`].
    pub fn may_end(&mut self) -> Result<bool, ConstraintError> {
        if self.has_ended() {
            return Ok(true);
        }
        self.matcher.is_accepting().map_err(|e| ConstraintError::new(e.to_string()))
    }

    /// Whether the text is complete and nothing may follow.
    pub fn has_ended(&self) -> bool {
        self.matcher.is_stopped() && !self.matcher.is_error()
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

impl fmt::Debug for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Constraint").field("ended", &self.has_ended()).finish_non_exhaustive()
    }
}
