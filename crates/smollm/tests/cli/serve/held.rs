//! Answers under a grammar beside all else that a request may ask for: guesses, the cache, several choices, log-probabilities, stop strings,
//! thoughts, pieces, limits.

use super::client::{Open, Served};
use crate::world::World;
use serde_json::{Map, Value, json};
use std::io::ErrorKind;

const COMPLETIONS: &str = "/v1/completions";
const CHAT: &str = "/v1/chat/completions";

fn schema() -> Value {
    json!({"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "size": {"enum": ["small", "large"]}},
           "required": ["name", "size"], "additionalProperties": false})
}

/// Of each choice of a request: text (thoughts, content, names and arguments of calls), tokens with log-probabilities, and why it ended.
type Told = Vec<(String, String, Vec<Value>, Value)>;

fn add(told: &mut Told, choice: &Value, message: &Value) {
    let (text, thoughts, tokens, end) = &mut told[choice["index"].as_u64().unwrap() as usize];
    text.push_str(choice["text"].as_str().or_else(|| message["content"].as_str()).unwrap_or_default());
    thoughts.push_str(message["reasoning_content"].as_str().unwrap_or_default());
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let part = |key: &str| call["function"][key].as_str().unwrap_or_default();
        text.push_str(&format!("{}{}", part("name"), part("arguments")));
    }
    let logprobs = &choice["logprobs"];
    tokens.extend(logprobs["content"].as_array().into_iter().flatten().cloned());
    let pairs = logprobs["tokens"]
        .as_array()
        .into_iter()
        .flatten()
        .zip(logprobs["token_logprobs"].as_array().into_iter().flatten());
    tokens.extend(pairs.map(|(token, logprob)| json!([token, logprob])));
    if !choice["finish_reason"].is_null() {
        *end = choice["finish_reason"].clone();
    }
}

/// What is told at once, which must be what is told in pieces.
#[track_caller]
fn told(served: &Served, path: &str, asked: &Value) -> Told {
    let whole = served.ask(path, asked.clone());
    let choices = whole["choices"].as_array().unwrap();
    let (mut at_once, mut in_pieces): (Told, Told) =
        (vec![Default::default(); choices.len()], vec![Default::default(); choices.len()]);
    choices.iter().for_each(|choice| add(&mut at_once, choice, &choice["message"]));
    for piece in served.stream(path, asked.clone()) {
        piece["choices"].as_array().unwrap().iter().for_each(|choice| add(&mut in_pieces, choice, &choice["delta"]));
    }
    assert_eq!(at_once, in_pieces, "{asked}");
    at_once
}

#[test]
fn guesses_and_the_cache_change_nothing() {
    let world = World::new().with_random();
    let plain = Served::ready(&world, &["-m", "random", "--draft-tokens", "0"]);
    let guessing = Served::ready(&world, &["-m", "random", "--draft", "random", "--draft-tokens", "4"]);
    for temperature in [0.0, 1.0] {
        for (seed, field) in [
            ("guided_json", schema()),
            ("guided_regex", json!("(ab|cd){3,9}")),
            ("guided_choice", json!(["yes", "no, never"])),
        ]
        .into_iter()
        .enumerate()
        {
            let mut asked = json!({"prompt": "a prompt that is longer than a block of the cache, which holds as many tokens as it does",
                                   "max_tokens": 70, "temperature": temperature, "seed": seed, "n": 3, "logprobs": 2});
            asked[field.0] = field.1;
            let expected = told(&plain, COMPLETIONS, &asked);
            assert_eq!(told(&guessing, COMPLETIONS, &asked), expected, "{asked}");
            asked["cache_prompt"] = false.into();
            assert_eq!(told(&plain, COMPLETIONS, &asked), expected, "{asked}");
        }
    }
    assert!(guessing.metric("vllm:spec_decode_num_draft_tokens_total") > 0.0);
}

#[test]
fn stop_strings_end_held_answers_too() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random"]);
    let asked = |stop: Value| json!({"prompt": "a", "guided_json": schema(), "max_tokens": 60, "temperature": 1, "seed": 4, "n": 2, "logprobs": 1, "stop": stop});
    let whole = told(&served, COMPLETIONS, &asked(Value::Null));
    for stop in ["\", \"", "size", "}"] {
        for ((text, .., end), (uncut, ..)) in told(&served, COMPLETIONS, &asked(json!([stop]))).iter().zip(&whole) {
            assert_eq!((text.as_str(), end), (uncut.split(stop).next().unwrap(), &json!("stop")), "{stop}");
        }
    }
    // one that does not occur holds nothing back in the end
    assert_eq!(told(&served, COMPLETIONS, &asked(json!(["large\"}x"]))), whole);
}

