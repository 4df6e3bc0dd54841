//! Grammars of the tokenizer's crate as the engine asks for them, and rules that hold together.

use crate::error::ApiError;
use smollm_engine::{Ending, TokenMask, TokenSet};
use smollm_tokenizer::constrain::{Constraint, Grammar};
use std::sync::Arc;

/// An answer that follows a grammar.
#[derive(Debug, Clone)]
pub struct GrammarMask {
    constraint: Constraint,
    /// What ends the answer where the grammar lets it.
    ends: Arc<[u32]>,
}

impl GrammarMask {
    /// For the beginning of an answer that `ends` end, where it may end.
    pub fn new(constraint: Constraint, ends: &[u32]) -> Self {
        Self { constraint, ends: ends.into() }
    }

    /// For an answer that may have calls.
    ///
    /// # Errors
    /// Nothing ends it, so that it would go on with text after text.
    pub(crate) fn of_tools(grammar: &Grammar, ends: &[u32]) -> Result<Self, ApiError> {
        if ends.is_empty() {
            let message = "ignore_eos: an answer that follows a grammar ends where the grammar does";
            return Err(ApiError::bad(message).param("ignore_eos"));
        }
        Ok(Self::new(grammar.begin(), ends))
    }
}

impl TokenMask for GrammarMask {
    fn allow(&mut self, allowed: &mut TokenSet) -> Result<(), String> {
        let next = self.constraint.allowed().map_err(|error| error.to_string())?;
        allowed.insert_words(next.words());
        allowed.remove(next.end());
        if next.may_end() {
            self.ends.iter().for_each(|&id| allowed.insert(id));
        }
        Ok(())
    }

    fn accept(&mut self, id: u32) -> Result<Option<u32>, String> {
        self.constraint.accept(id).map_err(|error| error.to_string())
    }

    fn ending(&mut self) -> Result<Ending, String> {
        Ok(match self.constraint.has_ended() {
            true => Ending::Here,
            false if self.constraint.may_end().map_err(|error| error.to_string())? => Ending::Possible,
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

/// Two rules, both of which hold. The first says how the answer ends, and what stands in a token's place.
#[derive(Debug)]
pub(crate) struct Both(pub(crate) Box<dyn TokenMask>, pub(crate) Box<dyn TokenMask>);

impl TokenMask for Both {
    fn allow(&mut self, allowed: &mut TokenSet) -> Result<(), String> {
        self.0.allow(allowed)?;
        let mut other = TokenSet::none(allowed.vocab_size());
        self.1.allow(&mut other)?;
        allowed.retain(&other);
        Ok(())
    }

    fn accept(&mut self, id: u32) -> Result<Option<u32>, String> {
        match self.0.accept(id)? {
            Some(taken) => self.1.accept(taken),
            None => Ok(None),
        }
    }

    fn ending(&mut self) -> Result<Ending, String> {
        self.0.ending()
    }

    fn ahead(&mut self) -> Vec<u32> {
        self.0.ahead()
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(Self(self.0.fork(), self.1.fork()))
    }
}
