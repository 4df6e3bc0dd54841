//! A text in as few tokens as there can be.

use std::iter::successors;

use toktrie::{TokTrie, TrieNode};

/// Texts one after the other, that mostly end alike: what is known of an end is not worked out again.
#[derive(Debug, Clone, Default)]
pub(in crate::constrain) struct Speller {
    /// The text, its last byte first.
    text: Vec<u8>,
    /// For each end of it, the shortest first: what it begins with; `None` if the vocabulary cannot spell it.
    best: Vec<Option<First>>,
}

/// The first token of an end of a text.
#[derive(Debug, Clone, Copy)]
struct First {
    id: u32,
    len: u32,
    /// Tokens of the whole end.
    count: u32,
}

impl Speller {
    /// The fewest tokens of a text, the longest first among equals; `None` if the vocabulary cannot spell it.
    pub(in crate::constrain) fn spell(&mut self, trie: &TokTrie, text: &[u8]) -> Option<Vec<u32>> {
        let alike = self.text.iter().zip(text.iter().rev()).take_while(|(old, new)| old == new).count();
        self.text.truncate(alike);
        self.best.truncate(alike);
        let mut roots: [Option<Option<&TrieNode>>; 256] = [None; 256]; // looked for once: a node has its children in a list
        for start in (0..text.len() - alike).rev() {
            self.text.push(text[start]);
            let first = self.first(trie, &text[start..], &mut roots);
            self.best.push(first);
        }
        self.tokens(text.len())
    }

    /// The same of the last `len` bytes of the text that was spelled last.
    pub(super) fn tokens(&self, len: usize) -> Option<Vec<u32>> {
        let next = |at: &usize| Some(at - self.best[at.checked_sub(1)?]?.len as usize);
        let ends: Vec<usize> = successors(Some(len), next).collect();
        let spelled = ends.last() == Some(&0);
        spelled.then(|| ends[..ends.len() - 1].iter().filter_map(|&end| Some(self.best[end - 1]?.id)).collect())
    }

    /// How many tokens those are.
    pub(super) fn count(&self, len: usize) -> Option<u32> {
        match len.checked_sub(1) {
            None => Some(0),
            Some(last) => self.best[last].map(|first| first.count),
        }
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + size_of_val(self.best.as_slice())
    }

    /// The first token of an end, all shorter ends being known.
    fn first<'t>(
        &self,
        trie: &'t TokTrie,
        end: &[u8],
        roots: &mut [Option<Option<&'t TrieNode>>; 256],
    ) -> Option<First> {
        let child = *roots[end[0] as usize].get_or_insert_with(|| trie.child_at_byte(trie.root(), end[0]));
        let (mut node, mut best): (&TrieNode, Option<First>) = (child?, None);
        for len in 1..=end.len() {
            if len > 1 {
                let Some(child) = trie.child_at_byte(node, end[len - 1]) else { break };
                node = child;
            }
            if let (Some(id), Some(rest)) = (node.token_id(), self.count(end.len() - len))
                && best.is_none_or(|best| rest < best.count)
            {
                best = Some(First { id, len: len as u32, count: rest + 1 });
            }
        }
        best
    }
}
