//! How well a tokenizer suits texts: how few tokens they take, how many words stay whole, and whether they come back.

use std::time::{Duration, Instant};

use crate::classes::is_word;
use crate::{Specials, Tokenizer};

/// Sums over texts. Special tokens in them are plain text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Texts.
    pub texts: u64,
    /// Texts that are what their tokens decode to, byte for byte.
    pub exact_texts: u64,
    /// UTF-8 bytes of all texts.
    pub bytes: u64,
    /// Tokens of all texts.
    pub tokens: u64,
    /// Words of the exact texts: runs of letters and the marks on them.
    pub words: u64,
    /// Tokens that hold some of a word, once for each word.
    pub word_tokens: u64,
    /// Words that are one token, alone or with the white space before them.
    pub whole_words: u64,
    /// Different tokens that the texts have.
    pub used_tokens: u64,
    /// Tokens of the vocabulary that are not special.
    pub plain_tokens: u64,
    /// Time of encoding, by one thread.
    pub time: Duration,
}

impl Evaluation {
    /// Bytes of text that a token holds on average; `None` without tokens.
    pub fn bytes_per_token(&self) -> Option<f64> {
        ratio(self.bytes, self.tokens)
    }

    /// Tokens that a word is spread over on average (fertility); `None` without words.
    pub fn tokens_per_word(&self) -> Option<f64> {
        ratio(self.word_tokens, self.words)
    }

    /// Of words, those that are one token; `None` without words.
    pub fn whole(&self) -> Option<f64> {
        ratio(self.whole_words, self.words)
    }

    /// Of the vocabulary without special tokens, what the texts use; `None` without such tokens.
    pub fn used(&self) -> Option<f64> {
        ratio(self.used_tokens, self.plain_tokens)
    }

    /// Tokens that one thread makes in a second; `None` where no time passed.
    pub fn tokens_per_second(&self) -> Option<f64> {
        (!self.time.is_zero()).then(|| self.tokens as f64 / self.time.as_secs_f64())
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A tokenizer and what texts have said of it so far.
pub struct Evaluator<'a> {
    tokenizer: &'a Tokenizer,
    used: Vec<bool>,
    sums: Evaluation,
}

impl<'a> Evaluator<'a> {
    /// No text yet.
    pub fn new(tokenizer: &'a Tokenizer) -> Self {
        let ids = 0..tokenizer.vocab_size() as u32;
        let plain = ids.filter(|&id| tokenizer.token_str(id).is_some() && !tokenizer.is_special(id));
        let sums = Evaluation { plain_tokens: plain.count() as u64, ..Evaluation::default() };
        Self { tokenizer, used: vec![false; tokenizer.vocab_size()], sums }
    }

    /// One more text.
    pub fn text(&mut self, text: &str) {
        let start = Instant::now();
        let ids = self.tokenizer.encode(text, Specials::AsText);
        self.sums.time += start.elapsed();
        self.sums.texts += 1;
        self.sums.bytes += text.len() as u64;
        self.sums.tokens += ids.len() as u64;
        ids.iter().for_each(|&id| self.used[id as usize] = true);
        if self.tokenizer.decode(&ids, false) == text {
            self.sums.exact_texts += 1;
            self.words(text, &self.spans(text, &ids));
        }
    }

    /// Where each token's bytes lie in a text that comes back.
    fn spans(&self, text: &str, ids: &[u32]) -> Vec<(usize, usize)> {
        let mut end = 0;
        let mut spans: Vec<_> = ids
            .iter()
            .map(|&id| {
                let start = end;
                end += self.tokenizer.token_bytes(id).map_or(0, |bytes| bytes.len());
                (start, end)
            })
            .collect();
        // a space that encoding puts before the text
        let added = end.saturating_sub(text.len());
        spans.iter_mut().for_each(|(start, end)| {
            *start = start.saturating_sub(added);
            *end = end.saturating_sub(added);
        });
        spans
    }

    fn words(&mut self, text: &str, spans: &[(usize, usize)]) {
        let mut next = 0;
        let mut rest = text.char_indices().peekable();
        while let Some((start, c)) = rest.next() {
            if !of_word(c) {
                continue;
            }
            while rest.next_if(|&(_, c)| of_word(c)).is_some() {}
            let end = rest.peek().map_or(text.len(), |&(at, _)| at);
            next += spans[next..].partition_point(|&(_, token_end)| token_end <= start);
            let tokens = &spans[next..next + spans[next..].partition_point(|&(token_start, _)| token_start < end)];
            self.sums.words += 1;
            self.sums.word_tokens += tokens.len() as u64;
            if let &[(token_start, token_end)] = tokens {
                let before = text.get(token_start..start);
                let alone = token_end == end && before.is_some_and(|before| before.chars().all(char::is_whitespace));
                self.sums.whole_words += u64::from(alone);
            }
        }
    }

    /// The sums.
    pub fn finish(mut self) -> Evaluation {
        let used = |&id: &u32| self.used[id as usize] && !self.tokenizer.is_special(id);
        self.sums.used_tokens = (0..self.used.len() as u32).filter(used).count() as u64;
        self.sums
    }
}

/// A letter, or a mark on one.
fn of_word(c: char) -> bool {
    is_word(c) && !c.is_numeric() && c != '_'
}

#[cfg(test)]
mod tests;
