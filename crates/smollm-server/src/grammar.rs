//! Grammars of the tokenizer's crate as the engine asks for them, and rules that hold together.

use crate::error::ApiError;
use smollm_engine::{TokenMask, TokenSet};
use smollm_tokenizer::constrain::{Constraint, Grammar};
use std::sync::Arc;

/// An answer that follows a grammar.
#[derive(Debug, Clone)]
pub(crate) struct GrammarMask {
    constraint: Constraint,
    /// Tokens of the tokenizer; the model may have more, which mean nothing.
    vocab_size: usize,
    /// What ends the answer where the grammar lets it.
    ends: Arc<[u32]>,
}

impl GrammarMask {
    /// For the beginning of an answer that `ends` end.
    ///
    /// # Errors
    /// Nothing ends it, so that it would have to go on where the grammar lets nothing follow.
    pub(crate) fn new(grammar: &Grammar, vocab_size: usize, ends: &[u32]) -> Result<Self, ApiError> {
        if ends.is_empty() {
            let message = "ignore_eos: an answer that follows a grammar ends where the grammar does";
            return Err(ApiError::bad(message).param("ignore_eos"));
        }
        Ok(Self { constraint: grammar.begin(), vocab_size, ends: ends.into() })
    }
}

impl TokenMask for GrammarMask {
    fn allow(&mut self, allowed: &mut TokenSet) -> Result<(), String> {
        let mut may_end = self.constraint.has_ended();
        if !may_end {
            let next = self.constraint.allowed().map_err(|error| error.to_string())?;
            may_end = next.may_end();
            let mut words = next.words().to_vec();
            words.truncate(self.vocab_size.div_ceil(32));
            if let Some(last) = words.last_mut().filter(|_| !self.vocab_size.is_multiple_of(32)) {
                *last &= (1 << (self.vocab_size % 32)) - 1; // the next bit means the end
            }
            allowed.insert_words(&words);
        }
        if may_end {
            self.ends.iter().for_each(|&id| allowed.insert(id));
        }
        Ok(())
    }

    fn accept(&mut self, id: u32) -> Result<(), String> {
        self.constraint.accept(id).map_err(|error| error.to_string())
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(self.clone())
    }
}

/// Two rules, both of which hold.
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

    fn accept(&mut self, id: u32) -> Result<(), String> {
        self.0.accept(id)?;
        self.1.accept(id)
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(Self(self.0.fork(), self.1.fork()))
    }
}
