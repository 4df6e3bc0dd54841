//! A limit on thoughts: once a model has thought for so many tokens, the closing tag is all that it may say.

use super::{CLOSE, Splitter};
use crate::model::Model;
use smollm_engine::{TokenMask, TokenSet};
use smollm_tokenizer::stream::TextStream;
use smollm_tokenizer::{Specials, Tokenizer};
use std::sync::Arc;

/// Lets a model think for a number of tokens.
#[derive(Debug, Clone)]
pub(crate) struct ThinkingBudget {
    /// The text of the answer so far, and where in it the thoughts are.
    stream: TextStream<Arc<Tokenizer>>,
    splitter: Splitter,
    left: usize,
    /// The closing tag, and how many of its tokens have been said in the end.
    close: Arc<[u32]>,
    said: Option<usize>,
    /// A bit for each token: all of them.
    all: Arc<[u32]>,
}

impl ThinkingBudget {
    /// For an answer whose thoughts this splitter, which has heard nothing yet, will find.
    pub(crate) fn new(model: &Model, splitter: Splitter, tokens: usize) -> Self {
        Self::of(&model.tokenizer, model.engine.limits().vocab_size(), splitter, tokens)
    }

    fn of(tokenizer: &Arc<Tokenizer>, vocab_size: usize, splitter: Splitter, tokens: usize) -> Self {
        Self {
            stream: TextStream::continuing(tokenizer.clone()).with_special(),
            splitter,
            left: tokens,
            close: tokenizer.encode(CLOSE, Specials::Parse).into(),
            said: None,
            all: vec![u32::MAX; vocab_size.div_ceil(32)].into(),
        }
    }

    /// The token that must come now, if any must.
    fn forced(&self) -> Option<u32> {
        match self.said {
            Some(said) => self.close.get(said).copied(),
            None => (self.left == 0 && self.splitter.is_thinking()).then(|| self.close.first().copied()).flatten(),
        }
    }
}

impl TokenMask for ThinkingBudget {
    fn allow(&mut self, allowed: &mut TokenSet) -> Result<(), String> {
        match self.forced() {
            Some(id) => allowed.insert(id),
            None => allowed.insert_words(&self.all),
        }
        Ok(())
    }

    fn accept(&mut self, id: u32) -> Result<Option<u32>, String> {
        if self.forced().is_some() {
            self.said = Some(self.said.unwrap_or(0) + 1);
            return Ok(Some(id));
        }
        if self.said.is_none() {
            self.splitter.push(&self.stream.push(id));
            if self.splitter.is_thinking() {
                self.left = self.left.saturating_sub(1);
            }
        }
        Ok(Some(id))
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says `text` byte by byte where it may, and what it must where it must; what was said in the end.
    fn say(prompt: &str, text: &str, tokens: usize) -> String {
        say_on(prompt, "", text, tokens)
    }

    /// The same where the prompt ends with the beginning of the answer.
    fn say_on(prompt: &str, begun: &str, text: &str, tokens: usize) -> String {
        let json = smollm_testkit::byte_level::tokenizer_json(320).to_string();
        let tokenizer = Arc::new(Tokenizer::from_json(json.as_bytes(), "tokenizer.json").expect("a tokenizer"));
        let splitter = Splitter::new(&format!("{prompt}{begun}"), begun, true);
        let mut mask: Box<dyn TokenMask> = Box::new(ThinkingBudget::of(&tokenizer, 320, splitter, tokens));
        let mut said = Vec::new();
        for byte in text.bytes() {
            let wanted = (0..320).find(|&id| tokenizer.token_bytes(id).is_some_and(|b| *b == [byte])).expect("a byte");
            loop {
                let mut allowed = TokenSet::none(320);
                mask = mask.fork(); // a fork is in the same state
                mask.allow(&mut allowed).expect("no error");
                let ids: Vec<u32> = (0..320).filter(|&id| allowed.contains(id)).collect();
                let id = if allowed.contains(wanted) { wanted } else { ids[0] };
                assert!(ids.len() == 320 || ids.len() == 1);
                mask.accept(id).expect("no error");
                said.push(id);
                if ids.len() == 320 || id == wanted {
                    break;
                }
            }
        }
        tokenizer.decode(&said, false)
    }

    #[test]
    fn thoughts_end_when_the_budget_is_spent() {
        assert_eq!(say("<think>\n", "abcdefg", 3), "abc</think>defg");
        assert_eq!(say("", "<think>abcdefg", 4), "<think>abc</think>defg", "the tag's end is inside");
        assert_eq!(say("<think>\n", "ab</think>defg", 20), "ab</think>defg");
        assert_eq!(say_on("", "<think>ab", "cdefg", 3), "cde</think>fg");
    }

    #[test]
    fn an_answer_without_thoughts_is_not_limited() {
        assert_eq!(say("", "abcdefg", 3), "abcdefg");
    }
}
