//! Text from outside made harmless: a model must not be able to drive the terminal.

/// What a character is shown as; `None` for a plain one.
///
/// Control characters become visible: C0 and DEL as their control pictures (ESC is `␛`), C1 and the
/// bidirectional overrides, embeddings and isolates (which reorder what is read) as U+FFFD. Newline
/// and tab stay.
fn substitute(c: char) -> Option<char> {
    match c {
        '\n' | '\t' => None,
        '\0'..='\x1f' => char::from_u32(0x2400 + c as u32),
        '\x7f' => Some('\u{2421}'),
        '\u{2028}' | '\u{2029}' => Some('\n'),
        '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some('\u{fffd}'),
        _ => None,
    }
}

/// Neutralises a stream of text: `\r\n` and a lone `\r` become `\n`, also across pieces.
#[derive(Debug, Default)]
pub struct Neutraliser {
    after_return: bool,
}

impl Neutraliser {
    /// Appends the harmless form of `text` to `out`.
    pub fn push(&mut self, text: &str, out: &mut String) {
        for c in text.chars() {
            let after_return = std::mem::replace(&mut self.after_return, c == '\r');
            match c {
                '\r' => out.push('\n'),
                '\n' if after_return => {}
                _ => out.push(substitute(c).unwrap_or(c)),
            }
        }
    }
}

/// The harmless form of a whole text.
pub(crate) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    Neutraliser::default().push(text, &mut out);
    out
}

/// The harmless form of a name, a value or an error: one line, line breaks and tabs as spaces.
pub(crate) fn line(text: &str) -> String {
    let mut out = self::text(text);
    if out.contains(['\n', '\t']) {
        out = out.replace(['\n', '\t'], " ");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_become_visible() {
        for (raw, shown) in [
            ("plain é 漢 🙂\n\ttab", "plain é 漢 🙂\n\ttab"),
            ("\x1b[31mred", "␛[31mred"),
            ("\x1b]0;title\x07", "␛]0;title␇"),
            ("\u{9b}31m", "\u{fffd}31m"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("back\x08\x7f", "back␈␡"),
            ("\u{202e}evil\u{2069}", "\u{fffd}evil\u{fffd}"),
            ("a\u{2028}b", "a\nb"),
            ("\0\x0c", "␀␌"),
        ] {
            assert_eq!(text(raw), shown, "{raw:?}");
        }
        assert_eq!(line("two\nlines\tand\r\ntabs"), "two lines and tabs");
    }

    #[test]
    fn a_return_and_newline_in_two_pieces_are_one_line_break() {
        let (mut neutraliser, mut out) = (Neutraliser::default(), String::new());
        for piece in ["a\r", "\nb\r", "\r", "c\n\n"] {
            neutraliser.push(piece, &mut out);
        }
        assert_eq!(out, "a\nb\n\nc\n\n");
    }
}
