//! Added tokens: text that becomes one token before anything is split or merged.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::Specials;
use crate::classes::is_word;

/// One added token and the conditions under which its text counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AddedToken {
    pub(crate) id: u32,
    pub(crate) content: String,
    /// Not found where special tokens are read as text, and left out of decoded text where that is asked for.
    pub(crate) special: bool,
    /// Not found beside a word character.
    pub(crate) single_word: bool,
    /// Swallows the white space before it.
    pub(crate) lstrip: bool,
    /// Swallows the white space after it.
    pub(crate) rstrip: bool,
    /// Looked for after the others, in what they left over. (There is no normalizer in this family.)
    pub(crate) normalized: bool,
}

impl AddedToken {
    /// A token without conditions.
    pub(crate) fn plain(id: u32, content: String, special: bool) -> Self {
        Self { id, content, special, single_word: false, lstrip: false, rstrip: false, normalized: false }
    }
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// Text without added tokens, not empty.
    Text(&'a str),
    /// An added token.
    Token(u32),
}

/// All added tokens, with an automaton for each of the two passes.
pub(crate) struct AddedTokens {
    tokens: Vec<AddedToken>,
    passes: Vec<Pass>,
}

struct Pass {
    automaton: AhoCorasick,
    /// Index into the tokens by index of the pattern.
    tokens: Vec<usize>,
}

impl AddedTokens {
    /// The order of `tokens` does not matter; two of the same content are a mistake of the caller. The error is that of
    /// the automaton: more text than it can hold.
    pub(crate) fn new(tokens: Vec<AddedToken>) -> Result<Self, String> {
        let mut passes = Vec::new();
        for normalized in [false, true] {
            let of_pass: Vec<usize> = (0..tokens.len())
                .filter(|&i| tokens[i].normalized == normalized && !tokens[i].content.is_empty())
                .collect();
            if of_pass.is_empty() {
                continue;
            }
            let automaton = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                // A DFA would take memory far beyond the size of the file.
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(of_pass.iter().map(|&i| &tokens[i].content))
                .map_err(|e| e.to_string())?;
            passes.push(Pass { automaton, tokens: of_pass });
        }
        Ok(Self { tokens, passes })
    }

    pub(crate) fn tokens(&self) -> &[AddedToken] {
        &self.tokens
    }

    /// A token of each pass whose texts can overlap: for them it matters that there are two passes.
    pub(crate) fn overlap_of_passes(&self) -> Option<(&str, &str)> {
        let of = |normalized: bool| self.tokens.iter().filter(move |t| t.normalized == normalized).map(|t| &*t.content);
        of(false).find_map(|first| of(true).find(|second| overlap(first, second)).map(|second| (first, second)))
    }

    /// Calls `part` for each part of `text` in order.
    pub(crate) fn split<'a>(&self, text: &'a str, specials: Specials, part: &mut dyn FnMut(Part<'a>)) {
        self.split_from(0, text, specials, part);
    }

    fn split_from<'a>(&self, pass: usize, text: &'a str, specials: Specials, part: &mut dyn FnMut(Part<'a>)) {
        let Some(Pass { automaton, tokens }) = self.passes.get(pass) else {
            if !text.is_empty() {
                part(Part::Text(text));
            }
            return;
        };
        let mut done = 0;
        for found in automaton.find_iter(text) {
            let token = &self.tokens[tokens[found.pattern().as_usize()]];
            let (mut start, mut end) = (found.start(), found.end());
            if token.special && specials == Specials::AsText {
                continue;
            }
            if token.single_word {
                let before = text[..start].chars().next_back().is_some_and(is_word);
                let after = text[end..].chars().next().is_some_and(is_word);
                if before || after {
                    continue;
                }
            }
            if token.lstrip && done < start {
                start = done + text[done..start].trim_end().len();
            }
            if token.rstrip {
                end = text.len() - text[end..].trim_start().len();
            }
            // The token before may have swallowed white space that this one begins with; then both count, as in the
            // Python `tokenizers`.
            if done < start {
                self.split_from(pass + 1, &text[done..start], specials, part);
            }
            part(Part::Token(token.id));
            done = end;
        }
        self.split_from(pass + 1, &text[done..], specials, part);
    }
}

/// Whether one text holds the other, or ends as the other begins.
fn overlap(one: &str, other: &str) -> bool {
    let ends_as_begins =
        |left: &str, right: &str| right.char_indices().skip(1).any(|(end, _)| left.ends_with(&right[..end]));
    one.contains(other) || other.contains(one) || ends_as_begins(one, other) || ends_as_begins(other, one)
}

#[cfg(test)]
mod tests;
