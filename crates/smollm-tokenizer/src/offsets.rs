//! Where in a text its tokens stand.

use crate::tokenizer::{Model, Tokenizer};
use std::ops::Range;

impl Tokenizer {
    /// The bytes of `text` that each of `ids` stands for, where [`Tokenizer::encode`] made them of it: in order and not overlapping. A space
    /// that encoding puts before the text has no bytes there. What left no trace, such as bytes that the vocabulary lacks, is in no range.
    ///
    /// `None` if the ids are not those of the text, or the text cannot be told from them (a token for what is unknown).
    pub fn ranges(&self, text: &str, ids: &[u32]) -> Option<Vec<Range<usize>>> {
        let bytes = text.as_bytes();
        let (mut ranges, mut at) = (Vec::with_capacity(ids.len()), 0);
        for &id in ids {
            let token = self.token_bytes(id)?;
            let token: &[u8] = &token;
            let start = loop {
                let rest = &bytes[at..];
                if rest.starts_with(token) {
                    at += token.len();
                    break at - token.len();
                }
                if self.strips_first_space() && token.first() == Some(&b' ') && rest.starts_with(&token[1..]) {
                    at += token.len() - 1;
                    break at + 1 - token.len();
                }
                if !self.may_vanish(*rest.first()?) {
                    return None;
                }
                at += 1;
            };
            ranges.push(start..at);
        }
        bytes[at..].iter().all(|&byte| self.may_vanish(byte)).then_some(ranges)
    }

    /// Whether encoding may leave out `byte`: white space beside added tokens that take it up, and what no token spells.
    fn may_vanish(&self, byte: u8) -> bool {
        byte.is_ascii_whitespace() || matches!(self.model, Model::Bytes(_)) && self.byte_token(byte).is_none()
    }

    fn byte_token(&self, byte: u8) -> Option<u32> {
        let mut spelling = String::new();
        crate::byte_alphabet::spell(&[byte], &mut spelling);
        self.vocab.id(&spelling)
    }
}

#[cfg(test)]
#[path = "offsets/tests.rs"]
mod tests;
