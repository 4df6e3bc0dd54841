//! SentencePiece BPE: characters merge by the score of what they make, and what is left becomes bytes.
//!
//! The order is that of sentencepiece and llama.cpp: the highest score first, the leftmost of equals.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::vocab::{Kind, Vocab};

/// What stands for a space inside of tokens.
pub(crate) const SPACE: char = '\u{2581}';

/// The model of a SentencePiece vocabulary.
pub(crate) struct ScoreBpe {
    pub(crate) scores: Vec<f32>,
    /// A space goes before the text, and decoding takes it away again.
    pub(crate) add_space_prefix: bool,
    byte_ids: [u32; 256],
}

/// A part of the text that is one token, or not yet any.
#[derive(Clone, Copy)]
struct Symbol {
    start: usize,
    /// Zero when it has merged into its left neighbour.
    length: usize,
    previous: usize,
    next: usize,
}

/// A pair that may merge: best score, then leftmost.
type Candidate = (i32, Reverse<usize>, usize);

impl ScoreBpe {
    /// `scores` has one entry per id. The error is the first byte that has no token.
    pub(crate) fn new(vocab: &Vocab, scores: Vec<f32>, add_space_prefix: bool) -> Result<Self, u8> {
        Ok(Self { scores, add_space_prefix, byte_ids: byte_ids(vocab)? })
    }

    /// Appends the ids of `text`, which holds no added token. `opens`: it begins the text or follows an added token.
    pub(crate) fn encode(&self, vocab: &Vocab, text: &str, opens: bool, out: &mut Vec<u32>) {
        let mut escaped = String::with_capacity(text.len() + 3);
        if opens && self.add_space_prefix {
            escaped.push(SPACE);
        }
        escaped.extend(text.chars().map(|c| if c == ' ' { SPACE } else { c }));

        for symbol in self.merge(vocab, &escaped, |_, _| ()) {
            let piece = &escaped[symbol.start..symbol.start + symbol.length];
            match mergeable(vocab, piece) {
                Some(id) => out.push(id),
                None => out.extend(piece.bytes().map(|byte| self.byte_ids[usize::from(byte)])),
            }
        }
    }

    /// The length of the left one of the two parts that merge into the whole of `text`, if all of it merges.
    pub(crate) fn last_merge(&self, vocab: &Vocab, text: &str) -> Option<usize> {
        let mut last = None;
        self.merge(vocab, text, |left, both| {
            if both == text.len() {
                last = Some(left);
            }
        });
        last
    }

    /// What the characters of `escaped` merge into. `merged` hears the lengths of the left part and of both for each merge.
    fn merge(&self, vocab: &Vocab, escaped: &str, mut merged: impl FnMut(usize, usize)) -> Vec<Symbol> {
        let mut symbols: Vec<Symbol> = escaped
            .char_indices()
            .enumerate()
            .map(|(i, (start, c))| Symbol { start, length: c.len_utf8(), previous: i.wrapping_sub(1), next: i + 1 })
            .collect();
        let mut queue: BinaryHeap<Candidate> = BinaryHeap::new();
        for left in 0..symbols.len().saturating_sub(1) {
            queue.extend(self.candidate(vocab, escaped, &symbols, left));
        }
        while let Some((_, Reverse(left), length)) = queue.pop() {
            let Symbol { length: left_length, next: right, .. } = symbols[left];
            if left_length == 0 || right >= symbols.len() || left_length + symbols[right].length != length {
                continue; // one of the two has merged since
            }
            merged(left_length, length);
            let next = symbols[right].next;
            symbols[left].length = length;
            symbols[left].next = next;
            symbols[right].length = 0;
            if next < symbols.len() {
                symbols[next].previous = left;
            }
            let previous = symbols[left].previous;
            if previous < symbols.len() {
                queue.extend(self.candidate(vocab, escaped, &symbols, previous));
            }
            queue.extend(self.candidate(vocab, escaped, &symbols, left));
        }
        symbols.retain(|symbol| symbol.length > 0);
        symbols
    }

    /// The pair that begins at `left`, if it makes a token.
    fn candidate(&self, vocab: &Vocab, text: &str, symbols: &[Symbol], left: usize) -> Option<Candidate> {
        let Symbol { start, length, next, .. } = symbols[left];
        let length = length + symbols.get(next)?.length;
        let id = mergeable(vocab, &text[start..start + length])?;
        Some((ordered(self.scores[id as usize]), Reverse(left), length))
    }
}

/// The id of a token that text can merge into: special and byte tokens are none, as in sentencepiece.
pub(crate) fn mergeable(vocab: &Vocab, text: &str) -> Option<u32> {
    let id = vocab.id(text)?;
    matches!(vocab.kind(id), Some(Kind::Normal | Kind::UserDefined | Kind::Unused)).then_some(id)
}

/// An integer that sorts as the number does; both zeros are one.
pub(crate) fn ordered(score: f32) -> i32 {
    let bits = (score + 0.0).to_bits() as i32;
    bits ^ ((bits >> 31) as u32 >> 1) as i32
}

/// The token of every byte. The error is the first that has none.
pub(crate) fn byte_ids(vocab: &Vocab) -> Result<[u32; 256], u8> {
    let mut ids = [0; 256];
    for (byte, id) in (0..=255u8).zip(&mut ids) {
        *id = vocab.id(&byte_token(byte)).ok_or(byte)?;
    }
    Ok(ids)
}

/// How the vocabulary spells a byte.
pub(crate) fn byte_token(byte: u8) -> String {
    format!("<0x{byte:02X}>")
}

/// The byte that a byte token stands for.
pub(crate) fn token_byte(spelling: &str) -> Option<u8> {
    let digits = spelling.strip_prefix("<0x")?.strip_suffix('>')?;
    let is_hex = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| u8::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_sort_as_numbers() {
        let sorted = [f32::NEG_INFINITY, -1e30, -2.0, -1.0, -1e-40, 0.0, 1e-40, 1.0, f32::INFINITY];
        assert!(sorted.windows(2).all(|pair| ordered(pair[0]) < ordered(pair[1])));
        assert_eq!(ordered(0.0), ordered(-0.0));
    }

    #[test]
    fn byte_tokens() {
        for byte in 0..=255 {
            assert_eq!(token_byte(&byte_token(byte)), Some(byte));
        }
        assert_eq!(byte_token(10), "<0x0A>");
        for other in ["<0xA>", "<0x+1>", "<0x0A", "0x0A>", "<s>", "<0x0AA>", ""] {
            assert_eq!(token_byte(other), None, "{other}");
        }
    }
}
