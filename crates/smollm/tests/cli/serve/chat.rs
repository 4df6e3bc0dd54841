//! `/v1/chat/completions`.

use super::client::Served;
use crate::world::{SCRIPT, World};
use serde_json::{Value, json};

const PATH: &str = "/v1/chat/completions";

fn scripted() -> (World, Served) {
    let world = World::new().with_scripted();
    let served = Served::ready(&world, &["-m", "scripted"]);
    (world, served)
}

fn body(more: Value) -> Value {
    let mut body = json!({"model": "any", "messages": [{"role": "user", "content": "x"}], "temperature": 0});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

#[test]
fn a_conversation_is_answered() {
    let (_world, served) = scripted();
    let answer = served.ask(PATH, body(json!({})));
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"], json!({"role": "assistant", "content": SCRIPT, "refusal": null}));
    assert_eq!((&choice["finish_reason"], &choice["logprobs"]), (&json!("stop"), &Value::Null));
    assert_eq!((&answer["object"], &answer["model"]), (&json!("chat.completion"), &json!("any")));
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(answer["system_fingerprint"].as_str().unwrap().starts_with("b0."));
    let usage = &answer["usage"];
    let (prompt, generated) = (usage["prompt_tokens"].as_u64().unwrap(), usage["completion_tokens"].as_u64().unwrap());
    assert!(prompt > 0 && generated as usize == SCRIPT.len(), "{usage}"); // the vocabulary spells bytes
    assert_eq!(usage["total_tokens"], prompt + generated);
    // the same once more finds its prompt in the cache
    let again = served.ask(PATH, body(json!({})));
    assert_eq!(again["choices"], answer["choices"]);
    let parts = json!([{"type": "text", "text": "x"}]);
    let parts = served.ask(PATH, body(json!({"messages": [{"role": "user", "content": parts}]})));
    assert_eq!(parts["choices"], answer["choices"]);
}

#[test]
fn a_stream_is_the_same_answer_in_pieces() {
    let (_world, served) = scripted();
    let whole = served.ask(PATH, body(json!({"logprobs": true, "top_logprobs": 2, "n": 2})));
    let asked = body(json!({"logprobs": true, "top_logprobs": 2, "n": 2, "stream_options": {"include_usage": true}}));
    let events = served.stream(PATH, asked);
    for index in 0..2 {
        let mine = || events.iter().flat_map(|e| e["choices"].as_array().unwrap()).filter(|c| c["index"] == index);
        assert_eq!(mine().next().unwrap()["delta"], json!({"role": "assistant", "content": null}));
        let text: String = mine().filter_map(|c| c["delta"]["content"].as_str()).collect();
        assert_eq!(text, SCRIPT);
        assert!(mine().all(|c| !c["delta"].to_string().contains('\u{FFFD}')), "characters stay whole");
        let reasons: Vec<_> = mine().map(|c| c["finish_reason"].clone()).filter(|r| !r.is_null()).collect();
        assert_eq!(reasons, ["stop"]);
        let tokens: Vec<Value> =
            mine().filter_map(|c| c["logprobs"]["content"].as_array()).flatten().cloned().collect();
        assert_eq!(json!(tokens), whole["choices"][index]["logprobs"]["content"]);
    }
    let (last, others) = events.split_last().unwrap();
    assert!(others.iter().all(|event| event["usage"].is_null() && event.get("usage").is_some()));
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["completion_tokens"], whole["usage"]["completion_tokens"]);
    assert!(events.iter().all(|event| event["id"] == events[0]["id"] && event["object"] == "chat.completion.chunk"));
    // without being asked for, there is no usage
    assert!(served.stream(PATH, body(json!({}))).iter().all(|event| event.get("usage").is_none()));
    let timed = served.stream(PATH, body(json!({"timings_per_token": true})));
    assert!(timed[0].get("timings").is_none(), "the first piece says only who speaks");
    assert!(timed[1..].iter().all(|event| event["timings"]["prompt_n"].is_u64()), "{timed:?}");
}

#[test]
fn log_probabilities_belong_to_the_tokens_of_the_text() {
    let (_world, served) = scripted();
    let answer = served.ask(PATH, body(json!({"logprobs": true, "top_logprobs": 3})));
    let tokens = answer["choices"][0]["logprobs"]["content"].as_array().unwrap();
    let bytes: Vec<u8> =
        tokens.iter().flat_map(|t| serde_json::from_value::<Vec<u8>>(t["bytes"].clone()).unwrap()).collect();
    assert_eq!(bytes, SCRIPT.as_bytes());
    for token in tokens {
        let top = token["top_logprobs"].as_array().unwrap();
        assert_eq!((top.len(), &top[0]["bytes"], &top[0]["logprob"]), (3, &token["bytes"], &token["logprob"]));
        assert!(token["logprob"].as_f64().unwrap() <= 0.0);
    }
    let refused = served.post(PATH, &body(json!({"top_logprobs": 3}))).error(400);
    assert_eq!(refused.1, "top_logprobs");
}

