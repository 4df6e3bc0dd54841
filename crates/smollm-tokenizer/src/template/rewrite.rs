//! Two small changes to a template's source before it is parsed, neither of which moves a line.
//!
//! - `{% generation %}...{% endgeneration %}` (`transformers`' mark of what the assistant says) becomes a filter block, a
//!   tag that minijinja knows and that keeps Jinja's whitespace rules and scoping; the filter puts markers around the
//!   text, and [`Markers::take_spans`] turns them into byte ranges.
//! - `x[::-1]` becomes `x.__reversed__()`: minijinja 3.0.5 panics when it reverses an empty list by slicing.

use super::environment::GENERATION_FILTER;
use std::ops::Range;

/// The source as minijinja is to see it.
pub(super) fn rewritten(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 64);
    let mut rest = source;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some((tag, after)) = split_tag(rest) else {
            out.push('{');
            rest = &rest[1..];
            continue;
        };
        if let Some(name) = tag_name(tag)
            && name == "raw"
        {
            let end = after.find("endraw").unwrap_or(after.len());
            out.push_str(tag);
            out.push_str(&after[..end]);
            rest = &after[end..];
            continue;
        }
        match tag_name(tag) {
            Some("generation") => out.push_str(&tag.replacen("generation", &format!("filter {GENERATION_FILTER}"), 1)),
            Some("endgeneration") => out.push_str(&tag.replacen("endgeneration", "endfilter", 1)),
            _ if tag.starts_with("{#") => out.push_str(tag),
            _ => push_without_reversing_slices(&mut out, tag),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Every tag and expression with its line, comments and raw blocks left out.
pub(super) fn code(source: &str) -> Vec<(usize, &str)> {
    let mut tags = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(brace) = source[at..].find('{') {
        line += source[at..at + brace].matches('\n').count();
        at += brace;
        let Some((tag, _)) = split_tag(&source[at..]) else {
            at += 1;
            continue;
        };
        let mut length = tag.len();
        if tag_name(tag) == Some("raw") {
            length += source[at + length..].find("endraw").unwrap_or(0);
        } else if !tag.starts_with("{#") {
            tags.push((line, tag));
        }
        line += source[at..at + length].matches('\n').count();
        at += length;
    }
    tags
}

/// The tag, expression or comment at the start of `text`, with its delimiters; `None` if `text` starts with none or it
/// does not end.
fn split_tag(text: &str) -> Option<(&str, &str)> {
    let end = match text.as_bytes().get(1)? {
        b'#' => text.find("#}")? + 2,
        b'%' => code_end(text, "%}")?,
        b'{' => code_end(text, "}}")?,
        _ => return None,
    };
    Some(text.split_at(end))
}

/// Where code that starts `text` ends, delimiters inside string literals not counting.
fn code_end(text: &str, close: &str) -> Option<usize> {
    let inside = text.get(2..)?;
    let ends = |&(at, _, literal): &(usize, char, bool)| !literal && inside[at..].starts_with(close);
    characters(inside).find(ends).map(|(at, ..)| 2 + at + close.len())
}

/// The characters of code with their places, and whether each belongs to a string literal, quotes included.
pub(super) fn characters(code: &str) -> impl Iterator<Item = (usize, char, bool)> {
    let (mut quote, mut escaped) = (None, false);
    code.char_indices().map(move |(at, c)| {
        let literal = quote.is_some() || c == '"' || c == '\'';
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(q) if q == c => quote = None,
            Some(_) => {}
            None if literal => quote = Some(c),
            None => {}
        }
        (at, c, literal)
    })
}

/// The first word of a `{% ... %}` tag.
fn tag_name(tag: &str) -> Option<&str> {
    let inner = tag.strip_prefix("{%")?.trim_start_matches(['-', '+']).trim_start();
    Some(&inner[..inner.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(inner.len())])
}

/// Copies code, string literals as they are, with `[::-1]` as a method call.
fn push_without_reversing_slices(out: &mut String, code: &str) {
    let mut skip_to = 0;
    for (at, c, literal) in characters(code) {
        if at < skip_to {
            // a line break inside the brackets keeps its line
            out.extend((c == '\n').then_some(c));
        } else if !literal && let Some(length) = reversing_slice(&code[at..]) {
            out.push_str(".__reversed__()");
            skip_to = at + length;
        } else {
            out.push(c);
        }
    }
}

/// Length of `[::-1]`, spaces allowed, at the start of `code`.
fn reversing_slice(code: &str) -> Option<usize> {
    let mut wanted = "[::-1]".chars().peekable();
    for (at, c) in code.char_indices() {
        match wanted.peek() {
            Some(&w) if w == c => {
                wanted.next();
                if wanted.peek().is_none() {
                    return Some(at + 1);
                }
            }
            Some(_) if c.is_whitespace() => {}
            _ => return None,
        }
    }
    None
}

/// Two strings that stand for the borders of a generation block in the rendered text.
pub(super) struct Markers {
    pub(super) start: String,
    pub(super) end: String,
}

impl Markers {
    /// Markers that occur in none of `texts`, so that everything of their form in the output is theirs.
    pub(super) fn absent_from(texts: &[&str]) -> Self {
        let form = |n: u32, end: char| format!("\u{f0000}{n}{end}");
        let taken = |n: &u32| texts.iter().any(|t| t.contains(&form(*n, '[')) || t.contains(&form(*n, ']')));
        let n = (0..).find(|n| !taken(n)).unwrap_or_default();
        Self { start: form(n, '['), end: form(n, ']') }
    }

    /// The text without markers, and the byte ranges between them. Blocks may nest; inner ones lie inside outer ones.
    pub(super) fn take_spans(&self, marked: &str) -> (String, Vec<Range<usize>>) {
        let mut text = String::with_capacity(marked.len());
        let (mut open, mut spans) = (Vec::new(), Vec::new());
        let mut rest = marked;
        loop {
            let (start, end) = (rest.find(&self.start), rest.find(&self.end));
            match (start, end) {
                (Some(at), end) if end.is_none_or(|e| at < e) => {
                    text.push_str(&rest[..at]);
                    open.push(text.len());
                    rest = &rest[at + self.start.len()..];
                }
                (_, Some(at)) => {
                    text.push_str(&rest[..at]);
                    spans.extend(open.pop().map(|from| from..text.len()));
                    rest = &rest[at + self.end.len()..];
                }
                _ => break,
            }
        }
        text.push_str(rest);
        spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
        (text, spans)
    }
}
