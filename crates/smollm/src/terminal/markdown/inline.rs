//! The inside of a line: emphasis, code, links, escapes and entities, as far as they are certain.
//!
//! The parser works on the rest of a source line whose end may not have arrived. What depends on
//! text still to come is held back, but only within a window counted from where it opens; the same
//! text therefore gives the same pieces however it was cut.

use super::find::{Found, Rest, WINDOW, balanced, closing_run, code_end, run_of};
use crate::terminal::style::{Colour, Style};

/// Characters within which an address or a formula must close.
const LONG_WINDOW: usize = 400;
/// The tag that ends a thought.
pub(super) const THINK_END: &str = "</think>";

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text to be wrapped.
    Text(Style, String),
    /// A forced line break (`<br>`).
    Break,
    /// `</think>`.
    ThinkEnd,
}

/// What does not change within a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inline {
    /// Colours are allowed; without them code keeps its backticks.
    pub(super) colours: bool,
    /// Inside `<think>`.
    pub(super) thinking: bool,
}

/// How a special character is to be read.
enum Step {
    /// Depends on text that has not arrived.
    Hold,
    /// These many bytes are plain text.
    Literal(usize),
    /// These pieces replace so many bytes.
    Pieces(Vec<Piece>, usize),
}

impl Inline {
    /// Reads `text`, which follows the character `before`, as far as it is certain: the pieces, and
    /// the bytes they stand for. With `at_end` no more text follows on this line, and all is read.
    pub(super) fn parse(&self, text: &str, at_end: bool, before: Option<char>, style: Style) -> (Vec<Piece>, usize) {
        // Nothing reaches past the end of a thought.
        match text.find(THINK_END).filter(|_| self.thinking) {
            Some(end) => {
                let (mut pieces, _) = self.read(&text[..end], true, before, style);
                pieces.push(Piece::ThinkEnd);
                (pieces, end + THINK_END.len())
            }
            None => self.read(text, at_end, before, style),
        }
    }

