//! An answer that follows a grammar, after thoughts that do not.

#[cfg(test)]
mod tests;

use super::{CLOSE, OPEN, Splitter};
use crate::grammar::{GrammarMask, Rule};
use crate::model::Model;
use smollm_engine::{Ending, TokenMask, TokenSet};
use smollm_tokenizer::constrain::GrammarError;
use smollm_tokenizer::stream::TextStream;
use smollm_tokenizer::{Specials, Tokenizer};
use std::sync::Arc;

/// Lets a model think, as long as the answer that is to follow still fits, and holds the answer to a grammar.
#[derive(Debug, Clone)]
pub(crate) struct AfterThoughts {
    tokenizer: Arc<Tokenizer>,
    stream: TextStream<Arc<Tokenizer>>,
    splitter: Splitter,
    phase: Phase,
    rule: Rule,
    /// What ends the answer.
    ends: Arc<[u32]>,
    /// The tag that ends thoughts, and the token that begins them, if one token does.
    close: Arc<[u32]>,
    open: Option<u32>,
    /// Tokens that may still come, and how many of them must be left when the thoughts have ended.
    left: usize,
    reserve: usize,
    /// Tokens that may still be thought.
    thoughts: usize,
    all: Arc<[u32]>,
}

#[derive(Debug, Clone)]
enum Phase {
    /// Nothing has come but what may open thoughts: thoughts, or the answer.
    Open(GrammarMask),
    Thinking,
    /// So many tokens have come of these, which end the thoughts.
    Closing(Arc<[u32]>, usize),
    Answering(GrammarMask),
}

impl AfterThoughts {
    /// For an answer whose thoughts this splitter, which has heard nothing yet, will find: `limit` tokens for all of it, `thoughts` for the
    /// thoughts; `ends` end the answer.
    ///
    /// # Errors
    /// The answer does not fit, after the thoughts that the prompt has begun if it has.
    pub(crate) fn new(
        model: &Model,
        splitter: Splitter,
        rule: Rule,
        limit: usize,
        thoughts: Option<usize>,
        ends: &[u32],
    ) -> Result<Self, GrammarError> {
        let after = Self::of(&model.tokenizer, model.engine.limits().vocab_size(), splitter, rule);
        after.within(limit, thoughts, ends)
    }

    fn of(tokenizer: &Arc<Tokenizer>, vocab_size: usize, splitter: Splitter, rule: Rule) -> Self {
        let open = match tokenizer.encode(OPEN, Specials::Parse).as_slice() {
            [id] if splitter.has_heard_nothing() => Some(*id),
            _ => None,
        };
        Self {
            tokenizer: tokenizer.clone(),
            stream: TextStream::continuing(tokenizer.clone()).with_special(),
            phase: Phase::Thinking,
            splitter,
            rule,
            ends: Arc::default(),
            close: tokenizer.encode(CLOSE, Specials::Parse).into(),
            open,
            left: usize::MAX,
            reserve: 0,
            thoughts: usize::MAX,
            all: vec![u32::MAX; vocab_size.div_ceil(32)].into(),
        }
    }

    fn within(self, limit: usize, thoughts: Option<usize>, ends: &[u32]) -> Result<Self, GrammarError> {
        let shortest = self.rule.shortest();
        // an answer that may be nothing needs no end of the thoughts
        let reserve = if shortest == 0 { 0 } else { shortest + self.close.len() };
        let phase = match self.splitter.is_thinking() {
            true if reserve > limit => {
                return Err(GrammarError::TooShort { limit: limit.saturating_sub(self.close.len()), shortest });
            }
            true => Phase::Thinking,
            false => Phase::Open(self.rule.begin(limit, ends)?),
        };
        Ok(Self { phase, left: limit, reserve, thoughts: thoughts.unwrap_or(usize::MAX), ends: ends.into(), ..self })
    }

    /// The token that must come now, if any must.
    fn forced(&self) -> Option<u32> {
        match &self.phase {
            Phase::Thinking if self.reserve > 0 && self.left <= self.reserve || self.thoughts == 0 => {
                self.close.first().copied()
            }
            Phase::Closing(tag, said) => tag.get(*said).copied(),
            _ => None,
        }
    }

