//! Answers that are whole when their tokens are used up.

use regex_lite::Regex;
use serde_json::{Value, json};

use super::{compiled, tokenizer};
use crate::constrain::{Constraint, Grammar, GrammarError, GrammarSource, Grammars};

pub(super) fn schema(schema: Value) -> Grammar {
    compiled(&GrammarSource::JsonSchema(schema.clone())).unwrap_or_else(|e| panic!("{schema}: {e}"))
}

/// The fewest tokens that an answer may have.
fn shortest(grammar: &Grammar) -> usize {
    match grammar.begin_within(0) {
        Err(GrammarError::TooShort { limit: 0, shortest }) if grammar.shortest() == Some(shortest) => shortest,
        other => panic!("{other:?}"),
    }
}

/// An answer of at most `limit` tokens, always by one of the allowed ones.
pub(super) fn scribbled_within(grammar: &Grammar, limit: usize, seed: u64) -> String {
    scribbled_beside(grammar, limit, seed, |_, _| ())
}

/// The same; `beside` is called before every token, with how many there were.
pub(super) fn scribbled_beside(
    grammar: &Grammar,
    limit: usize,
    seed: u64,
    beside: impl Fn(usize, &mut Constraint),
) -> String {
    let (tokenizer, mut constraint) = (tokenizer(), grammar.begin_within(limit).unwrap());
    let (mut ids, mut state) = (Vec::new(), seed);
    while ids.len() < limit && !constraint.has_ended() {
        beside(ids.len(), &mut constraint);
        let allowed = constraint.allowed().unwrap();
        let choices: Vec<u32> = (0..400).filter(|&id| allowed.contains(id)).collect();
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let Some(&id) = choices.get((state >> 33) as usize % choices.len().max(1)) else { break };
        ids.extend(constraint.accept(id).unwrap());
    }
    assert!(constraint.may_end().unwrap(), "{:?} in {limit}", tokenizer.decode(&ids, false));
    tokenizer.decode(&ids, false)
}

#[test]
fn the_shortest_text_is_known() {
    let cases = [
        (json!({"type": "object"}), 2),
        (json!({"type": "array", "minItems": 2, "items": {"type": "integer"}}), 6), // [0, 0]
        (json!({"type": "string", "minLength": 3}), 3 + 2),
        (json!({"enum": ["éé", "é", "b"]}), 3),
        (json!({"anyOf": [{"type": "null"}, {"const": [1]}]}), 3),
        (json!({"type": "integer", "minimum": 100}), 3),
        (json!({"type": "string", "pattern": "^x{5}y?$"}), 7),
    ];
    for (source, fewest) in cases {
        let grammar = schema(source.clone());
        let shortest = shortest(&grammar);
        assert!(shortest <= fewest && shortest > 0, "{source}: {shortest}");
        let text = scribbled_within(&grammar, shortest, 1);
        assert!(serde_json::from_str::<Value>(&text).is_ok(), "{source}: {text}");
    }
    assert_eq!(
        schema(json!({"type": "null"})).begin_within(1).unwrap_err().to_string(),
        "at most 1 tokens may be written, and the shortest text that is allowed takes 4"
    );
}

/// A node of the tree below.
fn is_tree(value: &Value) -> bool {
    let Some(parts) = value.as_object() else { return false };
    let tags = value["tags"].as_array().map_or(parts.get("tags").is_none(), |tags| {
        !tags.is_empty() && tags.iter().all(|tag| ["aa", "bb", "c"].iter().any(|text| tag == text))
    });
    let name = value["name"].as_str().is_some_and(|name| name.chars().count() >= 2);
    let next = parts.get("next").is_some_and(|next| next.is_null() || is_tree(next));
    tags && name && next && parts.keys().all(|key| ["name", "next", "tags"].contains(&key.as_str()))
}

#[test]
fn every_limit_ends_with_a_whole_text() {
    let tree = json!({"type": "object", "properties": {"name": {"type": "string", "minLength": 2}, "next": {"anyOf": [{"$ref": "#"},
                      {"type": "null"}]}, "tags": {"type": "array", "items": {"enum": ["aa", "bb", "c"]}, "minItems": 1}},
                      "required": ["name", "next"], "additionalProperties": false});
    let dates = |value: &Value| {
        let date = Regex::new("^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$").unwrap();
        let is_date = |value: &Value| value.as_str().is_some_and(|text| date.is_match(text));
        value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(is_date))
    };
    let matched = |value: &Value| value.as_str().is_some_and(|t| Regex::new("^(ab|cde){2,4}$").unwrap().is_match(t));
    type Holds<'c> = &'c dyn Fn(&Value) -> bool;
    let cases: [(Value, Holds<'_>); 5] = [
        (tree, &is_tree),
        (
            json!({"type": "object", "properties": {"n": {"type": "number"}, "é": {"type": "boolean"}}, "required": ["n"]}),
            &|value| value["n"].is_number() && value.get("é").is_none_or(Value::is_boolean),
        ),
        (json!({"type": "array", "items": {"type": "string", "format": "date"}, "minItems": 1}), &dates),
        (json!({"type": "string", "pattern": "^(ab|cde){2,4}$"}), &matched),
        (json!({"type": ["integer", "number", "boolean"]}), &|value| value.is_number() || value.is_boolean()),
    ];
    for (source, is_one) in cases {
        let grammar = schema(source.clone());
        let least = shortest(&grammar);
        for limit in least..least + 40 {
            for seed in 0..3 {
                let text = scribbled_within(&grammar, limit, seed);
                let value = serde_json::from_str(&text);
                assert!(value.is_ok_and(|value| is_one(&value)), "{source} in {limit}: {text}");
            }
        }
    }
}

#[test]
fn other_grammars_close_if_they_are_asked_to() {
    let grammars = Grammars::new(tokenizer());
    let lark = "start: \"<a>\" body \"</a>\"\nbody: %json {\"type\": \"object\", \"properties\": {\"x\": {\"type\": \"string\"}}}";
    let grammar = grammars.compile_closing(lark).unwrap();
    let least = shortest(&grammar);
    assert!(scribbled_within(&grammar, least + 5, 3).ends_with("}</a>"));
    assert!(grammars.compile(&GrammarSource::Lark(lark.into())).unwrap().begin_within(0).is_ok(), "cut off");
    let choice = compiled(&GrammarSource::Choice(vec!["abcabc".into(), "xyz".into()])).unwrap();
    assert_eq!(scribbled_within(&choice, shortest(&choice), 0), "xyz");
}
