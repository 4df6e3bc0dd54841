//! Checks pass what is right and fail what is nearly right, whatever a model says.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn check(json: Value) -> Check {
    serde_json::from_value(json).expect("a check")
}

fn said(text: &str) -> Value {
    json!({"role": "assistant", "content": text})
}

#[test]
fn texts() {
    for (condition, text, expected) in [
        (json!({"check": "exact", "answers": ["Paris", "The capital is Paris."]}), " paris. ", true),
        (json!({"check": "exact", "answers": ["Paris"]}), "Paris, France", false),
        (json!({"check": "mentions", "any": ["Paris", "Rome"]}), "It is PARIS.", true),
        (json!({"check": "mentions", "any": ["Paris"], "none": ["Rome"]}), "Paris or Rome", false),
        (json!({"check": "mentions", "any": []}), "", true),
        (json!({"check": "number", "value": "1,234"}), "7 + 1227 = 1234.0", true),
        (json!({"check": "number", "value": "7"}), "7 + 1 = 8", false),
        (json!({"check": "number", "value": ""}), "", false),
        (
            json!({"check": "keeps", "terms": ["Ann Lee", "5 May"], "allowed": ["2024"]}),
            "Ann Lee came on 5 May 2024.",
            true,
        ),
        (json!({"check": "keeps", "terms": ["Ann Lee", "5 May"]}), "Ann Lee came on 5 May 2024.", false),
        (json!({"check": "keeps", "terms": ["Ann Lee"]}), "ann lee came.", false),
        (json!({"check": "refuses"}), "Sorry, I don’t  know that.", true),
        (json!({"check": "refuses"}), "It is Paris.", false),
        (json!({"check": "answers"}), "It is Paris.", true),
        (json!({"check": "answers"}), "I do not know that.", false),
        (json!({"check": "answers"}), " ", false),
        (json!({"check": "at-most-words", "words": 3}), "one, two, three.", true),
        (json!({"check": "at-most-words", "words": 2}), "one, two, three.", false),
        (
            json!({"check": "all", "checks": [{"check": "answers"}, {"check": "number", "value": "3"}]}),
            "It is 3.",
            true,
        ),
        (
            json!({"check": "all", "checks": [{"check": "answers"}, {"check": "number", "value": "4"}]}),
            "It is 3.",
            false,
        ),
    ] {
        let condition = check(condition);
        assert_eq!(condition.passes_text(text), expected, "{condition:?} {text}");
        assert_eq!(condition.passes(&said(text)), expected, "{condition:?} {text}");
    }
}

/// Each kind of check is passed by one of these answers and failed by another, alone and within `all`.
#[test]
fn every_kind_passes_and_fails() {
    let call = json!({"name": "f", "arguments": {"a": 1}});
    let instructions =
        json!([{"id": "punctuation:no_comma"}, {"id": "keywords:existence", "kwargs": {"keywords": ["sea"]}}]);
    let cases = [
        (json!({"check": "exact", "answers": ["Oslo"]}), "oslo.", "Oslo it is."),
        (json!({"check": "mentions", "any": ["Oslo"], "none": ["Rome"]}), "It is Oslo.", "Oslo, not Rome."),
        (json!({"check": "number", "value": "42"}), "17 + 25 = 42", "42 or 43"),
        (
            json!({"check": "calls", "calls": [call]}),
            "<tool_call>[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]</tool_call>",
            "<tool_call>[{\"name\": \"f\", \"arguments\": {\"a\": 2}}]</tool_call>",
        ),
        (json!({"check": "instructions", "instructions": instructions}), "the sea is big", "the sea, that is big"),
        (json!({"check": "keeps", "terms": ["Ann", "5 May"]}), "Ann, come on 5 May.", "Ann, come on 6 May."),
        (json!({"check": "refuses"}), "I do not know that.", "It is Oslo."),
        (json!({"check": "answers"}), "It is Oslo.", "I do not know that."),
        (json!({"check": "at-most-words", "words": 2}), "It is", "It is Oslo"),
    ];
    let all: Vec<&Value> = cases.iter().map(|(json, ..)| json).collect();
    assert_eq!(all.len() + 2, KINDS, "a kind of checks has no case");
    for (json, right, wrong) in &cases {
        let alone = check((*json).clone());
        let within = check(json!({"check": "all", "checks": [json, json]}));
        let one_of = check(json!({"check": "any", "checks": [json, json]}));
        for condition in [&alone, &within, &one_of] {
            assert!(condition.passes_text(right) && condition.passes(&said(right)), "{json} {right}");
            assert!(!condition.passes_text(wrong) && !condition.passes(&said(wrong)), "{json} {wrong}");
            assert_eq!(condition.fault(), None, "{json}");
            assert_eq!(condition.wants_refusal(), json["check"] == "refuses", "{json}");
        }
    }
}

/// How many kinds there are. The match is for the compiler, which asks for a new kind here.
const KINDS: usize = match &Check::Refuses {
    Check::Exact { .. }
    | Check::Mentions { .. }
    | Check::Number { .. }
    | Check::Calls { .. }
    | Check::Instructions { .. }
    | Check::Keeps { .. }
    | Check::Refuses
    | Check::Answers
    | Check::AtMostWords { .. }
    | Check::All { .. }
    | Check::Any { .. } => 11,
};