#[test]
fn answers_end_where_they_are_told_to() {
    let (_world, served) = scripted();
    let say = |more: Value| {
        let answer = served.ask(PATH, body(more));
        let choice = &answer["choices"][0];
        (
            choice["message"]["content"].as_str().unwrap().to_owned(),
            choice["finish_reason"].as_str().unwrap().to_owned(),
        )
    };
    let pair = |text: &str, reason: &str| (text.to_owned(), reason.to_owned());
    assert_eq!(say(json!({"stop": "é"})), pair("Hi €", "stop"));
    assert_eq!(say(json!({"stop": ["nothing", "i €é"]})), pair("H", "stop"));
    assert_eq!(say(json!({"max_tokens": 2})), pair("Hi", "length"));
    assert_eq!(say(json!({"n_predict": 2})), pair("Hi", "length"));
    assert_eq!(say(json!({"max_completion_tokens": 1, "max_tokens": 2})), pair("H", "length"));
    // half a character is shown as what it is
    assert_eq!(say(json!({"max_tokens": 4})), pair("Hi \u{FFFD}", "length"));
    let banned = crate::world::ids("i")[0].to_string();
    assert_eq!(say(json!({"logit_bias": {banned: -100}, "max_tokens": 1})), pair("H", "length"));
    let stream = served.stream(PATH, body(json!({"stop": "é😀"})));
    let text: String = stream.iter().filter_map(|e| e["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, "Hi €");
}

#[test]
fn the_same_seed_is_the_same_answer_whatever_runs_beside_it() {
    let world = World::new().with_scripted();
    let served = Served::ready(&world, &["-m", "scripted"]);
    let asked =
        |seed: i64| body(json!({"temperature": 40, "seed": seed, "max_tokens": 24, "n": 2, "ignore_eos": true}));
    let alone: Vec<Value> = (0..4).map(|seed| served.ask(PATH, asked(seed))["choices"].clone()).collect();
    assert_ne!(alone[0], alone[1]);
    assert_ne!(alone[0][0]["message"], alone[0][1]["message"], "choices are drawn on their own");
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|i| {
                scope.spawn({
                    let served = &served;
                    move || served.ask(PATH, asked(i % 4))["choices"].clone()
                })
            })
            .collect();
        for (i, thread) in threads.into_iter().enumerate() {
            assert_eq!(thread.join().unwrap(), alone[i % 4]);
        }
    });
    let fresh =
        |_| served.ask(PATH, body(json!({"temperature": 40, "max_tokens": 24, "ignore_eos": true})))["choices"].clone();
    let drawn: Vec<Value> = (0..2).map(fresh).collect();
    assert_ne!(drawn[0], drawn[1], "without a seed each answer is drawn anew");
}

#[test]
fn what_cannot_be_honoured_is_refused_and_what_is_unknown_is_named() {
    let (_world, served) = scripted();
    let refused = |more: Value, param: &str, code: Value| {
        let (message, given, word) = served.post(PATH, &body(more.clone())).error(400);
        assert_eq!((given, word), (json!(param), code), "{more}: {message}");
    };
    let unsupported = || json!("unsupported_parameter");
    refused(json!({"functions": [{"name": "f"}]}), "functions", unsupported());
    refused(json!({"reasoning_effort": "high"}), "reasoning_effort", unsupported());
    refused(json!({"reasoning_effort": "huge"}), "reasoning_effort", Value::Null);
    refused(json!({"thinking": {"type": "perhaps"}}), "thinking.type", Value::Null);
    refused(json!({"temperature": -1}), "temperature", Value::Null);
    refused(json!({"top_p": 0}), "top_p", Value::Null);
    refused(json!({"n": 0}), "n", Value::Null);
    refused(json!({"n": 4_000_000}), "n", Value::Null);
    refused(json!({"stop_token_ids": vec![1; 5000]}), "stop_token_ids", Value::Null);
    let biases: serde_json::Map<_, _> = (0..5000).map(|id| (id.to_string(), json!(0))).collect();
    refused(json!({"logit_bias": biases}), "logit_bias", Value::Null);
    refused(json!({"logit_bias": {"999": 1}}), "logit_bias", Value::Null);
    refused(json!({"max_tokens": -2}), "max_tokens", Value::Null);
    refused(json!({"repeat_last_n": 64, "repeat_penalty": 1.1}), "repeat_last_n", unsupported());
    refused(json!({"n_probs": 2}), "n_probs", unsupported());
    refused(json!({"reasoning": {"exclude": true}}), "reasoning.exclude", unsupported());
    refused(
        json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
        "messages[0].content[0]",
        unsupported(),
    );
    let known =
        body(json!({"user": "u", "metadata": {}, "service_tier": "auto", "prompt_cache_key": "k", "tools": []}));
    let answer = served.post(PATH, &known);
    assert_eq!((answer.status, answer.header("x-ignored-params")), (200, None), "{answer:?}");
    let answer = served.post(PATH, &body(json!({"temprature": 1, "stream_options": {"colour": 1}})));
    assert_eq!((answer.status, answer.header("x-ignored-params")), (200, Some("stream_options.colour, temprature")));
}

