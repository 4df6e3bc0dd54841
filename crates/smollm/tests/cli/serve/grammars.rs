//! Answers that are held to a grammar.

use super::client::Served;
use crate::world::World;
use serde_json::{Value, json};

const COMPLETIONS: &str = "/v1/completions";
const CHAT: &str = "/v1/chat/completions";

fn schema() -> Value {
    json!({"type": "object", "properties": {"name": {"type": "string", "minLength": 2}, "size": {"enum": ["small", "large"]},
           "tags": {"type": "array", "items": {"type": "integer"}, "maxItems": 3}}, "required": ["name", "size"],
           "additionalProperties": false})
}

/// The answer, which must be whole, and JSON.
#[track_caller]
fn whole(answer: &Value) -> Value {
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "stop", "{answer}");
    let text = choice["text"].as_str().or_else(|| choice["message"]["content"].as_str()).unwrap();
    assert!(!text.contains("  "), "{text}");
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn schemas_hold_at_every_limit_and_below_the_least_is_refused() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random"]);
    let asked = |limit: usize, temperature: f32| json!({"prompt": "a", "guided_json": schema(), "max_tokens": limit, "temperature": temperature, "seed": limit});
    let (message, param, code) = served.post(COMPLETIONS, &asked(3, 0.0)).error(400);
    assert_eq!((param.as_str().unwrap_or_default(), code.as_str()), ("guided_json", None), "{message}");
    let least: usize = message.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(message.starts_with("guided_json: at most 3 tokens may be written"), "{message}");
    served.post(COMPLETIONS, &asked(least - 1, 0.0)).error(400);
    for limit in [least, least + 1, least + 7, least + 40, 200] {
        for temperature in [0.0, 1.0] {
            let answer = whole(&served.ask(COMPLETIONS, asked(limit, temperature)));
            assert!(answer["name"].as_str().unwrap().chars().count() >= 2, "{answer}");
            assert!(answer["size"] == "small" || answer["size"] == "large", "{answer}");
        }
    }
}

#[test]
fn an_answer_does_not_depend_on_what_runs_beside_it_nor_on_the_cache() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random"]);
    let asked = |n: usize, reuse: bool| {
        json!({"prompt": "the same", "guided_json": schema(), "max_tokens": 60, "temperature": 1, "seed": 5, "n": n,
               "logprobs": 1, "cache_prompt": reuse})
    };
    let one = served.ask(COMPLETIONS, asked(1, true));
    let several = served.ask(COMPLETIONS, asked(3, true));
    assert_eq!(one["choices"][0]["text"], several["choices"][0]["text"]);
    assert_eq!(one["choices"][0]["logprobs"], several["choices"][0]["logprobs"]);
    assert_eq!(served.ask(COMPLETIONS, asked(1, false))["choices"], one["choices"]);
    for choice in several["choices"].as_array().unwrap() {
        serde_json::from_str::<Value>(choice["text"].as_str().unwrap()).unwrap();
    }
}

#[test]
fn every_field_says_what_an_answer_is_to_be() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random"]);
    let ask = |path: &str, field: &str, value: Value| {
        let mut asked = json!({"prompt": "a", "max_tokens": 80, "n_predict": 80, "temperature": 1, "seed": 1});
        asked[field] = value;
        served.ask(path, asked)
    };
    assert!(whole(&ask(COMPLETIONS, "response_format", json!({"type": "json_object"}))).is_object());
    let text = |answer: Value| answer["choices"][0]["text"].as_str().unwrap().to_owned();
    assert!(["yes", "no"].contains(&text(ask(COMPLETIONS, "guided_choice", json!(["yes", "no"]))).as_str()));
    let digits = text(ask(COMPLETIONS, "guided_regex", json!("[0-9]{3}-[0-9]{3}")));
    assert!(digits.len() == 7 && digits.as_bytes()[3] == b'-', "{digits}");
    assert_eq!(text(ask(COMPLETIONS, "guided_grammar", json!("start: \"a\" \"b\""))), "ab");
    let native = ask("/completion", "grammar", json!("root ::= \"x\" [yz]"));
    assert!(["xy", "xz"].contains(&native["content"].as_str().unwrap()), "{native}");
    assert_eq!(
        (&native["stop_type"], &native["generation_settings"]["grammar"]),
        (&json!("eos"), &json!("root ::= \"x\" [yz]"))
    );
    let native = ask("/completion", "json_schema", json!({"const": [1]}));
    assert_eq!(native["content"], "[1]");
}