#[test]
fn tokens_of_text_do_not_end_held_answers() {
    let world = World::new().with_scripted();
    world.edit("scripted/config.json", |config| config["max_position_embeddings"] = 8192.into());
    let served = Served::ready(&world, &["-m", "scripted", "--ctx", "8192"]);
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let brace = crate::world::ids("}")[0];
    let chat = |more: Value| {
        let mut asked =
            json!({"messages": [{"role": "user", "content": "x"}], "max_tokens": 90, "stop_token_ids": [1, brace]});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asked
    };
    for bound in [
        json!({"guided_json": schema()}),
        json!({"guided_regex": "a*"}),
        json!({"tools": tools, "tool_choice": "required"}),
        json!({"tools": tools}),
    ] {
        let (message, param, _) = served.post(CHAT, &chat(bound.clone())).error(400);
        assert_eq!(param, "stop_token_ids", "{bound}: {message}");
    }
    served.ask(CHAT, chat(json!({})));
    served.ask(CHAT, chat(json!({"tools": tools, "tool_choice": "none"})));
    for ends in [json!([1]), json!([2]), json!([70_000]), json!([])] {
        let answer = served.ask(CHAT, chat(json!({"guided_json": schema(), "stop_token_ids": ends})));
        let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
        assert!(serde_json::from_str::<Value>(text).is_ok(), "{answer}");
    }
}

/// A model that says these pieces, and whose template knows thoughts: where they are off, the prompt has ended them.
fn thinker(pieces: &[&str]) -> World {
    let world = World::new().with_caller(pieces);
    world.edit("caller/tokenizer_config.json", |config| {
        let template = config["chat_template"].as_str().unwrap();
        config["chat_template"] = format!(
            "{{% if tools %}}T{{% endif %}}{template}{{% if enable_thinking == 'closed' %}}{{{{ '<think>\\n\\n</think>\\n' }}}}{{% endif %}}"
        )
        .into();
    });
    world
}

#[test]
fn where_thinking_is_off_a_held_answer_has_no_thoughts() {
    let world = thinker(&["<think>", "hm", "</think>", "\n\n", "{\"n\": 1}"]);
    let served = Served::ready(&world, &["-m", "caller"]);
    let schema =
        json!({"type": "object", "properties": {"n": {"const": 1}}, "required": ["n"], "additionalProperties": false});
    let ask = |more: Value| {
        let mut asked = json!({"messages": [{"role": "user", "content": "x"}], "temperature": 0, "max_tokens": 60, "guided_json": schema});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let told = told(&served, CHAT, &asked);
        let (text, thoughts, _, end) = told[0].clone();
        assert_eq!((text.as_str(), end), ("{\"n\": 1}", json!("stop")), "{more}");
        thoughts
    };
    assert_eq!(ask(json!({})), "hm");
    assert_eq!(ask(json!({"enable_thinking": true})), "hm");
    for off in [
        json!({"enable_thinking": false}),
        json!({"reasoning_effort": "none"}),
        json!({"thinking_token_budget": 0}),
        json!({"chat_template_kwargs": {"enable_thinking": false}}),
    ] {
        assert_eq!(ask(off), "");
    }
}

#[test]
fn space_between_thoughts_and_answer_is_neither() {
    let world = thinker(&["<think>", "hm", "</think>", "\n\n", " Yes."]);
    let served = Served::ready(&world, &["-m", "caller"]);
    let asked = |more: Value| {
        let mut asked = json!({"messages": [{"role": "user", "content": "x"}], "temperature": 0, "max_tokens": 30});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asked
    };
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    for more in [json!({}), json!({"tools": tools}), json!({"stop": ["."]})] {
        let dot = if more["stop"].is_null() { "." } else { "" };
        let (text, thoughts, ..) = &told(&served, CHAT, &asked(more))[0];
        assert_eq!((text.as_str(), thoughts.as_str()), (format!("Yes{dot}").as_str(), "hm"));
    }
    // what a grammar says is told as it is
    let (text, thoughts, ..) = &told(&served, CHAT, &asked(json!({"guided_regex": "\\n\\n Yes"})))[0];
    assert_eq!((text.as_str(), thoughts.as_str()), ("\n\n Yes", "hm"));
    // thoughts that the prompt has ended
    let world = thinker(&["\n", " Yes", " <think>."]);
    let served = Served::ready(&world, &["-m", "caller"]);
    let closed = json!({"chat_template_kwargs": {"enable_thinking": "closed"}});
    let (text, thoughts, ..) = &told(&served, CHAT, &asked(closed))[0];
    assert_eq!((text.as_str(), thoughts.as_str()), ("Yes <think>.", ""));
}

