//! Grammars that are much work: refused before an answer begins, or followed to its end.

use std::sync::Arc;
use std::thread;

use regex_lite::Regex;
use serde_json::{Map, Value, json};

use super::closing::{schema, scribbled_beside, scribbled_within};
use super::{compiled, id};
use crate::Tokenizer;
use crate::constrain::{GrammarError, GrammarSource, Grammars};

#[track_caller]
fn whole_near_every_limit(source: Value, further: &[usize]) {
    let grammar = schema(source);
    let least = grammar.shortest().unwrap();
    for (seed, more) in further.iter().enumerate() {
        let text = scribbled_within(&grammar, least + more, seed as u64);
        assert!(serde_json::from_str::<Value>(&text).is_ok(), "{more}: {text}");
    }
}

fn all_optional(count: usize) -> Value {
    let properties: Map<String, Value> = (0..count).map(|i| (format!("p{i}"), json!({"type": "boolean"}))).collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

#[test]
fn long_texts_end_in_time() {
    whole_near_every_limit(json!({"type": "string", "minLength": 3000}), &[0, 3, 40]);
    whole_near_every_limit(json!({"type": "string", "maxLength": 100_000}), &[0, 900]);
    whole_near_every_limit(json!({"type": "array", "items": {"type": "integer"}, "minItems": 1500}), &[0, 1, 30]);
}

#[test]
fn where_ends_are_too_far_to_be_found_answers_go_another_way() {
    // behind the first `a` lie 65,536 states, and the shortest texts are not among the first
    for pattern in ["^(x|a[ab]*a[ab]{15})$", "^[ab]*a[ab]{12}$"] {
        let (grammar, matches) = (schema(json!({"type": "string", "pattern": pattern})), Regex::new(pattern).unwrap());
        let least = grammar.shortest().unwrap();
        for (seed, more) in [0, 1, 5, 13, 17, 40].into_iter().enumerate() {
            let text = scribbled_within(&grammar, least + more, seed as u64);
            let value = serde_json::from_str::<String>(&text);
            assert!(value.is_ok_and(|value| matches.is_match(&value)), "{pattern} {more}: {text}");
        }
    }
}

#[test]
fn objects_of_very_many_optional_parts_are_followed() {
    whole_near_every_limit(all_optional(700), &[0, 20, 90]);
    let inside = json!({"type": "object", "properties": {"a": all_optional(700)}, "required": ["a"]});
    whole_near_every_limit(inside, &[0, 20, 90]);
}

#[test]
fn what_is_too_much_work_is_refused_with_its_place() {
    let hard = json!({"type": "string", "pattern": "^[ab]*a[ab]{17}$"});
    let mut source = all_optional(120);
    source["properties"]["a"] = json!({"type": "array", "items": hard});
    let error = compiled(&GrammarSource::JsonSchema(source)).unwrap_err();
    assert_eq!(error.to_string(), "$.properties.a.items: it takes too much work to find out how it ends soonest");
    let long =
        json!({"type": "array", "minItems": 600, "items": {"type": "array", "minItems": 1000, "items": {"const": 1}}});
    let error = compiled(&GrammarSource::JsonSchema(long)).unwrap_err().to_string();
    assert!(error.contains("shortest text has more than"), "{error}");
}

#[test]
fn states_are_forgotten_and_found_again() {
    let grammar = schema(json!({"type": "array", "items": {"type": "string", "maxLength": 300}, "minItems": 3}));
    for (seed, limit) in [60, 90, 250].into_iter().enumerate() {
        let without = scribbled_within(&grammar, limit, seed as u64);
        let forgetful = scribbled_beside(&grammar, limit, seed as u64, |at, constraint| {
            if at % 3 == 1 {
                constraint.chart().forget();
            }
        });
        assert_eq!(without, forgetful);
    }
}

#[test]
fn states_do_not_grow_without_bound() {
    let grammar = schema(json!({"type": "string", "maxLength": 200_000}));
    let mut constraint = grammar.begin_within(200_000).unwrap();
    constraint.accept(id("\"")).unwrap();
    let (ids, mut most) = (["a", "b", " "].map(id), 0);
    for at in 0..25_000 {
        constraint.accept(ids[at % 3]).unwrap();
        most = most.max(constraint.chart().states());
    }
    // each character leads to some nine of them
    assert!((50_000..120_000).contains(&most), "{most}");
}

#[test]
fn an_answer_whose_grammar_gives_up_ends_as_planned() {
    let grammar = schema(json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
                                "required": ["a", "b"]}));
    for at in [0, 1, 5, 9, 20] {
        let text = scribbled_beside(&grammar, 60, at as u64, |now, constraint| {
            if now == at {
                constraint.give_up();
            }
        });
        assert!(serde_json::from_str::<Value>(&text).is_ok_and(|value| value["b"].is_number()), "{at}: {text}");
    }
}

