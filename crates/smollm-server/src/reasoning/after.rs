//! An answer that follows a grammar, after thoughts that do not.

use super::{CLOSE, OPEN, Splitter};
use crate::grammar::GrammarMask;
use crate::model::Model;
use smollm_engine::{Ending, TokenMask, TokenSet};
use smollm_tokenizer::constrain::{Grammar, GrammarError};
use smollm_tokenizer::stream::TextStream;
use smollm_tokenizer::{Specials, Tokenizer};
use std::sync::Arc;

/// Lets a model think, as long as the answer that is to follow still fits, and holds the answer to a grammar.
#[derive(Debug, Clone)]
pub(crate) struct AfterThoughts {
    stream: TextStream<Arc<Tokenizer>>,
    splitter: Splitter,
    phase: Phase,
    grammar: Grammar,
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
    /// Nothing has come: thoughts, or the answer.
    Open(GrammarMask),
    Thinking,
    /// So many tokens of the closing tag have come.
    Closing(usize),
    Answering(GrammarMask),
}

impl AfterThoughts {
    /// For an answer whose thoughts this splitter, which has heard nothing yet, will find; `mask` is the grammar at its beginning.
    pub(crate) fn new(model: &Model, splitter: Splitter, grammar: Grammar, mask: GrammarMask) -> Self {
        Self::of(&model.tokenizer, model.engine.limits().vocab_size(), splitter, grammar, mask)
    }

    fn of(
        tokenizer: &Arc<Tokenizer>,
        vocab_size: usize,
        splitter: Splitter,
        grammar: Grammar,
        mask: GrammarMask,
    ) -> Self {
        let open = match tokenizer.encode(OPEN, Specials::Parse).as_slice() {
            [id] if splitter.has_heard_nothing() => Some(*id),
            _ => None,
        };
        Self {
            stream: TextStream::continuing(tokenizer.clone()).with_special(),
            phase: if splitter.is_thinking() { Phase::Thinking } else { Phase::Open(mask) },
            splitter,
            grammar,
            ends: Arc::default(),
            close: tokenizer.encode(CLOSE, Specials::Parse).into(),
            open,
            left: usize::MAX,
            reserve: 0,
            thoughts: usize::MAX,
            all: vec![u32::MAX; vocab_size.div_ceil(32)].into(),
        }
    }

    /// With so many tokens for all of it, and so many for the thoughts; `ends` end the answer.
    ///
    /// # Errors
    /// The answer does not fit after the thoughts that the prompt has begun.
    pub(crate) fn within(self, limit: usize, thoughts: Option<usize>, ends: &[u32]) -> Result<Self, GrammarError> {
        let shortest = self.grammar.shortest().unwrap_or(1);
        let reserve = shortest + self.close.len();
        if matches!(self.phase, Phase::Thinking) && reserve > limit {
            return Err(GrammarError::TooShort { limit: limit.saturating_sub(self.close.len()), shortest });
        }
        Ok(Self { left: limit, reserve, thoughts: thoughts.unwrap_or(usize::MAX), ends: ends.into(), ..self })
    }

    /// The token that must come now, if any must.
    fn forced(&self) -> Option<u32> {
        match self.phase {
            Phase::Thinking if self.left <= self.reserve || self.thoughts == 0 => self.close.first().copied(),
            Phase::Closing(said) => self.close.get(said).copied(),
            _ => None,
        }
    }

    fn answer(&mut self) -> Result<(), String> {
        let constraint = self.grammar.begin_within(self.left).map_err(|error| error.to_string())?;
        self.phase = Phase::Answering(GrammarMask::new(constraint, &self.ends));
        Ok(())
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
                if let Some(open) = self.open.filter(|_| self.left > self.reserve && self.thoughts > 0) {
                    allowed.insert(open);
                }
                Ok(())
            }
            Phase::Thinking | Phase::Closing(_) => {
                allowed.insert_words(&self.all);
                self.ends.iter().for_each(|&id| allowed.remove(id));
                Ok(())
            }
        }
    }

    fn accept(&mut self, id: u32) -> Result<Option<u32>, String> {
        let forced = self.forced().is_some();
        let left = self.left.saturating_sub(1);
        match &mut self.phase {
            Phase::Answering(mask) => return mask.accept(id),
            Phase::Open(mask) if self.open != Some(id) => {
                let taken = mask.accept(id)?;
                self.phase = Phase::Answering(mask.clone());
                return Ok(taken);
            }
            _ => self.left = left,
        }
        if forced {
            let said = if let Phase::Closing(said) = self.phase { said } else { 0 } + 1;
            match said == self.close.len() {
                true => self.answer()?,
                false => self.phase = Phase::Closing(said),
            }
            return Ok(Some(id));
        }
        self.splitter.push(&self.stream.push(id));
        self.thoughts = self.thoughts.saturating_sub(1);
        match self.splitter.is_thinking() {
            true => self.phase = Phase::Thinking,
            false => self.answer()?,
        }
        Ok(Some(id))
    }

    fn ending(&mut self) -> Result<Ending, String> {
        match &mut self.phase {
            Phase::Answering(mask) | Phase::Open(mask) => mask.ending(),
            Phase::Thinking | Phase::Closing(_) => Ok(Ending::Later),
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

#[cfg(test)]
mod tests {
    use super::*;
    use smollm_tokenizer::constrain::{GrammarSource, Grammars};

    /// Says `text` as long as it may, and what it must; what was said in the end.
    fn say(prompt: &str, text: &str, limit: usize, thoughts: Option<usize>) -> String {
        let json = smollm_testkit::byte_level::tokenizer_json(320).to_string();
        let tokenizer = Arc::new(Tokenizer::from_json(json.as_bytes(), "tokenizer.json").expect("a tokenizer"));
        let source = GrammarSource::JsonSchema(serde_json::json!({"enum": ["yes", "no"]}));
        let grammar = Grammars::new(tokenizer.clone()).compile(&source).expect("a grammar");
        let mask = GrammarMask::new(grammar.begin_within(limit).expect("room"), &[2]);
        let splitter = Splitter::new(prompt, "", true);
        let after = AfterThoughts::of(&tokenizer, 320, splitter, grammar, mask);
        let mut mask: Box<dyn TokenMask> = Box::new(after.within(limit, thoughts, &[2]).expect("room"));
        let (mut said, mut wanted) = (Vec::new(), text.bytes().peekable());
        while mask.ending().expect("no error") != Ending::Here {
            let mut allowed = TokenSet::none(320);
            mask = mask.fork();
            mask.allow(&mut allowed).expect("no error");
            let next =
                wanted.peek().and_then(|b| (3..320).find(|&id| *tokenizer.token_bytes(id).expect("bytes") == [*b]));
            let id = match next.filter(|&id| allowed.contains(id)) {
                Some(id) => {
                    wanted.next();
                    id
                }
                None => (0..320).find(|&id| allowed.contains(id)).expect("something"),
            };
            said.extend(mask.accept(id).expect("no error"));
        }
        assert!(said.len() <= limit);
        tokenizer.decode(&said, false)
    }

    #[test]
    fn the_answer_is_bound_and_the_thoughts_are_not() {
        assert_eq!(say("<think>\n", "hm, no</think>\"yes\"", 100, None), "hm, no</think>\"yes\"");
        assert_eq!(
            say("<think>\n", "hm, and so on", 20, None),
            "hm, and </think>\"no\"",
            "what is left is for the answer"
        );
        assert_eq!(say("<think>\n", "hm, and so on", 100, Some(3)), "hm,</think>\"no\"");
        assert_eq!(say("", "\"yes\"", 100, None), "\"yes\"");
    }
}
