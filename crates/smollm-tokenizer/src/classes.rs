//! The four kinds of character that the pre-tokenizer patterns tell apart.

use crate::unicode_data::{DIGITS_ONLY, LETTERS, NUMBERS, WORD_CHARACTERS};

/// `\p{L}`, `\p{N}`, `\s`, or none of them. No character is in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Class {
    Letter,
    Number,
    Space,
    Other,
}

/// Class by character: a table for the first 65,536, a search for the rest.
pub(crate) struct Classes {
    table: Box<[Class]>,
    digits: bool,
}

impl Classes {
    /// With `digits` the numbers are those of the `Digits` pre-tokenizer, a few more than `\p{N}`.
    pub(crate) fn new(digits: bool) -> Self {
        let mut table = vec![Class::Other; 0x10000].into_boxed_slice();
        let extra = if digits { DIGITS_ONLY } else { &[] };
        for (borders, class) in [(LETTERS, Class::Letter), (NUMBERS, Class::Number), (extra, Class::Number)] {
            for range in borders.chunks_exact(2) {
                let end = table.len().min(range[1] as usize);
                if let Some(cells) = table.get_mut(range[0] as usize..end) {
                    cells.fill(class);
                }
            }
        }
        // White_Space is a stable property, and all of it lies below U+3001.
        for (code, cell) in (0..=0x3000).zip(table.iter_mut()) {
            if char::from_u32(code).is_some_and(char::is_whitespace) {
                *cell = Class::Space;
            }
        }
        Self { table, digits }
    }

    /// The class of a character.
    #[inline]
    pub(crate) fn of(&self, c: char) -> Class {
        match self.table.get(c as usize) {
            Some(&class) => class,
            None => self.search(c),
        }
    }

    /// The class of the character at byte `at`, and its length in bytes.
    ///
    /// # Panics
    /// Where no character begins at `at`.
    #[inline]
    pub(crate) fn at(&self, text: &str, at: usize) -> (Class, usize) {
        let byte = text.as_bytes()[at];
        if byte < 0x80 {
            return (self.table[usize::from(byte)], 1);
        }
        let c = text[at..].chars().next().unwrap_or('\u{fffd}');
        (self.of(c), c.len_utf8())
    }

    /// The end of the run of `class` that begins at byte `at`; `at` itself when there is none.
    #[inline]
    pub(crate) fn run(&self, text: &str, mut at: usize, class: Class) -> usize {
        while at < text.len() {
            let (found, length) = self.at(text, at);
            if found != class {
                break;
            }
            at += length;
        }
        at
    }

    #[cold]
    fn search(&self, c: char) -> Class {
        if contains(LETTERS, c) {
            Class::Letter
        } else if contains(NUMBERS, c) || self.digits && contains(DIGITS_ONLY, c) {
            Class::Number
        } else {
            Class::Other
        }
    }
}

/// Whether `c` is a word character (`\w`): beside one, a `single_word` token is refused.
pub(crate) fn is_word(c: char) -> bool {
    contains(WORD_CHARACTERS, c)
}

fn contains(borders: &[u32], c: char) -> bool {
    borders.partition_point(|&border| border <= c as u32) % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_the_search_agree() {
        for digits in [false, true] {
            let classes = Classes::new(digits);
            for c in (0..0x10000).filter_map(char::from_u32) {
                let expected = if c.is_whitespace() { Class::Space } else { classes.search(c) };
                assert_eq!(classes.of(c), expected, "{c:?}");
            }
        }
    }

    #[test]
    fn white_space_lies_below_the_border() {
        assert_eq!((0x3001..=0x10ffff).filter_map(char::from_u32).find(|c| c.is_whitespace()), None);
        assert_eq!(Classes::new(false).of('\u{3000}'), Class::Space);
    }

    #[test]
    fn some_characters() {
        let (plain, digits) = (Classes::new(false), Classes::new(true));
        let some = [('a', Class::Letter), ('é', Class::Letter), ('中', Class::Letter), ('𐐀', Class::Letter)];
        let more = [('7', Class::Number), ('½', Class::Number), ('٣', Class::Number), ('𝟘', Class::Number)];
        let rest = [('\u{a0}', Class::Space), ('_', Class::Other), ('\u{301}', Class::Other), ('🙂', Class::Other)];
        for (c, class) in some.into_iter().chain(more).chain(rest) {
            assert_eq!((plain.of(c), digits.of(c)), (class, class), "{c:?}");
        }
        assert_eq!((plain.of('\u{11de0}'), digits.of('\u{11de0}')), (Class::Other, Class::Number));
        assert!(is_word('_') && is_word('é') && is_word('\u{301}') && !is_word('-') && !is_word('½'));
    }
}
