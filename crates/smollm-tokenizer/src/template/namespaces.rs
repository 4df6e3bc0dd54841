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
    let mut macros = Vec::new();
    for &(line, tag) in code {
        let defined = definition(tag);
        let words = words(tag);
        match words.first() {
            Some((_, "macro")) => macros.push(words.iter().any(|&(start, word)| is_parameter(tag, start, word))),
            Some((_, "endmacro")) => drop(macros.pop()),
            _ => {}
        }
        let named_otherwise = macros.last() == Some(&true);
        for (i, &(start, word)) in words.iter().enumerate() {
            let before = tag[..start].trim_end().chars().next_back();
            let after = tag[start + word.len()..].trim_start();
            let is_attribute = before == Some('.');
            let is_keyword = after.starts_with('=') && !after.starts_with("==") && before != Some('%');
            let misused = match word {
                // a parameter of the macro around it, whatever that is called with
                "namespace" if named_otherwise && words[0].1 != "macro" => after.starts_with('('),
                "namespace" if named_otherwise && is_parameter(tag, start, word) => false,
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

/// Whether a word in the tag of a macro is a parameter with the name of the function, and not a part of another's default.
fn is_parameter(tag: &str, start: usize, word: &str) -> bool {
    let before = tag[..start].trim_start_matches(['{', '%']).trim_end();
    let outermost = before.matches('(').count() == 1 && !before.contains(['[', '{']);
    word == "namespace" && outermost && (before.ends_with('(') || before.ends_with(','))
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

    #[test]
    fn a_parameter_may_have_the_name_of_the_function() {
        let body = |declared: &'static str, tag: &'static str| [(1, declared), (2, tag), (3, "{% endmacro %}")];
        for declared in ["{% macro f(namespace) %}", "{% macro f(a, namespace='n') %}"] {
            assert_eq!(used_as_value(&body(declared, "{{ 'namespace ' + namespace }}")), None, "{declared}");
            let call = "{{ namespace() }}";
            assert_eq!(used_as_value(&body(declared, call)), Some((2, "namespace".into())), "{declared}");
        }
        let plain = "{{ namespace }}";
        let after = [(1, "{% macro f(namespace) %}"), (2, "{% endmacro %}"), (3, plain)];
        assert_eq!(used_as_value(&after), Some((3, "namespace".into())));
        for declared in ["{% macro f(a=namespace) %}", "{% macro f(namespace=namespace) %}", "{% macro namespace(a) %}"]
        {
            assert_eq!(used_as_value(&body(declared, plain)).map(|(line, _)| line), Some(1), "{declared}");
        }
        let inner = [(1, "{% macro f(namespace) %}"), (2, "{% macro g() %}"), (3, plain)];
        assert_eq!(used_as_value(&inner), Some((3, "namespace".into())));
        assert_eq!(used_as_value(&[(1, "{{ f(namespace=namespace) }}")]), Some((1, "namespace".into())));
    }
}
