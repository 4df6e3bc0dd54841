//! Google-style docstrings, by the rules of transformers' `parse_google_format_docstring`, which are regular expressions with lazy matches,
//! a lookahead and a back reference: written out here, since no regular expression crate without C has all of these.

/// What a docstring says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Docstring {
    /// What stands before the first section.
    pub(super) description: String,
    /// Name and description of each argument; of two with one name the later counts.
    arguments: Vec<(String, String)>,
    /// What is returned.
    pub(super) returns: Option<String>,
}

impl Docstring {
    /// Reads a docstring as it stands in the source; `None` for one without text.
    pub(super) fn read(raw: &str) -> Option<Self> {
        let text = clean(raw);
        let text = strip(&text);
        if text.is_empty() {
            return None;
        }
        let arguments = section(text, "Args:\n").map(|body| arguments(before(body, &["Returns:", "Raises:"])));
        let returns = section(text, "Returns:\n").map(|body| strip(before(body, &["Raises:"])).to_owned());
        let description = strip(before(text, &["Args:", "Returns:", "Raises:"])).to_owned();
        Some(Self { description, arguments: arguments.unwrap_or_default(), returns })
    }

    /// The description of an argument.
    pub(super) fn argument(&self, name: &str) -> Option<&str> {
        self.arguments.iter().rev().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }
}

/// The choices at the end of a description, and the description without them.
pub(super) fn choices(description: &str) -> Option<(&str, &str)> {
    const WORD: &str = "(choices:";
    let end = description.trim_end_matches(is_space).strip_suffix(')')?;
    let start = end
        .char_indices()
        .find(|&(at, _)| end.get(at..at + WORD.len()).is_some_and(|word| word.eq_ignore_ascii_case(WORD)))?;
    let list = end[start.0 + WORD.len()..].trim_start_matches(is_space);
    Some((strip(&description[..start.0]), list))
}

/// Python's `inspect.cleandoc`: tabs are eight columns, the indentation that all lines but the first have in common goes, and empty lines at
/// both ends.
fn clean(raw: &str) -> String {
    let text = expand_tabs(raw);
    let mut lines: Vec<&str> = text.split('\n').collect();
    let indent = |line: &&str| {
        let rest = line.trim_start_matches(is_space);
        (!rest.is_empty()).then(|| line.chars().count() - rest.chars().count())
    };
    let margin = lines[1..].iter().filter_map(indent).min();
    lines[0] = lines[0].trim_start_matches(is_space);
    if let Some(margin) = margin {
        for line in &mut lines[1..] {
            let cut = line.char_indices().nth(margin).map_or(line.len(), |(at, _)| at);
            *line = &line[cut..];
        }
    }
    let first = lines.iter().position(|line| !line.is_empty()).unwrap_or(lines.len());
    let last = lines.iter().rposition(|line| !line.is_empty()).map_or(first, |at| at + 1);
    lines[first..last].join("\n")
}

fn expand_tabs(text: &str) -> String {
    const TAB: usize = 8;
    let mut expanded = String::with_capacity(text.len());
    let mut column = 0;
    for c in text.chars() {
        match c {
            '\t' => {
                let spaces = TAB - column % TAB;
                expanded.extend(std::iter::repeat_n(' ', spaces));
                column += spaces;
            }
            '\n' | '\r' => {
                expanded.push(c);
                column = 0;
            }
            _ => {
                expanded.push(c);
                column += 1;
            }
        }
    }
    expanded
}

/// What follows the first `heading` that only space precedes on its line, and a line before it.
fn section<'t>(text: &'t str, heading: &str) -> Option<&'t str> {
    let starts = text.match_indices(heading).map(|(at, _)| at);
    let alone = |at: &usize| {
        let space = &text[text[..*at].trim_end_matches(is_space).len()..*at];
        space.contains('\n')
    };
    starts.into_iter().find(alone).map(|at| &text[at + heading.len()..])
}

/// What stands before the first of `words`, wherever it is, without the space between.
fn before<'t>(text: &'t str, words: &[&str]) -> &'t str {
    let end = words.iter().filter_map(|word| text.find(word)).min().unwrap_or(text.len());
    text[..end].trim_end_matches(is_space)
}

/// The entries of an `Args:` section: a name begins one, with a type in parentheses or without; lines that are indented more deeply go on
/// with it, whatever they begin with.
fn arguments(body: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = body.split('\n').filter(|line| !strip(line).is_empty()).collect();
    let mut found: Vec<(String, String)> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(entry) = Entry::begin(lines[at]) else {
            at += 1; // before the first entry
            continue;
        };
        let mut parts = vec![entry.text];
        at += 1;
        // the space behind the colon may be a line break, so that an entry whose line is empty takes the next one in any case
        let mut unconditional = strip(entry.text).is_empty();
        while at < lines.len() {
            let next = Entry::begin(lines[at]).filter(|next| !is_deeper(next.indent, entry.indent));
            if next.is_some() && !unconditional {
                break;
            }
            unconditional = false;
            parts.push(lines[at]);
            at += 1;
        }
        let parts: Vec<&str> = parts.into_iter().map(strip).collect();
        found.push((entry.name.to_owned(), strip(&parts.join(" ")).to_owned()));
    }
    found
}

fn is_deeper(indent: &str, than: &str) -> bool {
    indent.len() > than.len() && indent.starts_with(than)
}

/// A line that begins an entry.
struct Entry<'t> {
    indent: &'t str,
    name: &'t str,
    /// What follows the colon.
    text: &'t str,
}

impl<'t> Entry<'t> {
    fn begin(line: &'t str) -> Option<Self> {
        let blank = |c: char| c == ' ' || c == '\t';
        let rest = line.trim_start_matches(blank);
        let indent = &line[..line.len() - rest.len()];
        let name_len = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (name, mut behind) = rest.split_at(name_len);
        if name.is_empty() {
            return None;
        }
        if let Some(kind) = behind.trim_start_matches(blank).strip_prefix('(') {
            behind = kind.split_once(')').filter(|(kind, _)| !kind.contains('('))?.1;
        }
        behind.strip_prefix(':').map(|text| Self { indent, name, text })
    }
}

/// Without space at both ends.
fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// What Python takes for space: what Unicode does, and four separators.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

#[cfg(test)]
mod tests;