    /// The next token of a tag that ends the thoughts.
    fn say(&mut self, tag: Arc<[u32]>, said: usize) -> Result<Option<u32>, String> {
        let id = tag.get(said).copied().ok_or("the vocabulary cannot spell the end of thoughts")?;
        match said + 1 == tag.len() {
            true => self.answer()?,
            false => self.phase = Phase::Closing(tag, said + 1),
        }
        Ok(Some(id))
    }

    fn answer(&mut self) -> Result<(), String> {
        let mask = self.rule.begin(self.left, &self.ends).map_err(|error| error.to_string())?;
        self.phase = Phase::Answering(mask);
        Ok(())
    }

    /// A token before it is known whether the model thinks; it has followed the grammar, in any case.
    fn open(&mut self, mut mask: GrammarMask, id: u32) -> Result<Option<u32>, String> {
        let taken = mask.accept(id)?;
        if let Some(taken) = taken {
            self.splitter.push(&self.stream.push(taken));
        }
        self.phase = match self.splitter.is_thinking() {
            true => Phase::Thinking, // the tag came in several tokens
            false if self.splitter.is_undecided() => Phase::Open(mask),
            false => Phase::Answering(mask),
        };
        Ok(taken)
    }

    /// A token of thoughts, or of the tag that ends them.
    fn think(&mut self, id: u32) -> Result<Option<u32>, String> {
        let (mut stream, mut splitter) = (self.stream.clone(), self.splitter.clone());
        let split = splitter.push(&stream.push(id));
        if !splitter.is_thinking() && (!split.content.is_empty() || stream.is_inside_of_a_character()) {
            // it would go on past the tag with what no grammar has seen: what is missing of the tag comes instead
            let missing = self.tokenizer.encode(self.splitter.missing_of_the_end(), Specials::Parse);
            return self.say(missing.into(), 0);
        }
        (self.stream, self.splitter) = (stream, splitter);
        self.thoughts = self.thoughts.saturating_sub(1);
        match self.splitter.is_thinking() {
            true => self.phase = Phase::Thinking,
            false => self.answer()?,
        }
        Ok(Some(id))
    }
}

impl TokenMask for AfterThoughts {
    fn allow(&mut self, allowed: &mut TokenSet) -> Result<(), String> {
        if let Some(id) = self.forced() {
            allowed.insert(id);
            return Ok(());
        }
        match &mut self.phase {
            Phase::Answering(mask) => mask.allow(allowed),
            Phase::Open(mask) => {
                mask.allow(allowed)?;
                let room = self.left > self.reserve && self.thoughts > 0 && self.splitter.has_heard_nothing();
                if let Some(open) = self.open.filter(|_| room) {
                    allowed.insert(open);
                }
                Ok(())
            }
            Phase::Thinking | Phase::Closing(..) => {
                allowed.insert_words(&self.all);
                self.ends.iter().for_each(|&id| allowed.remove(id));
                Ok(())
            }
        }
    }

    fn accept(&mut self, id: u32) -> Result<Option<u32>, String> {
        if let Phase::Answering(mask) = &mut self.phase {
            return mask.accept(id);
        }
        let forced = self.forced().is_some();
        self.left = self.left.saturating_sub(1);
        match std::mem::replace(&mut self.phase, Phase::Thinking) {
            Phase::Open(mask) if self.open != Some(id) => self.open(mask, id),
            Phase::Closing(tag, said) => self.say(tag, said),
            _ if forced => self.say(self.close.clone(), 0),
            _ => self.think(id),
        }
    }

    fn ending(&mut self) -> Result<Ending, String> {
        match &mut self.phase {
            Phase::Answering(mask) | Phase::Open(mask) => mask.ending(),
            Phase::Thinking | Phase::Closing(..) => Ok(Ending::Later),
        }
    }

    fn ahead(&mut self) -> Vec<u32> {
        match &mut self.phase {
            Phase::Answering(mask) => mask.ahead(),
            _ => Vec::new(),
        }
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(self.clone())
    }
}