#[test]
fn one_of_several_is_enough() {
    let oslo = json!({"check": "exact", "answers": ["Oslo"]});
    let either = check(json!({"check": "any", "checks": [oslo, {"check": "refuses"}]}));
    for (text, expected) in [("Oslo", true), ("I do not know that.", true), ("It is Oslo.", false), ("", false)] {
        assert_eq!(either.passes_text(text), expected, "{text}");
    }
    assert!(!either.wants_refusal(), "another answer passes too");
}

#[test]
fn what_tells_nothing_is_said() {
    for (json, fault) in [
        (json!({"check": "exact", "answers": []}), "passed by nothing"),
        (json!({"check": "mentions", "any": []}), "passed by everything"),
        (json!({"check": "mentions", "any": ["Oslo", " "]}), "an empty text"),
        (json!({"check": "mentions", "any": [], "none": [""]}), "an empty text"),
        (json!({"check": "number", "value": "many"}), "is not one number"),
        (json!({"check": "number", "value": "1 2"}), "is not one number"),
        (json!({"check": "keeps", "terms": [""]}), "an empty term"),
        (json!({"check": "instructions", "instructions": []}), "passed by everything"),
        (json!({"check": "all", "checks": []}), "passed by everything"),
        (json!({"check": "any", "checks": []}), "passed by nothing"),
        (json!({"check": "all", "checks": [{"check": "answers"}, {"check": "exact", "answers": []}]}), "by nothing"),
    ] {
        let found = check(json.clone()).fault().unwrap_or_else(|| panic!("{json}"));
        assert!(found.contains(fault), "{json}: {found}");
    }
    assert_eq!(check(json!({"check": "keeps", "terms": []})).fault(), None, "no number may be there");
}

#[test]
fn calls_in_texts() {
    let one = check(json!({"check": "calls", "calls": [{"name": "f", "arguments": {"a": 1, "b": ["x", 2.5]}}]}));
    let none = check(json!({"check": "calls", "calls": []}));
    let two = check(
        json!({"check": "calls", "calls": [{"name": "f", "arguments": {"a": 1}}, {"name": "f", "arguments": {"a": 2}}]}),
    );
    for (condition, text, expected) in [
        (
            &one,
            "<tool_call>[\n{\"name\": \"f\", \"arguments\": {\"b\": [\"x\", 2.50], \"a\": 1.0}}\n]</tool_call>",
            true,
        ),
        (&one, "<tool_call>[{\"name\": \"f\", \"arguments\": {\"b\": [\"x\", 2.5], \"a\": 1}}]", true),
        (&one, "<tool_call>[{\"name\": \"f\", \"arguments\": {\"b\": [\"x\", 2.5], \"a\": \"1\"}}]</tool_call>", false),
        (&one, "<tool_call>[{\"name\": \"f\"", false),
        (&one, "I call f.", false),
        (&none, "Nothing fits.", true),
        (&none, "Nothing fits. <tool_call>[]</tool_call>", true),
        (&none, "<tool_call>[oh]</tool_call>", false),
        (
            &two,
            "<tool_call>[{\"name\":\"f\",\"arguments\":{\"a\":2}},{\"name\":\"f\",\"arguments\":{\"a\":1}}]</tool_call>",
            true,
        ),
        (
            &two,
            "<tool_call>[{\"name\":\"f\",\"arguments\":{\"a\":2}},{\"name\":\"f\",\"arguments\":{\"a\":2}}]</tool_call>",
            false,
        ),
    ] {
        assert_eq!(condition.passes_text(text), expected, "{text}");
        assert_eq!(condition.passes(&said(text)), expected, "{text}");
    }
}

#[test]
fn calls_in_messages() {
    let one = check(json!({"check": "calls", "calls": [{"name": "f", "arguments": {"a": 9007199254740993_i64}}]}));
    let message = |arguments: Value| {
        json!({"role": "assistant", "content": null,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}]})
    };
    assert!(one.passes(&message(json!({"a": 9007199254740993_i64}))));
    assert!(one.passes(&message(json!("{\"a\": 9007199254740993}"))));
    assert!(!one.passes(&message(json!("{\"a\": 9007199254740992}"))));
    assert!(!one.passes(&message(json!("a"))) && !one.passes(&message(json!(3))));
    assert!(Check::Answers.passes(&message(json!({}))));
    let no_arguments = check(json!({"check": "calls", "calls": [{"name": "f", "arguments": {}}]}));
    assert!(no_arguments.passes(&message(json!(""))) && no_arguments.passes(&message(json!({}))));
    for odd in [json!(null), json!([]), json!({"tool_calls": 3}), json!({"tool_calls": [3]}), json!({"content": []})] {
        assert!(!one.passes(&odd) && !Check::Answers.passes(&odd), "{odd}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_check_panic(text in "(\\PC|[0-9,.’' -]|<tool_call>|\\[|\\{){0,40}", phrase in "\\PC{0,3}|[a-c' ]{0,3}") {
        for condition in [
            Check::Exact { answers: vec![phrase.clone()] },
            Check::Mentions { any: vec![phrase.clone()], none: vec![] },
            Check::Number { value: phrase.clone() },
            Check::Keeps { terms: vec![phrase.clone()], allowed: vec![phrase.clone()] },
            Check::Calls { calls: vec![] },
            Check::Refuses,
            Check::Answers,
            Check::AtMostWords { words: 3 },
        ] {
            condition.passes_text(&text);
        }
    }
}
