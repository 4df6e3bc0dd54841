//! Where calls begin in an answer.

use crate::reasoning::Splitter;
use smollm_tokenizer::stream::overlap;
use smollm_tokenizer::tools::CALL_TAG;

/// Finds the tag that opens a call, outside of thoughts.
#[derive(Debug)]
pub(super) struct CallTag {
    splitter: Splitter,
    /// Text that may turn out to be the tag.
    held: String,
    open: bool,
}

impl CallTag {
    pub(super) fn new(splitter: Splitter) -> Self {
        Self { splitter, held: String::new(), open: false }
    }

    /// What of the text so far is text for sure, and what is calls, from their tag on, once there are any.
    pub(super) fn push(&mut self, piece: &str) -> (String, Option<String>) {
        let mut text = String::new();
        for (at, c) in piece.char_indices().filter(|_| !self.open) {
            self.splitter.push(&piece[at..at + c.len_utf8()]);
            self.held.push(c);
            let thinks = self.splitter.is_thinking();
            if self.held.ends_with(CALL_TAG) && !thinks {
                self.open = true;
                let tag = self.held.split_off(self.held.len() - CALL_TAG.len());
                text.push_str(&std::mem::take(&mut self.held));
                return (text, Some(tag + &piece[at + c.len_utf8()..]));
            }
            let keep = if thinks { 0 } else { overlap(&self.held, CALL_TAG) };
            text.extend(self.held.drain(..self.held.len() - keep));
        }
        let calls = self.open.then(|| piece.to_owned());
        (text, calls)
    }

    /// Nothing follows: what was held back is text.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}
