//! A check that a namespace is used for nothing but its attributes.
//!
//! A namespace is the one value of a template that can be changed, so the one that can come to contain itself; printing
//! such a value overflows the stack inside the engine (minijinja 3.0.5), which nothing can catch. Real templates write
//! `{% set ns = namespace(...) %}` and then `ns.x` only; anything else is refused before it runs.

use super::rewrite::characters;
use std::collections::HashSet;

/// The line, from 1, and the name of the first namespace that is used as a value; `code` are the template's tags and
/// expressions with their lines.
pub(super) fn used_as_value(code: &[(usize, &str)]) -> Option<(usize, String)> {
    let mut names: HashSet<&str> = HashSet::new();
    for (_, tag) in code {
        names.extend(definition(tag));
    }
    for &(line, tag) in code {
        let defined = definition(tag);
        let words = words(tag);
        for (i, &(start, word)) in words.iter().enumerate() {
            let before = tag[..start].trim_end().chars().next_back();
            let after = tag[start + word.len()..].trim_start();
            let is_attribute = before == Some('.');
            let is_keyword = after.starts_with('=') && !after.starts_with("==") && before != Some('%');
            let misused = match word {
                "namespace" => !(is_attribute || (defined.is_some() && i == 2)),
                name if names.contains(name) => {
                    !is_attribute && !after.starts_with('.') && defined != Some(name) && !is_keyword
                }
                _ => false,
            };
            if misused {
                return Some((line, word.to_owned()));
            }
        }
    }
    None
}

/// `ns` in `{% set ns = namespace(`.
fn definition(tag: &str) -> Option<&str> {
    match words(tag).as_slice() {
        [(_, "set"), (at, name), (call, "namespace"), ..] => {
            let between = tag[at + name.len()..*call].trim();
            let is_call = tag[call + "namespace".len()..].trim_start().starts_with('(');
            (between == "=" && is_call).then_some(*name)
        }
        _ => None,
    }
}

/// The identifiers of a tag outside string literals, with their places.
fn words(tag: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c, literal) in characters(tag) {
        let in_word = !literal && (c.is_alphanumeric() || c == '_');
        match (start, in_word) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                words.push((from, &tag[from..at]));
                start = None;
            }
            _ => {}
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_attributes_are_allowed() {
        let set = "{%- set ns = namespace(a=1, found=false) -%}";
        let fine = [
            "{{ ns.a }}",
            "{% set ns.a = ns.a + 1 %}",
            "{% if not ns.found %}",
            "{{ x.ns }}",
            "{{ 'ns' }}",
            "{{ f(ns=1) }}",
        ];
        for tag in fine {
            assert_eq!(used_as_value(&[(1, set), (2, tag)]), None, "{tag}");
        }
        for tag in
            ["{% set ns.me = ns %}", "{{ ns }}", "{{ [ns] }}", "{{ f(ns) }}", "{% set x = ns %}", "{{ ns ~ '' }}"]
        {
            assert_eq!(used_as_value(&[(1, set), (2, tag)]), Some((2, "ns".into())), "{tag}");
        }
        for tag in ["{{ namespace() }}", "{% set x = [namespace()] %}", "{% set f = namespace %}"] {
            assert_eq!(used_as_value(&[(7, tag)]), Some((7, "namespace".into())), "{tag}");
        }
    }
}
