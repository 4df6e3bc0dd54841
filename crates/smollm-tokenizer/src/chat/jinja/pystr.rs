//! What Python's `str` knows about characters, where it differs from Rust's.

use super::unprintable::UNPRINTABLE;

/// `str.isspace`: Unicode white space and the four separators U+001C to U+001F.
pub(in crate::chat) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// `str.isprintable`.
pub(super) fn is_printable(c: char) -> bool {
    let code = c as u32;
    let after = UNPRINTABLE.partition_point(|&(first, _)| first <= code);
    after == 0 || UNPRINTABLE[after - 1].1 < code
}

/// `str.rstrip()`.
pub(super) fn trim_end(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

/// `str.strip(chars)`, or of white space; `left` and `right` say from which ends.
pub(super) fn strip<'t>(text: &'t str, chars: Option<&str>, left: bool, right: bool) -> &'t str {
    let goes = |c: char| chars.map_or_else(|| is_space(c), |chars| chars.contains(c));
    let text = if left { text.trim_start_matches(goes) } else { text };
    if right { text.trim_end_matches(goes) } else { text }
}

/// `str.splitlines(keepends)`.
pub(super) fn split_lines(text: &str, keep_ends: bool) -> Vec<&str> {
    let ends =
        |c: char| matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(ends) {
        let len = if rest[at..].starts_with("\r\n") { 2 } else { rest[at..].chars().next().map_or(0, char::len_utf8) };
        lines.push(&rest[..if keep_ends { at + len } else { at }]);
        rest = &rest[at + len..];
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

/// `str.split(None, limit)`: runs of white space separate; no empty pieces. `limit` < 0 is none.
pub(super) fn split_space(text: &str, limit: i128) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        if limit >= 0 && pieces.len() as i128 == limit {
            pieces.push(rest);
            break;
        }
        let end = rest.find(is_space).unwrap_or(rest.len());
        pieces.push(&rest[..end]);
        rest = rest[end..].trim_start_matches(is_space);
    }
    pieces
}

/// `str.rsplit(None, limit)`.
pub(super) fn rsplit_space(text: &str, limit: i128) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = trim_end(text);
    while !rest.is_empty() {
        if limit >= 0 && pieces.len() as i128 == limit {
            pieces.push(rest);
            break;
        }
        let start = rest.char_indices().rev().find(|(_, c)| is_space(*c)).map_or(0, |(at, c)| at + c.len_utf8());
        pieces.push(&rest[start..]);
        rest = trim_end(&rest[..start]);
    }
    pieces.reverse();
    pieces
}

/// The title case of one letter: as upper case, but for some that have a title case of their own.
fn push_title(c: char, into: &mut String) {
    match c {
        'Ǆ'..='ǆ' => into.push('ǅ'),
        'Ǉ'..='ǉ' => into.push('ǈ'),
        'Ǌ'..='ǌ' => into.push('ǋ'),
        'Ǳ'..='ǳ' => into.push('ǲ'),
        // Georgian letters have no title case.
        'ა'..='ჺ' | 'ჽ'..='ჿ' => into.push(c),
        // Greek with iota below: the capital with iota beside.
        '\u{1f80}'..='\u{1faf}' => into.extend(char::from_u32(c as u32 | 8)),
        '\u{1fb3}' | '\u{1fbc}' => into.push('\u{1fbc}'),
        '\u{1fc3}' | '\u{1fcc}' => into.push('\u{1fcc}'),
        '\u{1ff3}' | '\u{1ffc}' => into.push('\u{1ffc}'),
        '\u{1fb2}' | '\u{1fb4}' | '\u{1fb7}' | '\u{1fc2}' | '\u{1fc4}' | '\u{1fc7}' | '\u{1ff2}' | '\u{1ff4}'
        | '\u{1ff7}' => {
            // The combining iota stays: title case is upper case with the last letter put back.
            let upper: Vec<char> = c.to_uppercase().collect();
            into.extend(upper.iter().take(upper.len().saturating_sub(1)));
            into.push('\u{345}');
        }
        // Ligatures: only their first letter is a capital.
        'ß' | 'և' | '\u{fb00}'..='\u{fb06}' | '\u{fb13}'..='\u{fb17}' => {
            let mut upper = c.to_uppercase();
            into.extend(upper.next());
            into.extend(upper.flat_map(char::to_lowercase));
        }
        _ => into.extend(c.to_uppercase()),
    }
}

fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase() || matches!(c, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ')
}

/// `str.title`.
pub(super) fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    // Lower case is taken of the whole text, for the final sigma's sake, but letter by letter where it can be.
    let mut inside = false;
    for c in text.chars() {
        if inside {
            titled.extend(c.to_lowercase());
        } else {
            push_title(c, &mut titled);
        }
        inside = is_cased(c);
    }
    titled
}

/// `str.capitalize`.
pub(super) fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    let mut capital = String::with_capacity(text.len());
    if let Some(first) = chars.next() {
        push_title(first, &mut capital);
        capital.push_str(&chars.as_str().to_lowercase());
    }
    capital
}

/// `str.islower` and `str.isupper`: some cased letter, and none of the other case.
pub(super) fn is_case(text: &str, upper: bool) -> bool {
    let right = |c: char| if upper { c.is_uppercase() } else { c.is_lowercase() };
    text.chars().any(right) && text.chars().all(|c| right(c) || !is_cased(c))
}

/// Byte offset of the `n`th character, or the length of the text.
pub(super) fn char_offset(text: &str, n: usize) -> usize {
    if text.is_ascii() { n.min(text.len()) } else { text.char_indices().nth(n).map_or(text.len(), |(at, _)| at) }
}

/// How many characters the text has.
pub(super) fn char_count(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}
