//! An answer after thoughts, which have a limit: the answer may follow a grammar, the thoughts do not.

#[cfg(test)]
mod tests;

use super::{CLOSE, OPEN, Splitter};
use crate::grammar::{GrammarMask, Rule};
use crate::model::Model;
use smollm_engine::{Ending, MaskError, TokenMask, TokenSet};
use smollm_tokenizer::constrain::{Grammar, GrammarError};
use smollm_tokenizer::stream::TextStream;
use smollm_tokenizer::{Specials, Tokenizer};
use std::sync::Arc;

/// Lets a model think, for so long and as long as the answer that is to follow still fits, and may hold the answer to a grammar.
#[derive(Debug, Clone)]
pub struct AfterThoughts {
    tokenizer: Arc<Tokenizer>,
    stream: TextStream<Arc<Tokenizer>>,
    splitter: Splitter,
    phase: Phase,
    rule: Option<Rule>,
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
    Open(Answer),
    Thinking,
    /// So many tokens have come of these, which end the thoughts.
    Closing(Arc<[u32]>, usize),
    Answering(Answer),
}

#[derive(Debug, Clone)]
enum Answer {
    Free,
    Bound(Box<GrammarMask>),
}

impl Answer {
    fn accept(&mut self, id: u32) -> Result<Option<u32>, MaskError> {
        match self {
            Self::Free => Ok(Some(id)),
            Self::Bound(mask) => mask.accept(id),
        }
    }
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
        let after = Self::of(&model.tokenizer, model.engine.limits().vocab_size(), splitter, Some(rule));
        after.within(limit, thoughts, ends)
    }

    /// For an answer that may be anything, as may its thoughts but for their length.
    pub(crate) fn free(model: &Model, splitter: Splitter, thoughts: usize) -> Self {
        Self::of(&model.tokenizer, model.engine.limits().vocab_size(), splitter, None).thinking_for(thoughts)
    }

    fn of(tokenizer: &Arc<Tokenizer>, vocab_size: usize, splitter: Splitter, rule: Option<Rule>) -> Self {
        let open = match tokenizer.encode(OPEN, Specials::Parse).as_slice() {
            [id] if splitter.has_heard_nothing() => Some(*id),
            _ => None,
        };
        Self {
            tokenizer: tokenizer.clone(),
            stream: TextStream::continuing(tokenizer.clone()).with_special(),
            phase: if splitter.is_thinking() { Phase::Thinking } else { Phase::Open(Answer::Free) },
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

    /// For an answer that follows this grammar, which is `free` where it has texts that may stop anywhere; thoughts, which this splitter
    /// finds, may be as long as they like until there are limits ([`AfterThoughts::within`]).
    pub fn bound(
        tokenizer: &Arc<Tokenizer>,
        vocab_size: usize,
        splitter: Splitter,
        grammar: Grammar,
        free: bool,
    ) -> Self {
        Self::of(tokenizer, vocab_size, splitter, Some(Rule { grammar, free }))
    }

    fn thinking_for(self, thoughts: usize) -> Self {
        Self { thoughts, ..self }
    }

    /// The same for at most `limit` tokens, of which at most `thoughts` are thoughts; `ends` end the answer.
    ///
    /// # Errors
    /// The answer does not fit, after the thoughts that the prompt has begun if it has.
    pub fn within(self, limit: usize, thoughts: Option<usize>, ends: &[u32]) -> Result<Self, GrammarError> {
        let shortest = self.rule.as_ref().map_or(0, Rule::shortest);
        // an answer that may be nothing needs no end of the thoughts
        let reserve = if shortest == 0 { 0 } else { shortest + self.close.len() };
        let phase = match self.splitter.is_thinking() {
            true if reserve > limit => {
                return Err(GrammarError::TooShort { limit: limit.saturating_sub(self.close.len()), shortest });
            }
            true => Phase::Thinking,
            false => Phase::Open(self.begun(limit, ends)?),
        };
        let within = Self { phase, left: limit, reserve, ends: ends.into(), ..self };
        Ok(within.thinking_for(thoughts.unwrap_or(usize::MAX)))
    }

    /// The beginning of the answer.
    fn begun(&self, limit: usize, ends: &[u32]) -> Result<Answer, GrammarError> {
        let rule = self.rule.as_ref();
        Ok(rule
            .map(|rule| rule.begin(limit, ends))
            .transpose()?
            .map_or(Answer::Free, |mask| Answer::Bound(Box::new(mask))))
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
    fn say(&mut self, tag: Arc<[u32]>, said: usize) -> Result<Option<u32>, MaskError> {
        let id = tag
            .get(said)
            .copied()
            .ok_or_else(|| MaskError::Broken("the vocabulary cannot spell the end of thoughts".into()))?;
        match said + 1 == tag.len() {
            true => self.answer()?,
            false => self.phase = Phase::Closing(tag, said + 1),
        }
        Ok(Some(id))
    }

    fn answer(&mut self) -> Result<(), MaskError> {
        self.phase =
            Phase::Answering(self.begun(self.left, &self.ends).map_err(|error| MaskError::Broken(error.to_string()))?);
        Ok(())
    }

    /// A token before it is known whether the model thinks; it has followed the grammar, in any case.
    fn open(&mut self, mut answer: Answer, id: u32) -> Result<Option<u32>, MaskError> {
        let taken = answer.accept(id)?;
        if let Some(taken) = taken {
            self.splitter.push(&self.stream.push(taken));
        }
        self.phase = match self.splitter.is_thinking() {
            true => {
                self.thoughts = self.thoughts.saturating_sub(1); // the tag came in several tokens, and counts as one would
                Phase::Thinking
            }
            false if self.splitter.is_undecided() => Phase::Open(answer),
            false => Phase::Answering(answer),
        };
        Ok(taken)
    }

    /// A token of thoughts, or of the tag that ends them.
    fn think(&mut self, id: u32) -> Result<Option<u32>, MaskError> {
        let (mut stream, mut splitter) = (self.stream.clone(), self.splitter.clone());
        let split = splitter.push(&stream.push(id));
        let goes_on = !split.content.is_empty() || stream.is_inside_of_a_character();
        if !splitter.is_thinking() && self.rule.is_some() && goes_on {
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
    fn allow(&mut self, allowed: &mut TokenSet) -> Result<(), MaskError> {
        if let Some(id) = self.forced() {
            allowed.insert(id);
            return Ok(());
        }
        match &mut self.phase {
            Phase::Answering(Answer::Free) | Phase::Open(Answer::Free) => {
                allowed.insert_words(&self.all);
                Ok(())
            }
            Phase::Answering(Answer::Bound(mask)) => mask.allow(allowed),
            Phase::Open(Answer::Bound(mask)) => {
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

    fn accept(&mut self, id: u32) -> Result<Option<u32>, MaskError> {
        if let Phase::Answering(answer) = &mut self.phase {
            return answer.accept(id);
        }
        let forced = self.forced().is_some();
        self.left = self.left.saturating_sub(1);
        match std::mem::replace(&mut self.phase, Phase::Thinking) {
            Phase::Open(answer) if self.open != Some(id) => self.open(answer, id),
            Phase::Closing(tag, said) => self.say(tag, said),
            _ if forced => self.say(self.close.clone(), 0),
            _ => self.think(id),
        }
    }

    fn ending(&mut self) -> Result<Ending, MaskError> {
        match &mut self.phase {
            Phase::Answering(Answer::Bound(mask)) | Phase::Open(Answer::Bound(mask)) => mask.ending(),
            _ => Ok(Ending::Later),
        }
    }

    fn ahead(&mut self) -> Vec<u32> {
        match &mut self.phase {
            Phase::Answering(Answer::Bound(mask)) => mask.ahead(),
            _ => Vec::new(),
        }
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(self.clone())
    }
}
