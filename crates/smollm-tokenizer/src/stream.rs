//! Token by token to text that can be shown: whole characters only, and nothing that might become a stop string.

#[cfg(test)]
mod tests;

use crate::Tokenizer;
use std::ops::Deref;
use std::sync::Arc;

/// Turns tokens into text as they come, never splitting a UTF-8 character. `T` is a reference to the tokenizer, or an `Arc` where
/// the stream outlives whoever made it.
///
/// All pieces together are what [`Tokenizer::decode`] gives for all tokens at once.
#[derive(Debug, Clone)]
pub struct TextStream<T> {
    tokenizer: T,
    skip_special: bool,
    /// Bytes that begin a character whose rest has not come.
    pending: Vec<u8>,
    /// Nothing was pushed yet: where encoding puts a space before the text, the first token loses it.
    at_start: bool,
}

impl<T: Deref<Target = Tokenizer>> TextStream<T> {
    /// A stream whose first token begins the text; special tokens are left out.
    pub fn new(tokenizer: T) -> Self {
        Self { tokenizer, skip_special: true, pending: Vec::new(), at_start: true }
    }

    /// A stream that goes on after other text, as an answer does after its prompt: no space is taken away.
    pub fn continuing(tokenizer: T) -> Self {
        Self { at_start: false, ..Self::new(tokenizer) }
    }

    /// Shows special tokens too.
    pub fn with_special(mut self) -> Self {
        self.skip_special = false;
        self
    }

    /// The text that is complete with token `id`. An id beyond the vocabulary has none.
    pub fn push(&mut self, id: u32) -> String {
        if self.skip_special && self.tokenizer.is_special(id) {
            return String::new();
        }
        if let Some(bytes) = self.tokenizer.token_bytes(id) {
            let strips = self.at_start && self.tokenizer.strips_first_space() && bytes.first() == Some(&b' ');
            self.pending.extend_from_slice(&bytes[usize::from(strips)..]);
            self.at_start = false;
        }
        self.take_complete()
    }

    /// Whether the tokens so far end inside of a character.
    pub fn is_inside_of_a_character(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whatever is left: a character that never became whole, as U+FFFD.
    pub fn finish(&mut self) -> String {
        let rest = std::mem::take(&mut self.pending);
        String::from_utf8_lossy(&rest).into_owned()
    }

    /// Everything up to the first character that more bytes could still complete.
    fn take_complete(&mut self) -> String {
        let keep = incomplete_tail(&self.pending);
        let rest = self.pending.split_off(self.pending.len() - keep);
        let complete = std::mem::replace(&mut self.pending, rest);
        String::from_utf8(complete).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
    }
}

/// How many bytes at the end begin a character that is not whole yet.
fn incomplete_tail(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    loop {
        match std::str::from_utf8(rest) {
            Ok(_) => return 0,
            Err(error) => match error.error_len() {
                None => return rest.len() - error.valid_up_to(),
                Some(wrong) => rest = &rest[error.valid_up_to() + wrong..],
            },
        }
    }
}

/// What a piece of text gives once stop strings are watched for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StopStep {
    /// Text that is safe to show.
    pub emit: String,
    /// The stop string that was met; what follows it is dropped.
    pub stopped: Option<String>,
}

/// Watches text for stop strings, which may come in several pieces, and holds back what might become one. Clones share the strings.
#[derive(Debug, Clone)]
pub struct StopStrings {
    stops: Arc<[String]>,
    held: String,
    stopped: bool,
}

impl StopStrings {
    /// Watches for any of `stops`; empty ones are ignored.
    pub fn new<S: AsRef<str>>(stops: &[S]) -> Self {
        let stops = stops.iter().map(|s| s.as_ref().to_owned()).filter(|s| !s.is_empty()).collect();
        Self { stops, held: String::new(), stopped: false }
    }

    /// What is watched for.
    pub fn strings(&self) -> &[String] {
        &self.stops
    }

    /// Adds text. The stop string that begins first wins; of those that begin at the same place, the one given first.
    pub fn push(&mut self, text: &str) -> StopStep {
        if self.stopped {
            return StopStep::default();
        }
        self.held.push_str(text);
        let first = self.stops.iter().filter_map(|stop| Some((self.held.find(stop)?, stop))).min_by_key(|(at, _)| *at);
        if let Some((at, stop)) = first {
            self.stopped = true;
            let step = StopStep { emit: self.held[..at].to_owned(), stopped: Some(stop.clone()) };
            self.held.clear();
            return step;
        }
        let keep = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        StopStep { emit: std::mem::replace(&mut self.held, rest), stopped: None }
    }

    /// The text still held back, once it is known that nothing follows.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Bytes of the longest end of `text` that begins `stop` without being all of it: what is to come may make it `stop`.
pub fn overlap(text: &str, stop: &str) -> usize {
    let longest = text.len().min(stop.len().saturating_sub(1));
    (1..=longest)
        .rev()
        .find(|&len| {
            text.is_char_boundary(text.len() - len) && stop.as_bytes().starts_with(&text.as_bytes()[text.len() - len..])
        })
        .unwrap_or(0)
}
