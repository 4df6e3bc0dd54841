//! A text in as few tokens as there can be.

use toktrie::TokTrie;

/// The tokens, the longest first among equals; `None` if the vocabulary cannot spell the text.
pub(in crate::constrain) fn fewest_tokens(trie: &TokTrie, text: &[u8]) -> Option<Vec<u32>> {
    // from each place on: how many tokens, and the first of them with its length
    let mut best: Vec<Option<(usize, u32, usize)>> = vec![None; text.len() + 1];
    best[text.len()] = Some((0, 0, 0));
    for start in (0..text.len()).rev() {
        let mut node = trie.root();
        for (i, &byte) in text[start..].iter().enumerate() {
            let Some(child) = trie.child_at_byte(node, byte) else { break };
            node = child;
            if let (Some(id), Some((rest, ..))) = (node.token_id(), best[start + i + 1])
                && best[start].is_none_or(|(count, ..)| rest < count)
            {
                best[start] = Some((rest + 1, id, i + 1));
            }
        }
    }
    let (mut at, mut tokens) = (0, Vec::new());
    while at < text.len() {
        let (_, id, len) = best[at]?;
        tokens.push(id);
        at += len;
    }
    Some(tokens)
}
