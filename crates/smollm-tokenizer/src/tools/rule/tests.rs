//! Answers under a rule: what is taken, what is not, and what comes of drawing anything that is allowed.

use super::*;
use crate::Tokenizer;
use crate::constrain::Constraint;
use crate::tools::{Call, CallReader, Said, calls_in};
use serde_json::json;
use std::sync::Arc;

const VOCAB: u32 = 400;

fn tokenizer() -> Arc<Tokenizer> {
    let json = smollm_testkit::byte_level::tokenizer_json(VOCAB as usize).to_string();
    Arc::new(Tokenizer::from_json(json.as_bytes(), "tokenizer.json").unwrap())
}

fn tools() -> Vec<Tool> {
    let tool = |name: &str, parameters: Value| Tool::of(name, "", parameters).unwrap();
    vec![
        tool("add", json!({"properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "}"]}}, "required": ["a"]})),
        tool("now", json!({})),
    ]
}

fn rule(tools: &[Tool], form: CallForm, must_call: bool, several: bool) -> CallRule<'_> {
    CallRule { form, tools, must_call, several }
}

/// Whether `text` is a whole answer under a rule.
fn accepts(rule: &CallRule<'_>, text: &str) -> bool {
    let tokenizer = tokenizer();
    let mut constraint = rule.compile(&Grammars::new(tokenizer.clone())).unwrap().begin();
    for byte in text.bytes() {
        let spells = |id: &u32| !tokenizer.is_special(*id) && *tokenizer.token_bytes(*id).unwrap() == [byte];
        let id = (0..VOCAB).find(spells).unwrap();
        if constraint.accept(id).is_err() {
            return false;
        }
    }
    constraint.may_end().unwrap()
}

/// Draws one of the allowed tokens, or the end (none) where that is allowed, by a simple generator.
fn draw(constraint: &mut Constraint, state: &mut u64) -> Option<u32> {
    let allowed = constraint.allowed().unwrap();
    let choices: Vec<u32> = (0..VOCAB).filter(|&id| allowed.contains(id)).collect();
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    choices.get((*state >> 33) as usize % (choices.len() + usize::from(allowed.may_end()))).copied()
}

/// At most `limit` tokens, drawn again and again after `begun`; the text, and whether it is whole.
fn scribble_within(grammar: &Grammar, begun: &str, limit: usize, mut state: u64) -> (String, bool) {
    let tokenizer = tokenizer();
    let mut constraint = grammar.begin_within(limit).unwrap();
    let mut ids = Vec::new();
    for id in tokenizer.encode(begun, crate::Specials::AsText) {
        if constraint.has_ended() || ids.len() == limit {
            break;
        }
        ids.extend(constraint.accept(id).unwrap());
    }
    while !constraint.has_ended() && ids.len() < limit {
        let Some(id) = draw(&mut constraint, &mut state) else { break };
        ids.extend(constraint.accept(id).unwrap());
    }
    (tokenizer.decode(&ids, false), constraint.may_end().unwrap())
}

/// Any allowed token again and again, by a simple generator.
fn scribble(rule: &CallRule<'_>, begun: &str, mut state: u64) -> Option<String> {
    let tokenizer = tokenizer();
    let mut constraint = rule.compile(&Grammars::new(tokenizer.clone())).unwrap().begin();
    let mut ids = tokenizer.encode(begun, crate::Specials::AsText);
    ids.iter().for_each(|&id| assert_eq!(constraint.accept(id), Ok(Some(id))));
    while !constraint.has_ended() && ids.len() < 4000 {
        let Some(id) = draw(&mut constraint, &mut state) else { return Some(tokenizer.decode(&ids, false)) };
        constraint.accept(id).unwrap();
        ids.push(id);
    }
    constraint.has_ended().then(|| tokenizer.decode(&ids, false))
}

#[test]
fn answers_that_must_call_are_calls_and_nothing_else() {
    let tools = tools();
    let add = r#"{"name": "add", "arguments": {"a": 1}}"#;
    let now = r#"{"name": "now", "arguments": {}}"#;
    for several in [true, false] {
        let list = rule(&tools, CallForm::List, true, several);
        assert!(accepts(&list, &format!("<tool_call>[{add}]</tool_call>")));
        assert!(accepts(&list, &format!("<tool_call>[\n{now}\n]</tool_call>")));
        for two in
            [format!("<tool_call>[{add}, {now}]</tool_call>"), format!("<tool_call>[\n{now},\n{add}\n]</tool_call>")]
        {
            assert_eq!(accepts(&list, &two), several, "{two}");
        }
        let blocks = rule(&tools, CallForm::Blocks, true, several);
        let one = format!("<tool_call>\n{add}\n</tool_call>");
        assert!(accepts(&blocks, &one));
        assert_eq!(accepts(&blocks, &format!("{one}\n<tool_call>{now}</tool_call>")), several);
        for wrong in ["", "Well.", "<tool_call>[]</tool_call>", "<tool_call></tool_call>"] {
            assert!(!accepts(&list, wrong) && !accepts(&blocks, wrong), "{wrong}");
        }
        for wrong in [
            r#"{"name": "sub", "arguments": {}}"#,
            r#"{"name": "add", "arguments": {}}"#,
            r#"{"name": "add", "arguments": {"a": "1"}}"#,
            r#"{"name": "add", "arguments": {"a": 1, "c": 2}}"#,
            r#"{"name": "add"}"#,
        ] {
            assert!(!accepts(&list, &format!("<tool_call>[{wrong}]</tool_call>")), "{wrong}");
            assert!(!accepts(&blocks, &format!("<tool_call>\n{wrong}\n</tool_call>")), "{wrong}");
        }
    }
}

#[test]
fn answers_that_may_call_are_free_until_they_do() {
    let tools = tools();
    let list = rule(&tools, CallForm::List, false, true);
    for text in [
        "",
        "No <tool_cal> and no [",
        "No.<tool_call>[]</tool_call>",
        "Well: <tool_call>[{\"name\": \"now\", \"arguments\": {}}]</tool_call>",
    ] {
        assert!(accepts(&list, text), "{text}");
    }
    for text in [
        "Well: <tool_call>",
        "<tool_call>[] and so on",
        "a<tool_call>[]</tool_call> b",
        "<tool_call>[{\"name\": \"sub\", \"arguments\": {}}]</tool_call>",
    ] {
        assert!(!accepts(&list, text), "{text}");
    }
    let blocks = rule(&tools, CallForm::Blocks, false, false);
    assert!(accepts(&blocks, "a\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>"));
    assert!(!accepts(&blocks, "<tool_call></tool_call>"));
}

#[test]
fn whatever_is_drawn_is_calls_with_arguments_that_fit() {
    let tools = tools();
    let mut ended = 0;
    for form in [CallForm::List, CallForm::Blocks] {
        for (must_call, begun) in [(true, ""), (false, "So <tool_call>")] {
            let rule = rule(&tools, form, must_call, true);
            for seed in 0..12 {
                let Some(text) = scribble(&rule, begun, seed) else { continue };
                ended += 1;
                let calls = calls_in(&text).unwrap_or_else(|| panic!("{text}"));
                assert!(!calls.is_empty() || !must_call, "{text}");
                for Call { name, arguments } in &calls {
                    let arguments: Value = serde_json::from_str(arguments).unwrap();
                    match name.as_str() {
                        "add" => {
                            assert!(arguments["a"].is_i64(), "{text}");
                            assert!(
                                arguments["b"].is_null() || arguments["b"] == "x" || arguments["b"] == "}",
                                "{text}"
                            );
                            assert!(arguments.as_object().unwrap().len() <= 2, "{text}");
                        }
                        "now" => assert_eq!(arguments, json!({})),
                        _ => panic!("{text}"),
                    }
                }
                let mut reader = CallReader::bound();
                let said: Vec<Said> = text.split_inclusive('"').flat_map(|piece| reader.push(piece)).collect();
                let named = said.iter().filter(|said| matches!(said, Said::Call(_))).count();
                assert_eq!(named, calls.len(), "{text}");
            }
        }
    }
    assert!(ended > 24, "{ended}");
}

#[test]
fn calls_are_whole_at_any_limit_that_has_room_for_one() {
    let tools = tools();
    for form in [CallForm::List, CallForm::Blocks] {
        let grammar = rule(&tools, form, true, true).compile(&Grammars::new(tokenizer())).unwrap();
        let least = grammar.shortest().unwrap();
        assert!(
            matches!(grammar.begin_within(least - 1), Err(GrammarError::TooShort { shortest, .. }) if shortest == least)
        );
        for limit in [least, least + 1, least + 3, least + 10, least + 60] {
            for seed in 0..4 {
                let (text, whole) = scribble_within(&grammar, "", limit, seed);
                assert!(whole && calls_in(&text).is_some_and(|calls| !calls.is_empty()), "{limit}: {text}");
            }
        }
    }
}

#[test]
fn a_call_is_opened_only_where_it_can_be_closed() {
    let tools = tools();
    for form in [CallForm::List, CallForm::Blocks] {
        let grammar = rule(&tools, form, false, true).compile(&Grammars::new(tokenizer())).unwrap();
        assert_eq!(grammar.shortest(), Some(0));
        let (mut opened, mut refused) = (0, 0);
        for limit in 0..90 {
            let (text, whole) = scribble_within(&grammar, "ab<tool_call>", limit, limit as u64);
            assert!(whole, "{limit}: {text}");
            match text.contains(OPEN) {
                true => {
                    opened += 1;
                    assert!(calls_in(&text).is_some(), "{limit}: {text}");
                }
                false => refused += 1,
            }
        }
        assert!(opened > 20 && refused > 10, "{opened} {refused}");
    }
}

#[test]
fn an_answer_without_calls_may_have_to_be_json() {
    let tools = tools();
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false});
    let grammars = Grammars::new(tokenizer());
    let grammar = rule(&tools, CallForm::List, false, false).compile_or_json(&grammars, &schema).unwrap();
    let mut ended = [0, 0];
    for limit in [grammar.shortest().unwrap(), 60, 90] {
        for seed in 0..12 {
            let (text, whole) = scribble_within(&grammar, "", limit, seed);
            assert!(whole, "{text}");
            match calls_in(&text) {
                Some(calls) => {
                    assert!(!calls.is_empty(), "{text}");
                    ended[0] += 1;
                }
                None => {
                    ended[1] += 1;
                    let json: Value = serde_json::from_str(&text).unwrap();
                    assert!(json["n"].is_i64(), "{text}");
                }
            }
        }
    }
    assert!(ended.iter().all(|&count| count > 0), "{ended:?}");
    let odd = json!({"not": {}});
    let error = rule(&tools, CallForm::List, false, false).compile_or_json(&grammars, &odd).unwrap_err();
    assert!(error.tool.is_none() && error.error.to_string().starts_with("$.not"), "{error:?}");
    assert!(
        rule(&tools, CallForm::List, true, false).compile_or_json(&grammars, &odd).is_ok(),
        "it says nothing there"
    );
}

