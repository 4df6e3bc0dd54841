//! Pieces of regular expressions.

use llguidance::derivre::{RegexAst, RegexBuilder};

/// Work that it may take to find out about a regular expression.
const FUEL: u64 = 20_000;

/// Whether no text that it matches is the beginning of another.
pub(super) fn has_clear_end(regex: &str) -> bool {
    let one = || RegexAst::Regex(regex.to_owned());
    let longer = RegexAst::Concat(vec![one(), RegexAst::Regex("(?s:.)+".into())]);
    let both = RegexAst::And(vec![one(), longer]);
    let mut builder = RegexBuilder::new();
    let compiled = builder.mk(&both).and_then(|both| builder.to_regex_limited(both, FUEL));
    compiled.is_ok_and(|mut both| both.always_empty())
}

/// A regular expression that matches a text and nothing else.
pub(super) fn literal(text: &str) -> String {
    text.chars().map(character).collect()
}

/// A character as it stands in a regular expression or in a class of one.
pub(super) fn character(c: char) -> String {
    match c {
        'a'..='z'
        | 'A'..='Z'
        | '0'..='9'
        | ' '
        | '_'
        | '<'
        | '>'
        | '"'
        | '\''
        | ','
        | ':'
        | ';'
        | '='
        | '%'
        | '@'
        | '!'
        | '/'
        | '`' => c.to_string(),
        c if c > '\u{9f}' => c.to_string(),
        c => format!("\\x{{{:x}}}", u32::from(c)),
    }
}

/// So many times.
pub(super) fn repetition(least: u32, most: Option<u32>) -> String {
    match (least, most) {
        (0, None) => "*".into(),
        (1, None) => "+".into(),
        (0, Some(1)) => "?".into(),
        (least, None) => format!("{{{least},}}"),
        (least, Some(most)) => format!("{{{least},{most}}}"),
    }
}
