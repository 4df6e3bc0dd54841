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
    len: usize,
    /// Tokens of the whole end.
    count: usize,
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
        let next = |at: &usize| Some(at - self.best[at.checked_sub(1)?]?.len);
        let ends: Vec<usize> = successors(Some(text.len()), next).collect();
        let spelled = ends.last() == Some(&0);
        spelled.then(|| ends[..ends.len() - 1].iter().filter_map(|&end| Some(self.best[end - 1]?.id)).collect())
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
            let rest = match end.len() - len {
                0 => Some(0),
                rest => self.best[rest - 1].map(|first| first.count),
            };
            if let (Some(id), Some(rest)) = (node.token_id(), rest)
                && best.is_none_or(|best| rest < best.count)
            {
                best = Some(First { id, len, count: rest + 1 });
            }
        }
        best
    }
}