#[test]
fn a_call_that_is_torn_off_is_text() {
    let pieces = ["Well.", " ", "<tool_", "call>", "[\n{\"name\": \"now\", \"arguments\": {}}\n]", "</tool_call>"];
    let world = World::new().with_caller(&pieces);
    let served = Served::ready(&world, &["-m", "caller"]);
    let tools =
        json!([{"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}]);
    let told_of = |limit: usize, stop: Value| {
        let asked = json!({"messages": [{"role": "user", "content": "x"}], "temperature": 0, "tools": tools, "max_tokens": limit,
                           "logprobs": true, "stop": stop});
        let (text, _, tokens, end) = told(&served, CHAT, &asked).remove(0);
        assert!(tokens.len() <= limit, "{limit}: {text:?} {tokens:?}");
        (text, end)
    };
    let text = |text: &str| (text.to_owned(), json!("length"));
    assert_eq!(told_of(1, Value::Null), text("Well."));
    assert_eq!(told_of(2, Value::Null), text("Well. "));
    assert_eq!(told_of(3, Value::Null), text("Well. <tool_"));
    // no call is opened that could not be whole
    let (four, end) = told_of(4, Value::Null);
    assert!(four.starts_with("Well. <tool_") && !four.contains("<tool_call>") && end == "length", "{four}");
    let called = (String::from("Well.now{}"), json!("tool_calls"));
    assert_eq!(told_of(200, Value::Null), called);
    for inside in ["arguments", "tool_call", "{}", "]<"] {
        assert_eq!(told_of(200, json!([inside])), called, "{inside}");
    }
    assert_eq!(told_of(200, json!(["ll"])), (String::from("We"), json!("stop")));
}

/// A schema that takes about a second to compile, different for each number.
fn slow(number: usize) -> Value {
    let properties: Map<String, Value> =
        (0..2500).map(|i| (format!("p{number}_{i}"), json!({"type": "boolean"}))).collect();
    json!({"type": "object", "properties": {"a": {"type": "object", "properties": properties}}, "required": ["a"]})
}

#[test]
fn the_time_limit_covers_compiling_and_waiting_for_it() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random", "--request-limit", "0.05"]);
    let asked = |number: usize| json!({"prompt": "a", "guided_json": slow(number), "max_tokens": 1});
    assert_eq!(served.post(COMPLETIONS, &asked(0)).error(504).2, "timeout");
    let mut asked = asked(1);
    asked["stream"] = true.into();
    assert_eq!(served.post(COMPLETIONS, &asked).error(504).2, "timeout");
}

#[test]
fn grammars_that_are_kept_wait_for_no_turn() {
    let world = World::new().with_scripted();
    world.edit("scripted/config.json", |config| config["max_position_embeddings"] = 8192.into());
    let served = Served::ready(&world, &["-m", "scripted", "--ctx", "8192"]);
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let kept: Vec<Value> = ["required", "auto", "none"]
        .iter()
        .map(|choice| json!({"messages": [{"role": "user", "content": "x"}], "max_tokens": 90, "tools": tools, "tool_choice": choice}))
        .chain([json!({"messages": [{"role": "user", "content": "x"}], "max_tokens": 90, "guided_json": schema()})])
        .collect();
    kept.iter().for_each(|asked| drop(served.ask(CHAT, asked.clone())));
    let turns = (std::thread::available_parallelism().map_or(1, usize::from) / 2).max(1);
    let waiting: Vec<_> = (0..8 * turns)
        .map(|i| served.post_unread(COMPLETIONS, &json!({"prompt": "a", "guided_json": slow(i), "max_tokens": 1})))
        .collect();
    std::thread::sleep(std::time::Duration::from_millis(100));
    kept.iter().for_each(|asked| drop(served.ask(CHAT, asked.clone())));
    // those that take their time are still at it
    let open = waiting.iter().filter(|connection| {
        connection.set_nonblocking(true).unwrap();
        connection.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    });
    assert!(open.count() > 0);
    let last = waiting.into_iter().next().unwrap();
    last.set_nonblocking(false).unwrap();
    assert_eq!(Open::read_head(last).status, 400, "too short for it, and not forgotten");
}

#[test]
fn what_is_too_much_work_is_refused_before_the_answer() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random"]);
    let hard = json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "^[ab]*a[ab]{17}$"}}, "required": ["a"]});
    let (message, param, code) =
        served.post(COMPLETIONS, &json!({"prompt": "a", "guided_json": hard, "max_tokens": 90})).error(400);
    assert_eq!(message, "guided_json: $.properties.a: it takes too much work to find out how it ends soonest");
    assert_eq!((param, code), (json!("guided_json"), json!("invalid_grammar")));
    // behind the first `a` there is more than can be looked through
    let is_deep = |text: &str| {
        let (bytes, of_both) = (text.as_bytes(), |byte: &u8| b"ab".contains(byte));
        text == "x"
            || bytes.len() >= 17 && bytes[0] == b'a' && bytes[bytes.len() - 16] == b'a' && bytes.iter().all(of_both)
    };
    assert!(is_deep(&"a".repeat(17)) && !is_deep(&format!("ab{}", "a".repeat(15))) && !is_deep("a"));
    let deep = json!({"type": "string", "pattern": "^(x|a[ab]*a[ab]{15})$"});
    for seed in 0..4 {
        let asked = json!({"prompt": "a", "guided_json": deep, "max_tokens": 40, "temperature": 1, "seed": seed});
        let (text, _, _, end) = told(&served, COMPLETIONS, &asked).remove(0);
        assert!(serde_json::from_str::<String>(&text).is_ok_and(|text| is_deep(&text)) && end == "stop", "{text}");
    }
}
