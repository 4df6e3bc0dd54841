//! One answer under way: tokens become text that may be shown, up to where a stop string begins.

mod calls;

use crate::reasoning::Splitter;
use calls::CallTag;
use smollm_engine::{FinishReason, Token};
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::stream::{StopStrings, TextStream};
use std::collections::VecDeque;
use std::sync::Arc;

/// From tokens to text and back to the tokens that the text is made of.
#[derive(Debug)]
pub(crate) struct Transcript {
    stream: TextStream<Arc<Tokenizer>>,
    stops: StopStrings,
    /// Finds where calls begin, if there may be any.
    calls: Option<CallTag>,
    /// Tokens whose text is held back, with the byte of the text where theirs begins.
    held: VecDeque<(usize, Token)>,
    /// Bytes of text that tokens made, and of those that were given out.
    made: usize,
    given: usize,
    tokens: usize,
    end: Option<End>,
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The model chose a token that ends answers, or the caller wanted no more.
    Token,
    /// A stop string was met.
    Word(String),
    /// It is as long as was asked for.
    Length,
    /// The context is full.
    Context,
}

/// What may be shown next.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Delta {
    /// Text.
    pub(crate) text: String,
    /// The tokens that begin in this text or stand right before it without text of their own.
    pub(crate) tokens: Vec<Token>,
}

impl Transcript {
    /// An answer after a prompt that has text (`continues`) or has none.
    pub(crate) fn new(tokenizer: Arc<Tokenizer>, stops: &StopStrings, continues: bool) -> Self {
        let stream = if continues { TextStream::continuing(tokenizer) } else { TextStream::new(tokenizer) };
        let stops = stops.clone();
        Self { stream, stops, calls: None, held: VecDeque::new(), made: 0, given: 0, tokens: 0, end: None }
    }

    /// From the tag that opens a call on no stop string ends the answer. `splitter` finds the thoughts, in which there are no calls.
    pub(crate) fn expect_calls(&mut self, splitter: Splitter) {
        self.calls = Some(CallTag::new(splitter));
    }

    /// The next token.
    pub(crate) fn push(&mut self, token: Token) -> Delta {
        if self.end.is_some() {
            return Delta::default(); // came after the stop string
        }
        self.tokens += 1;
        let piece = self.stream.push(token.id);
        self.held.push_back((self.made, token));
        self.emit(&piece)
    }

    /// The answer is complete: whatever was held back.
    pub(crate) fn finish(&mut self, reason: FinishReason) -> Delta {
        if self.end.is_some() {
            return Delta::default();
        }
        let piece = self.stream.finish();
        let mut delta = self.emit(&piece);
        if let Some(rest) = self.calls.as_mut().map(CallTag::finish).filter(|_| self.end.is_none()) {
            let last = self.give(&rest, None);
            delta.text.push_str(&last.text);
            delta.tokens.extend(last.tokens);
        }
        if self.end.is_none() {
            self.end = Some(match reason {
                FinishReason::Length => End::Length,
                FinishReason::ContextFull => End::Context,
                FinishReason::Stop(_) | FinishReason::Complete | FinishReason::Cancelled => End::Token,
            });
            let rest = self.stops.finish();
            self.given += rest.len();
            delta.text.push_str(&rest);
            delta.tokens.extend(self.held.drain(..).map(|(_, token)| token));
        }
        delta
    }

    /// OpenAI's `finish_reason`, once the answer has ended.
    pub(crate) fn end(&self) -> Option<&'static str> {
        self.end.as_ref().map(|end| match end {
            End::Token | End::Word(_) => "stop",
            End::Length | End::Context => "length",
        })
    }

    /// Why the answer ended, once it has.
    pub(crate) fn ending(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Tokens of the answer, those of a stop string included.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens
    }

    fn emit(&mut self, piece: &str) -> Delta {
        self.made += piece.len();
        match self.calls.as_mut().map(|tag| tag.push(piece)) {
            Some((text, calls)) => self.give(&text, calls.as_deref()),
            None => self.give(piece, None),
        }
    }

    /// Gives out text up to a stop string, and calls that follow it.
    fn give(&mut self, text: &str, calls: Option<&str>) -> Delta {
        let mut step = self.stops.push(text);
        if let Some(calls) = calls.filter(|_| step.stopped.is_none()) {
            step.emit.push_str(&self.stops.finish());
            step.emit.push_str(calls);
        }
        self.given += step.emit.len();
        let nothing_held = self.given == self.made;
        if let Some(word) = step.stopped {
            self.end = Some(End::Word(word));
        }
        let mut tokens = Vec::new();
        while let Some((start, _)) = self.held.front()
            && (*start < self.given || (nothing_held && self.end.is_none()))
        {
            tokens.extend(self.held.pop_front().map(|(_, token)| token));
        }
        Delta { text: step.emit, tokens }
    }
}

#[cfg(test)]
mod tests;