    fn read(&self, text: &str, at_end: bool, before: Option<char>, style: Style) -> (Vec<Piece>, usize) {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let rest = Rest { text: &text[at..], at_end };
            let previous = text[..at].chars().next_back().or(before);
            let step = match c {
                '*' | '_' | '~' => self.emphasis(rest, c, previous, style),
                '`' => self.code(rest, style),
                '[' => self.link(rest, style, 0),
                '!' => match rest.text[1..].chars().next() {
                    Some('[') => self.link(rest, style, 1),
                    None if !at_end => Step::Hold,
                    _ => Step::Literal(1),
                },
                '<' => self.angle(rest, style),
                '\\' => self.escape(rest, style),
                '$' => dollars(rest),
                '&' => entity(rest, style),
                _ => Step::Literal(c.len_utf8()),
            };
            match step {
                Step::Hold => break,
                Step::Literal(bytes) => {
                    plain.push_str(&rest.text[..bytes]);
                    at += bytes;
                }
                Step::Pieces(found, bytes) => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(style, std::mem::take(&mut plain)));
                    }
                    pieces.extend(found);
                    at += bytes;
                }
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(style, plain));
        }
        (pieces, at)
    }

    fn emphasis(&self, rest: Rest<'_>, marker: char, before: Option<char>, style: Style) -> Step {
        let run = run_of(rest.text, marker);
        if run >= WINDOW {
            return Step::Literal(WINDOW);
        }
        if run == rest.text.len() && !rest.at_end {
            return Step::Hold;
        }
        let opens = match rest.text[run..].chars().next() {
            None => false,
            Some(next) => {
                // `2*3*4` and `snake_case_name` are no emphasis; `中文**bold**` is.
                let inside_word = match marker {
                    '_' => before.is_some_and(char::is_alphanumeric),
                    _ => run == 1 && before.is_some_and(|c| c.is_ascii_alphanumeric()),
                };
                let length = if marker == '~' { run == 2 } else { run <= 3 };
                !next.is_whitespace() && !inside_word && length
            }
        };
        if !opens {
            return Step::Literal(run);
        }
        match closing_run(rest, marker, run) {
            Found::Unknown => Step::Hold,
            Found::Nowhere => Step::Literal(run),
            Found::At(end) => {
                let style = match (marker, run) {
                    ('~', _) => style.strike(),
                    (_, 1) => style.italic(),
                    (_, 2) => style.bold(),
                    _ => style.bold().italic(),
                };
                let (pieces, _) = self.parse(&rest.text[run..end], true, Some(marker), style);
                Step::Pieces(pieces, end + run)
            }
        }
    }

    fn code(&self, rest: Rest<'_>, style: Style) -> Step {
        let run = run_of(rest.text, '`');
        if run >= WINDOW {
            return Step::Literal(WINDOW);
        }
        if run == rest.text.len() && !rest.at_end {
            return Step::Hold;
        }
        match code_end(rest.window(WINDOW), run) {
            Found::Unknown => Step::Hold,
            Found::Nowhere => Step::Literal(run),
            Found::At(end) => {
                let mut code = &rest.text[run..end];
                if code.len() > 2 && code.starts_with(' ') && code.ends_with(' ') && !code.trim().is_empty() {
                    code = &code[1..code.len() - 1];
                }
                let code = if self.colours { code.to_owned() } else { format!("`{code}`") };
                Step::Pieces(vec![Piece::Text(style.colour(Colour::Cyan), code)], end + run)
            }
        }
    }

    /// `[label](address)`, or with `image` = 1 `![label](address)`.
    fn link(&self, rest: Rest<'_>, style: Style, image: usize) -> Step {
        let label = rest.from(image + 1).window(WINDOW);
        let label_end = match balanced(label, '[', ']') {
            Found::Unknown => return Step::Hold,
            Found::Nowhere => return Step::Literal(image + 1),
            Found::At(end) => end + image + 1,
        };
        match rest.text[label_end + 1..].chars().next() {
            Some('(') => {}
            None if !rest.at_end => return Step::Hold,
            _ => return Step::Literal(image + 1),
        }
        let target = rest.from(label_end + 2).window(LONG_WINDOW);
        let end = match balanced(target, '(', ')') {
            Found::Unknown => return Step::Hold,
            Found::Nowhere => return Step::Literal(image + 1),
            Found::At(end) => end,
        };
        let label = &rest.text[image + 1..label_end];
        let address = target.text[..end].split_whitespace().next().unwrap_or("").trim_matches(['<', '>']);
        let mut pieces = Vec::new();
        if image == 1 {
            pieces.push(Piece::Text(style.dim(), "image: ".to_owned()));
        }
        pieces.extend(self.parse(label, true, Some('['), style.underline().colour(Colour::Blue)).0);
        // The address is always visible: a link must not lead elsewhere than it says.
        if !address.is_empty() && address != label {
            pieces.push(Piece::Text(style.dim(), format!(" ({address})")));
        }
        Step::Pieces(pieces, label_end + 2 + end + 1)
    }

    /// `<https://…>` and `<br>`; any other `<` is plain.
    fn angle(&self, rest: Rest<'_>, style: Style) -> Step {
        let lower = rest.text.chars().take(9).collect::<String>().to_ascii_lowercase();
        for tag in ["<br>", "<br/>", "<br />"] {
            if lower.starts_with(tag) {
                return Step::Pieces(vec![Piece::Break], tag.len());
            }
        }
        if ["<http://", "<https://", "<mailto:"].iter().any(|scheme| lower.starts_with(scheme)) {
            let window = rest.window(LONG_WINDOW);
            let address = window.text.find(|c: char| c == '>' || c.is_whitespace());
            return match address {
                Some(end) if window.text[end..].starts_with('>') => {
                    let address = rest.text[1..end].to_owned();
                    Step::Pieces(vec![Piece::Text(style.underline().colour(Colour::Blue), address)], end + 1)
                }
                None if !window.at_end => Step::Hold,
                _ => Step::Literal(1),
            };
        }
        let may_become = ["<br>", "<br/>", "<br />", "<http://", "<https://", "<mailto:"]
            .iter()
            .chain(self.thinking.then_some(&THINK_END))
            .any(|tag| lower.len() < tag.len() && tag.starts_with(&lower));
        if may_become && !rest.at_end { Step::Hold } else { Step::Literal(1) }
    }

    /// `\*` is a star; `\(…\)` and `\[…\]` are formulas and stay as they are.
    fn escape(&self, rest: Rest<'_>, style: Style) -> Step {
        match rest.text[1..].chars().next() {
            None if !rest.at_end => Step::Hold,
            Some(open @ ('(' | '[')) => {
                let close = if open == '(' { "\\)" } else { "\\]" };
                formula(rest, 2, close)
            }
            Some(c) if "*_`#+-.!~|>&\\\"'$".contains(c) || (c == '<' && !self.thinking) => {
                Step::Pieces(vec![Piece::Text(style, c.to_string())], 1 + c.len_utf8())
            }
            _ => Step::Literal(1),
        }
    }
}

/// `$$…$$` is a formula; a single `$` is a price as often as not.
fn dollars(rest: Rest<'_>) -> Step {
    if rest.text.starts_with("$$") {
        formula(rest, 2, "$$")
    } else if rest.text.len() == 1 && !rest.at_end {
        Step::Hold
    } else {
        Step::Literal(1)
    }
}

fn formula(rest: Rest<'_>, open: usize, close: &str) -> Step {
    let window = rest.window(LONG_WINDOW);
    match window.text.get(open..).and_then(|text| text.find(close)) {
        Some(end) => Step::Literal(open + end + close.len()),
        None if !window.at_end => Step::Hold,
        None => Step::Literal(open),
    }
}

fn entity(rest: Rest<'_>, style: Style) -> Step {
    const ENTITIES: [(&str, &str); 7] = [
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&apos;", "'"),
        ("&nbsp;", "\u{a0}"),
    ];
    for (entity, character) in ENTITIES {
        if rest.text.starts_with(entity) {
            return Step::Pieces(vec![Piece::Text(style, character.to_owned())], entity.len());
        }
    }
    let may_become = ENTITIES.iter().any(|(entity, _)| entity.starts_with(rest.text));
    if may_become && !rest.at_end { Step::Hold } else { Step::Literal(1) }
}
