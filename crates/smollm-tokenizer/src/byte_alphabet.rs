//! The 256 characters that spell bytes in byte-level vocabularies (GPT-2's `bytes_to_unicode`).
//!
//! Printable Latin-1 spells itself; the other bytes take the characters from U+0100 on, in order.

/// The character that spells `byte`.
pub(crate) const fn byte_to_char(byte: u8) -> char {
    let code = match byte {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => byte as u32,
        0x00..=0x20 => 0x100 + byte as u32,
        0x7f..=0xa0 => 0x121 + (byte as u32 - 0x7f),
        0xad => 0x143,
    };
    match char::from_u32(code) {
        Some(c) => c,
        None => char::REPLACEMENT_CHARACTER, // not met: every code above is below U+0144
    }
}

/// The byte that `c` spells, if it is one of the 256.
pub(crate) const fn char_to_byte(c: char) -> Option<u8> {
    match c as u32 {
        code @ (0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) => Some(code as u8),
        code @ 0x100..=0x120 => Some((code - 0x100) as u8),
        code @ 0x121..=0x142 => Some((code - 0x121) as u8 + 0x7f),
        0x143 => Some(0xad),
        _ => None,
    }
}

/// Appends the bytes that `text` spells; `false`, with `out` as it was, when a character spells none.
pub(crate) fn unspell(text: &str, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    for c in text.chars() {
        let Some(byte) = char_to_byte(c) else {
            out.truncate(start);
            return false;
        };
        out.push(byte);
    }
    true
}

/// Appends the spelling of `bytes`.
pub(crate) fn spell(bytes: &[u8], out: &mut String) {
    out.extend(bytes.iter().map(|&b| byte_to_char(b)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_own_character() {
        for byte in 0..=255u8 {
            assert_eq!(char_to_byte(byte_to_char(byte)), Some(byte));
        }
        assert_eq!((byte_to_char(b' '), byte_to_char(b'\n'), byte_to_char(b'a')), ('Ġ', 'Ċ', 'a'));
        assert_eq!(char_to_byte(' '), None);
        assert_eq!((0..=0x10ffff).filter_map(char::from_u32).filter_map(char_to_byte).count(), 256);
    }

    #[test]
    fn a_foreign_character_leaves_the_output_alone() {
        let mut out = b"kept".to_vec();
        assert!(!unspell("a b", &mut out));
        assert!(unspell("Ġb", &mut out));
        assert_eq!(out, b"kept b");
    }
}