#[test]
fn what_need_not_be_whole_is_cut_off_by_its_limit() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random"]);
    let asked = |field: &str, value: &str| {
        let mut asked = json!({"prompt": "a", "max_tokens": 6, "temperature": 1, "seed": 2});
        asked[field] = value.into();
        asked
    };
    for (field, value) in [
        ("guided_regex", "[ab]{200}"),
        ("guided_grammar", "start: /[ab]/ start | \"c\" /[ab]{200}/"),
        ("guided_grammar", "start: LONG\nLONG: /[ab]{200}/"),
        ("grammar", "root ::= [ab]{200}"),
    ] {
        let answer = served.ask(COMPLETIONS, asked(field, value));
        let choice = &answer["choices"][0];
        let text = choice["text"].as_str().unwrap();
        assert!(!text.is_empty() && text.bytes().all(|byte| b"abc".contains(&byte)), "{value}: {text}");
        assert_eq!(choice["finish_reason"], "length", "{value}: {text}");
    }
    let choice = json!({"prompt": "a", "max_tokens": 1, "guided_choice": ["ab", "c"]});
    let answer = served.ask(COMPLETIONS, choice);
    assert_eq!(answer["choices"][0]["finish_reason"], "stop", "{answer}");
}

#[test]
fn a_grammar_that_is_too_much_work_somewhere_ends_the_answer_there() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random"]);
    // behind the first letter, every further one is a step in each of these
    let letters = || ('A'..='Z').chain('a'..='w').chain('0'..='9').chain("!%,:;=@_".chars());
    let pairs = letters().flat_map(|one| letters().map(move |other| format!("[^{one}]*{one}{other}[^{other}]*y")));
    let regex = format!("x({})", pairs.collect::<Vec<_>>().join("|"));
    let mut asked = json!({"prompt": "a", "guided_regex": regex, "max_tokens": 100});
    let (message, _, code) = served.post(COMPLETIONS, &asked).error(400);
    assert!(message.contains("the grammar is too much work here"), "{message}");
    assert_eq!(code, "grammar_too_costly");
    asked["stream"] = true.into();
    let events = served.post(COMPLETIONS, &asked).text;
    assert!(events.contains("\"text\"") && events.contains("grammar_too_costly"), "{events}");
}

#[test]
fn what_cannot_be_held_is_refused_with_field_and_path() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random"]);
    let schema = json!({"type": "object", "properties": {"tags": {"type": "array", "uniqueItems": true}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
    let asked = json!({"prompt": "a", "max_tokens": 80, "response_format": format});
    let (message, param, code) = served.post(COMPLETIONS, &asked).error(400);
    assert_eq!(
        message,
        "response_format.json_schema.schema: $.properties.tags.uniqueItems: `uniqueItems` is not supported: output cannot be held to it"
    );
    assert_eq!((param, code), (json!("response_format.json_schema.schema"), json!("invalid_grammar")));
    for (field, value) in [("guided_regex", json!("(")), ("grammar", json!("root ::= x")), ("guided_choice", json!([]))]
    {
        let mut asked = json!({"prompt": "a", "max_tokens": 80});
        asked[field] = value;
        let (message, param, _) = served.post(COMPLETIONS, &asked).error(400);
        assert_eq!(param, field, "{message}");
    }
}

#[test]
fn chats_are_held_too_whole_or_in_pieces() {
    let world = World::new().with_scripted();
    let served = Served::ready(&world, &["-m", "scripted"]);
    let asked = json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 60, "temperature": 1, "seed": 3,
                       "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema()}}});
    let answer = served.ask(CHAT, asked.clone());
    assert!(whole(&answer).is_object());
    let pieces = served.stream(CHAT, asked);
    let text: String = pieces.iter().filter_map(|piece| piece["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(answer["choices"][0]["message"]["content"], text);
}
