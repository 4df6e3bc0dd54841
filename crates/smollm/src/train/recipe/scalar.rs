//! Parts of a recipe to values: what is to be read there decides what a scalar means.

use super::error::shown;
use super::tree::{At, Node, Value};
use serde_json::{Map, Number};
use std::ops::RangeInclusive;

/// What is wrong with a value, and where it stands; whose value it is, is known by whoever asked.
pub(super) struct Wrong {
    pub(super) at: At,
    pub(super) problem: String,
}

/// A value that was read, or why it was not.
pub(super) type Read<T> = Result<T, Wrong>;

/// Whole numbers that a recipe may have: the exact ones of a double, so that `1e9` is one too.
pub(super) const MOST: u64 = 1 << 53;

pub(super) fn wrong<T>(node: &Node, problem: impl Into<String>) -> Read<T> {
    Err(Wrong { at: node.at, problem: problem.into() })
}

/// What was found instead of what was expected.
fn expected<T>(node: &Node, what: &str) -> Read<T> {
    let found = match &node.value {
        Value::Null => "nothing".into(),
        Value::Plain(text) => format!("`{}`", shown(text)),
        Value::Quoted(text) => format!("the text \"{}\"", shown(text)),
        Value::List(_) => "a list".into(),
        Value::Map(_) => "a map of keys".into(),
    };
    wrong(node, format!("expected {what}, found {found}"))
}

/// Text that is not empty.
pub(super) fn text(node: &Node) -> Read<String> {
    match &node.value {
        Value::Plain(text) | Value::Quoted(text) if !text.is_empty() => Ok(text.clone()),
        _ => expected(node, "text"),
    }
}

/// `true` or `false`.
pub(super) fn flag(node: &Node) -> Read<bool> {
    match &node.value {
        Value::Plain(text) if text == "true" => Ok(true),
        Value::Plain(text) if text == "false" => Ok(false),
        _ => expected(node, "true or false"),
    }
}

/// A finite number in decimal notation, which may have `_` between its digits.
fn parse_number(text: &str) -> Option<f64> {
    let plain = text.replace('_', "");
    let decimal = plain.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let number: f64 = plain.parse().ok()?;
    (decimal && !text.starts_with('_') && number.is_finite()).then_some(number)
}

/// A number in a range.
pub(super) fn number(range: RangeInclusive<f64>) -> impl Fn(&Node) -> Read<f64> {
    move |node| {
        let Value::Plain(text) = &node.value else { return expected(node, "a number") };
        match parse_number(text) {
            None => expected(node, "a number"),
            Some(number) if range.contains(&number) => Ok(number),
            Some(_) => wrong(node, out_of(text, range.start(), range.end(), f64::MAX)),
        }
    }
}

/// A number that is more than nothing.
pub(super) fn positive(node: &Node) -> Read<f64> {
    match number(0.0..=f64::MAX)(node)? {
        0.0 => wrong(node, "expected a number above 0, found 0"),
        number => Ok(number),
    }
}

/// A whole number in a range.
pub(super) fn whole(range: RangeInclusive<u64>) -> impl Fn(&Node) -> Read<u64> {
    move |node| {
        let Value::Plain(text) = &node.value else { return expected(node, "a whole number") };
        match parse_number(text) {
            Some(number) if number.fract() == 0.0 => {
                let (low, high) = (*range.start(), (*range.end()).min(MOST));
                if number >= low as f64 && number <= high as f64 {
                    Ok(number as u64)
                } else {
                    wrong(node, out_of(text, &low, &high, MOST))
                }
            }
            _ => expected(node, "a whole number"),
        }
    }
}

/// A bound that is only there because every number has one is not told.
fn out_of<T: PartialEq + std::fmt::Display>(text: &str, low: &T, high: &T, limit: T) -> String {
    if *high == limit {
        format!("{} is less than {low}", shown(text))
    } else {
        format!("{} is not within {low} and {high}", shown(text))
    }
}

/// One of some words.
pub(super) fn choice<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&Node) -> Read<T> {
    move |node| {
        let names = || words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let (Value::Plain(text) | Value::Quoted(text)) = &node.value else { return expected(node, &names()) };
        match words.iter().find(|(word, _)| word == text) {
            Some((_, value)) => Ok(*value),
            None => expected(node, &format!("one of {}", names())),
        }
    }
}

/// A word that stands for nothing, or a value.
pub(super) fn unless<T>(word: &'static str, read: impl Fn(&Node) -> Read<T>) -> impl Fn(&Node) -> Read<Option<T>> {
    move |node| match &node.value {
        Value::Plain(text) if text == word => Ok(None),
        _ => read(node).map(Some).map_err(|mut wrong| {
            if let Some(rest) = wrong.problem.strip_prefix("expected ") {
                wrong.problem = format!("expected `{word}` or {rest}");
            }
            wrong
        }),
    }
}

/// A list.
pub(super) fn list<T>(read: impl Fn(&Node) -> Read<T>) -> impl Fn(&Node) -> Read<Vec<T>> {
    move |node| match &node.value {
        Value::List(items) => items.iter().map(&read).collect(),
        _ => expected(node, "a list"),
    }
}

/// One value, or a list of some.
pub(super) fn some<T>(read: impl Fn(&Node) -> Read<T>) -> impl Fn(&Node) -> Read<Vec<T>> {
    move |node| match &node.value {
        Value::List(items) if items.is_empty() => wrong(node, "an empty list"),
        Value::List(items) => items.iter().map(&read).collect(),
        _ => Ok(vec![read(node)?]),
    }
}

/// Anything, in YAML's core schema: what is handed on to those who know what it means.
pub(super) fn json(node: &Node) -> Read<serde_json::Value> {
    use serde_json::Value as Json;
    Ok(match &node.value {
        Value::Null => Json::Null,
        Value::Quoted(text) => Json::String(text.clone()),
        Value::Plain(text) => match text.as_str() {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            _ => match (text.parse::<i64>(), parse_number(text).and_then(Number::from_f64)) {
                (Ok(whole), _) if !text.starts_with('+') => whole.into(),
                (_, Some(number)) if !text.contains('_') => Json::Number(number),
                _ => Json::String(text.clone()),
            },
        },
        Value::List(items) => items.iter().map(json).collect::<Read<_>>()?,
        Value::Map(_) => Json::Object(json_map(node)?),
    })
}

/// A map of anything.
pub(super) fn json_map(node: &Node) -> Read<Map<String, serde_json::Value>> {
    match &node.value {
        Value::Map(entries) => entries.iter().map(|entry| Ok((entry.key.clone(), json(&entry.node)?))).collect(),
        _ => expected(node, "a map of keys"),
    }
}

/// A map of numbers, none of them below 0, each with the place of its key.
pub(super) fn weights(node: &Node) -> Read<Vec<(At, String, f64)>> {
    let Value::Map(entries) = &node.value else { return expected(node, "a map of names and weights") };
    let weight = number(0.0..=f64::MAX);
    entries.iter().map(|entry| Ok((entry.at, entry.key.clone(), weight(&entry.node)?))).collect()
}