#[test]
fn deep_rules_and_long_texts_need_little_stack() {
    let mut lark = String::from("start: r0\n");
    (0..4000).for_each(|i| lark.push_str(&format!("r{i}: \"a\" r{} \"b\" | \"c\" r{} \"d\"\n", i + 1, i + 1)));
    lark.push_str("r4000: \"e\"\n");
    let deep = Grammars::new(super::tokenizer()).compile_closing(&lark).unwrap();
    let long = Grammars::new(super::tokenizer()).compile_closing("start: \"a\" start | \"b\"").unwrap();
    let small = thread::Builder::new().stack_size(96 << 10).spawn(move || {
        assert_eq!(deep.begin_within(1).unwrap_err().to_string().split(' ').next_back(), Some("8001"));
        deep.begin_within(9000).unwrap().accept(id("a")).unwrap();
        let mut constraint = long.begin_within(50_000).unwrap();
        let a = id("a");
        (0..20_000).for_each(|_| assert!(constraint.accept(a).unwrap().is_some()));
    });
    small.unwrap().join().unwrap();
}

#[test]
fn a_vocabulary_may_lack_bytes() {
    // without the space, the letter z, and others
    let json = smollm_testkit::byte_level::tokenizer_json(100).to_string();
    let grammars = Grammars::new(Arc::new(Tokenizer::from_json(json.as_bytes(), "tokenizer.json").unwrap()));
    let choice =
        |texts: &[&str]| grammars.compile(&GrammarSource::Choice(texts.iter().map(|&text| text.to_owned()).collect()));
    assert_eq!(
        choice(&["a b", "z"]).unwrap_err(),
        GrammarError::Text {
            kind: "choice",
            message: "the vocabulary has no tokens to spell its shortest text with".into()
        }
    );
    let grammar = choice(&["a z", "aaaaaa"]).unwrap();
    assert!(grammar.shortest().unwrap() <= 6);
    let mut constraint = grammar.begin_within(6).unwrap();
    let mut said = 0;
    while !constraint.has_ended() {
        let allowed = constraint.allowed().unwrap();
        let id = (0..100).find(|&id| allowed.contains(id)).unwrap();
        constraint.accept(id).unwrap();
        said += 1;
    }
    assert!(said <= 6);
}

#[test]
fn rules_whose_ends_cannot_be_told_are_refused() {
    let refused = |lark: &str| Grammars::new(super::tokenizer()).compile_closing(lark).unwrap_err().to_string();
    for (lark, why) in [
        ("start: \"a\" \"b\"\n%ignore / +/", "there may be text between its parts"),
        ("start: long \"b\"\nlong[suffix=\"x\"]: /[a-z]+/", "a lexeme ends before its last bytes"),
        // the first part takes the letter, so that the second never comes
        ("start: A \"x\" B\nA: /[a-z]+/\nB: /[0-9]/", "does not follow"),
    ] {
        let message = refused(lark);
        assert!(message.contains(why), "{lark}: {message}");
    }
}