#[test]
fn what_may_not_be_called_cannot_be_opened() {
    let grammar = no_calls(&Grammars::new(tokenizer())).unwrap();
    for seed in 0..20 {
        let tokenizer = tokenizer();
        let (mut constraint, mut state) = (grammar.begin(), seed);
        // towards the tag wherever that is allowed
        let (mut text, mut wanted) = (String::new(), OPEN.bytes().cycle());
        for _ in 0..60 {
            let next = wanted.next().unwrap();
            let id = (0..VOCAB)
                .find(|&id| !tokenizer.is_special(id) && *tokenizer.token_bytes(id).unwrap() == [next])
                .unwrap();
            let allowed = constraint.allowed().unwrap();
            let id = if allowed.contains(id) { id } else { draw(&mut constraint, &mut state).unwrap_or(id) };
            if constraint.accept(id).is_err() {
                break;
            }
            text.push_str(&tokenizer.decode(&[id], false));
        }
        assert!(text.starts_with("<tool_call") && !text.contains(OPEN), "{text}");
    }
    assert_eq!(grammar.shortest(), Some(0));
}

#[test]
fn tags_that_no_text_spells_are_refused() {
    let mut json = smollm_testkit::byte_level::tokenizer_json(VOCAB as usize);
    json["added_tokens"]
        .as_array_mut()
        .unwrap()
        .push(json!({"id": VOCAB, "content": CLOSE, "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": true}));
    let tokenizer = Tokenizer::from_json(json.to_string().as_bytes(), "tokenizer.json").unwrap();
    let tools = tools();
    let error = rule(&tools, CallForm::Blocks, true, true).compile(&Grammars::new(Arc::new(tokenizer))).unwrap_err();
    assert!(error.tool.is_none() && error.to_string().starts_with("calls: </tool_call> is a special token"), "{error}");
}

#[test]
fn a_schema_that_cannot_be_kept_is_named() {
    let mut tools = tools();
    let parameters = json!({"properties": {"l": {"type": "array", "uniqueItems": true}}});
    tools.push(Tool::of("unique", "", parameters).unwrap());
    let rule = rule(&tools, CallForm::List, false, true);
    let error = rule.compile(&Grammars::new(tokenizer())).unwrap_err();
    let GrammarError::Schema { path, .. } = &error.error else { panic!("{error:?}") };
    assert_eq!((error.tool, path.as_str()), (Some(2), "$.properties.l.uniqueItems"));
}

#[test]
fn a_schema_that_is_too_much_work_is_named() {
    let mut tools = tools();
    let parameters = json!({"properties": {"l": {"type": "string", "pattern": "^[ab]*a[ab]{17}$"}}, "required": ["l"]});
    tools.push(Tool::of("hard", "", parameters).unwrap());
    let error = rule(&tools, CallForm::List, true, true).compile(&Grammars::new(tokenizer())).unwrap_err();
    let GrammarError::Schema { path, message } = &error.error else { panic!("{error:?}") };
    assert_eq!((error.tool, path.as_str()), (Some(2), "$.properties.l"));
    assert!(message.contains("too much work"), "{message}");
}