#[test]
fn a_prompt_that_is_too_long_is_refused_with_both_numbers() {
    let (_world, served) = scripted();
    let long = body(json!({"messages": [{"role": "user", "content": "0".repeat(600)}]}));
    let (message, _, code) = served.post(PATH, &long).error(400);
    assert_eq!(code, "context_length_exceeded");
    assert!(
        message.starts_with("the prompt is too long: it has 6") && message.contains("context size of 512"),
        "{message}"
    );
}

#[test]
fn templates_get_their_variables_and_answers_their_beginning() {
    let (_world, served) = scripted();
    let prompt = |more: Value| served.ask("/apply-template", body(more))["prompt"].as_str().unwrap().to_owned();
    let plain = "<|im_start|>user\nx<|im_end|>\n";
    assert_eq!(prompt(json!({})), format!("{plain}<|im_start|>assistant\n"));
    assert_eq!(prompt(json!({"add_generation_prompt": false})), plain);
    let mood = prompt(json!({"chat_template_kwargs": {"mood": "gay"}}));
    assert_eq!(mood, format!("[gay]{plain}<|im_start|>assistant\n"));
    let begun = json!({"continue_final_message": true,
                       "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "\nH"}]});
    assert_eq!(prompt(begun.clone()), format!("{plain}<|im_start|>assistant\n\nH"));
    let answer = served.ask(PATH, body(begun));
    assert_eq!(answer["choices"][0]["message"]["content"], SCRIPT[1..]);
    assert_eq!(
        served.post(PATH, &body(json!({"continue_final_message": true}))).error(400).1,
        "continue_final_message"
    );
    assert_eq!(served.post(PATH, &body(json!({"messages": []}))).error(400).1, "messages");
    // nothing need come before it, and nothing of it is lost
    let alone = |last: Value| json!({"continue_final_message": true, "messages": [last]});
    let said = |more: Value| {
        let mut last = json!({"role": "assistant", "content": "H"});
        more.as_object().unwrap().iter().for_each(|(key, value)| last[key] = value.clone());
        alone(last)
    };
    assert_eq!(prompt(said(json!({}))), "<|im_start|>assistant\nH");
    let refused = |more: Value| served.post(PATH, &body(said(more))).error(400).1;
    assert_eq!(refused(json!({"function_call": {"name": "f"}})), "messages[0].function_call");
    assert_eq!(refused(json!({"reasoning_content": "hm"})), "messages[0].reasoning_content", "it cannot think");
    assert_eq!(prompt(json!({"add_special_tokens": false})), prompt(json!({})));
}

#[test]
fn thoughts_are_told_apart() {
    let world = World::new().with_scripted();
    // the prompt itself opens the thoughts, and what the script says is where they end
    world.edit("scripted/tokenizer_config.json", |config| {
        let template = config["chat_template"].as_str().unwrap().to_owned();
        let switch = "{% if enable_thinking is undefined or enable_thinking %}{{ '<think>\\n' }}{% endif %}";
        config["chat_template"] = format!("{template}{switch}").into();
    });
    let served = Served::ready(&world, &["-m", "scripted"]);
    let message = |more: Value| served.ask(PATH, body(more))["choices"][0]["message"].clone();
    let thought = json!({"role": "assistant", "content": "", "reasoning_content": SCRIPT, "refusal": null});
    let said = json!({"role": "assistant", "content": SCRIPT, "refusal": null});
    assert_eq!(message(json!({})), thought);
    assert_eq!(message(json!({"reasoning_effort": "high"})), thought);
    assert_eq!(message(json!({"reasoning_effort": "none"})), said);
    assert_eq!(message(json!({"chat_template_kwargs": {"enable_thinking": false}})), said);
    let events = served.stream(PATH, body(json!({})));
    let piece =
        |key: &str| -> String { events.iter().filter_map(|e| e["choices"][0]["delta"][key].as_str()).collect() };
    assert_eq!((piece("content"), piece("reasoning_content")), (String::new(), SCRIPT.to_owned()));
    let usage = &served.ask(PATH, body(json!({})))["usage"];
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], usage["completion_tokens"]);
    // thoughts that the request begins are gone on with, and those that it ends are at an end
    let begun =
        |last: Value| json!({"continue_final_message": true, "messages": [{"role": "user", "content": "x"}, last]});
    let prefix = begun(json!({"role": "assistant", "content": "<think>\nH"}));
    let rest = json!({"role": "assistant", "content": "", "reasoning_content": SCRIPT[1..], "refusal": null});
    assert_eq!(message(prefix.clone()), rest);
    let beside = begun(json!({"role": "assistant", "content": null, "reasoning_content": "H"}));
    assert_eq!(message(beside.clone()), rest);
    let prompt = |more: Value| served.ask("/apply-template", body(more))["prompt"].clone();
    assert_eq!(prompt(beside), prompt(prefix));
    let ended = begun(json!({"role": "assistant", "content": "H", "reasoning_content": "hm"}));
    assert!(prompt(ended.clone()).as_str().unwrap().ends_with("assistant\n<think>\nhm\n</think>\n\nH"));
    assert_eq!(message(ended), json!({"role": "assistant", "content": SCRIPT[1..], "refusal": null}));
}
