//! Cuts text into the pieces inside which tokens merge: the known patterns, scanned by hand.
//!
//! Each scanner is the pattern read as code: at every position the first alternative that matches wins. A regular
//! expression engine would spend most of the time of encoding here.

use crate::classes::{Class, Classes};

/// The pre-tokenizer patterns of this family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// `ByteLevel` with its regular expression, GPT-2's.
    Gpt2,
    /// `Digits` (every number alone), then `ByteLevel` on what lies between: SmolLM and SmolLM2.
    Gpt2Digits,
    /// The regular expression of Llama 3, then `ByteLevel` without its own: SmolLM3.
    Llama3,
}

/// GPT-2's pattern. In `Gpt2Digits` it never meets a number.
pub(crate) const GPT2_PATTERN: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// Llama 3's pattern.
pub(crate) const LLAMA3_PATTERN: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|",
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// A pattern with the character classes that it needs.
pub(crate) struct PreTokenizer {
    pattern: Pattern,
    classes: Classes,
}

impl PreTokenizer {
    pub(crate) fn new(pattern: Pattern) -> Self {
        Self { pattern, classes: Classes::new(pattern == Pattern::Gpt2Digits) }
    }

    pub(crate) fn pattern(&self) -> Pattern {
        self.pattern
    }

    /// The last place inside of `text` where a piece ends whatever comes before and after: a letter stands on its left, no
    /// letter on its right. No alternative of the patterns goes on there, and none looks across it.
    pub(crate) fn last_cut(&self, text: &str) -> Option<usize> {
        let mut right = Class::Letter; // what follows the text is not known
        for (at, c) in text.char_indices().rev() {
            let class = self.classes.of(c);
            if class == Class::Letter && right != Class::Letter {
                return Some(at + c.len_utf8());
            }
            right = class;
        }
        None
    }

    /// Calls `piece(start, end)` for each piece of `text` in order; together they are all of it.
    pub(crate) fn pieces(&self, text: &str, piece: impl FnMut(usize, usize)) {
        match self.pattern {
            Pattern::Gpt2 => scan(text, |at| self.gpt2::<false>(text, at), piece),
            Pattern::Gpt2Digits => scan(text, |at| self.gpt2::<true>(text, at), piece),
            Pattern::Llama3 => scan(text, |at| self.llama3(text, at), piece),
        }
    }

    /// The end of the piece that begins at `at`. With `DIGITS` a number ends the text on its left.
    #[inline]
    fn gpt2<const DIGITS: bool>(&self, text: &str, at: usize) -> usize {
        let (class, length) = self.classes.at(text, at);
        match class {
            Class::Number if DIGITS => at + length,
            Class::Letter | Class::Number => self.classes.run(text, at + length, class),
            Class::Other => match contraction(&text.as_bytes()[at..], false) {
                Some(length) => at + length,
                None => self.classes.run(text, at + length, class),
            },
            Class::Space => {
                if text.as_bytes()[at] == b' ' && at + 1 < text.len() {
                    let (next, length) = self.classes.at(text, at + 1);
                    match next {
                        Class::Space => (),
                        Class::Number if DIGITS => return at + 1,
                        _ => return self.classes.run(text, at + 1 + length, next),
                    }
                }
                let end = self.classes.run(text, at, Class::Space);
                if DIGITS && end < text.len() && self.classes.at(text, end).0 == Class::Number {
                    return end;
                }
                spaces(text, at, end)
            }
        }
    }

    /// The end of the piece that begins at `at`.
    #[inline]
    fn llama3(&self, text: &str, at: usize) -> usize {
        let bytes = text.as_bytes();
        let (class, length) = self.classes.at(text, at);
        match class {
            Class::Letter => self.classes.run(text, at + length, Class::Letter),
            Class::Number => self.up_to_three_numbers(text, at + length),
            Class::Other | Class::Space => {
                if let Some(length) = contraction(&bytes[at..], true) {
                    return at + length;
                }
                let next = at + length;
                if !matches!(bytes[at], b'\r' | b'\n') {
                    let end = self.classes.run(text, next, Class::Letter);
                    if end > next {
                        return end;
                    }
                }
                let signs = if bytes[at] == b' ' { next } else { at };
                let end = self.classes.run(text, signs, Class::Other);
                if end > signs {
                    return end + bytes[end..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
                }
                let end = self.classes.run(text, at, Class::Space);
                match bytes[at..end].iter().rposition(|b| matches!(b, b'\r' | b'\n')) {
                    Some(last) => at + last + 1,
                    None => spaces(text, at, end),
                }
            }
        }
    }

    fn up_to_three_numbers(&self, text: &str, mut at: usize) -> usize {
        for _ in 0..2 {
            if at < text.len()
                && let (Class::Number, length) = self.classes.at(text, at)
            {
                at += length;
            }
        }
        at
    }
}

fn scan(text: &str, end_of: impl Fn(usize) -> usize, mut piece: impl FnMut(usize, usize)) {
    let mut at = 0;
    while at < text.len() {
        let end = end_of(at);
        piece(at, end);
        at = end;
    }
}

/// `\s+(?!\S)|\s+` on the run of white space `at..end`: its last character is left to the word that follows, unless it
/// is all there is.
fn spaces(text: &str, at: usize, end: usize) -> usize {
    if end == text.len() {
        return end;
    }
    let last = text[at..end].chars().next_back().map_or(0, char::len_utf8);
    if end - last > at { end - last } else { end }
}

/// The length of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` at the beginning of `bytes`.
///
/// Without case this takes the long s of `'ſ` too, which folds to `s`; no other character folds to one of these letters.
#[inline]
fn contraction(bytes: &[u8], ignore_case: bool) -> Option<usize> {
    let (&first, rest) = bytes.split_first()?;
    if first != b'\'' {
        return None;
    }
    let letter = |i: usize| rest.get(i).map(|b| if ignore_case { b.to_ascii_lowercase() } else { *b });
    match (letter(0)?, letter(1)) {
        (b's' | b't' | b'm' | b'd', _) => Some(2),
        (b'r' | b'v', Some(b'e')) | (b'l', Some(b'l')) => Some(3),
        _ if ignore_case && rest.starts_with("ſ".as_bytes()) => Some(1 + "ſ".len()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
