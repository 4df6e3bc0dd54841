//! Rows as a trainer takes them: ragged, without padding.

use crate::examples::Document;
use std::ops::Range;

/// N inputs of some rows, with what is to be predicted from each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// N tokens, all sequences one after the other. The last token of a sequence is no input: nothing follows it.
    pub ids: Vec<u32>,
    /// N tokens: what follows each input.
    pub targets: Vec<u32>,
    /// N: whether the loss counts that.
    pub learnt: Vec<bool>,
    /// The sequences in their order. Of preference pairs, those of even number are preferred to the ones behind them.
    pub sequences: Vec<Sequence>,
    /// For each row the number of its first sequence.
    pub rows: Vec<usize>,
    /// Which parts of which documents the sequences are made of.
    pub spans: Vec<Span>,
}

/// Inputs that attend to each other and to nothing else; positions are counted from the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// Its inputs, of `ids`.
    pub inputs: Range<usize>,
    /// What it is made of, of `spans`.
    pub spans: Range<usize>,
}

/// A part of a document: its tokens stand in a sequence one after the other, inputs and the last target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The number of the source.
    pub source: usize,
    /// The number of the document there.
    pub document: u64,
    /// The first of its tokens here.
    pub from: u64,
    /// How many.
    pub length: u64,
}

impl Batch {
    /// How many predictions the loss counts: what a mean over tokens divides by.
    pub fn supervised(&self) -> usize {
        self.learnt.iter().filter(|&&learnt| learnt).count()
    }

    /// Adds a sequence made of the spans from `first` on.
    pub(super) fn push(&mut self, tokens: &Document, first: usize) {
        let start = self.ids.len();
        let inputs = tokens.ids.len().saturating_sub(1);
        self.ids.extend(&tokens.ids[..inputs]);
        self.targets.extend(tokens.ids.iter().skip(1));
        self.learnt.extend(tokens.mask.iter().skip(1));
        self.sequences.push(Sequence { inputs: start..start + inputs, spans: first..self.spans.len() });
    }
}
