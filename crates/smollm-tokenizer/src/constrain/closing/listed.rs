//! A list of texts of which an answer is one: how many tokens are left of each, wherever it is.

use std::ops::Range;
use std::sync::Arc;

use toktrie::TokTrie;

use super::tokens::Speller;

/// The texts, in the order of their bytes.
#[derive(Debug)]
struct List {
    texts: Vec<(Vec<u8>, Speller)>,
    /// About how many bytes they take.
    bytes: usize,
}

/// A text under way.
#[derive(Debug, Clone)]
pub(in crate::constrain) struct Listed {
    list: Arc<List>,
    /// Those that it may still become, which all begin as it does: side by side in that order.
    left: Range<usize>,
    /// Bytes of it.
    said: usize,
}

impl Listed {
    /// Before all text.
    pub(in crate::constrain) fn new(texts: &[String], trie: &TokTrie) -> Self {
        let mut sorted: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let spelled = |text: &[u8]| {
            let mut speller = Speller::default();
            speller.spell(trie, text);
            (text.to_vec(), speller)
        };
        let texts: Vec<_> = sorted.into_iter().map(spelled).collect();
        let own = |(text, speller): &(Vec<u8>, Speller)| size_of::<(Vec<u8>, Speller)>() + text.len() + speller.bytes();
        let bytes = texts.iter().map(own).sum();
        Self { left: 0..texts.len(), list: Arc::new(List { texts, bytes }), said: 0 }
    }

    /// Follows a text. After an error it is of no use.
    ///
    /// # Errors
    /// No text of the list goes on like that.
    pub(in crate::constrain) fn follow(&mut self, text: &[u8]) -> Result<(), String> {
        for &byte in text {
            let left = &self.list.texts[self.left.clone()];
            let next = |text: &[u8]| text.get(self.said).copied(); // nothing at its end, which comes before all else
            let from = left.partition_point(|(text, _)| next(text) < Some(byte));
            let until = left.partition_point(|(text, _)| next(text) <= Some(byte));
            if from == until {
                return Err(format!("byte {byte:#04x} does not follow"));
            }
            self.left = self.left.start + from..self.left.start + until;
            self.said += 1;
        }
        Ok(())
    }

    /// What makes it whole with the fewest tokens, and among those with the fewest bytes; `None` if the vocabulary cannot spell any.
    pub(in crate::constrain) fn ending(&self) -> Option<Vec<u32>> {
        let left = &self.list.texts[self.left.clone()];
        let open = left.iter().map(|(text, speller)| (text.len() - self.said, speller));
        let counted = open.filter_map(|(rest, speller)| Some((speller.count(rest)?, rest, speller)));
        let (_, rest, speller) = counted.min_by_key(|&(count, rest, _)| (count, rest))?;
        speller.tokens(rest)
    }

    /// About how many bytes the list takes.
    pub(in crate::constrain) fn bytes(&self) -> usize {
        self.list.bytes
    }
}
