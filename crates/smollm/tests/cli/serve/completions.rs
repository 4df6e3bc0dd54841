//! `/v1/completions`.

use super::client::Served;
use crate::world::{SCRIPT, World, ids};
use serde_json::{Value, json};

const PATH: &str = "/v1/completions";

#[test]
fn texts_and_ids_are_continued() {
    let world = World::new().with_scripted();
    let served = Served::ready(&world, &["-m", "scripted"]);
    let ask = |prompt: Value| served.ask(PATH, json!({"prompt": prompt, "temperature": 0, "max_tokens": -1}));
    let texts = |answer: &Value| -> Vec<String> {
        let choices = answer["choices"].as_array().unwrap();
        assert!(choices.iter().enumerate().all(|(i, choice)| choice["index"] == i));
        choices.iter().map(|choice| choice["text"].as_str().unwrap().to_owned()).collect()
    };
    let one = ask(json!("\n"));
    assert_eq!((texts(&one), &one["object"]), (vec![SCRIPT.to_owned()], &json!("text_completion")));
    assert_eq!(one["model"], "scripted");
    assert_eq!(texts(&ask(json!(["\n", "H"]))), [SCRIPT, &SCRIPT[1..]]);
    assert_eq!(texts(&ask(json!(ids("\nHi")))), [&SCRIPT[2..]]);
    let both = ask(json!([ids("\n"), ids("Hi")]));
    assert_eq!(texts(&both), [SCRIPT, &SCRIPT[2..]]);
    assert_eq!(both["usage"]["prompt_tokens"], 3);
    // OpenAI's limit is 16 tokens
    let short = served.ask(PATH, json!({"prompt": "\n", "temperature": 0, "ignore_eos": true}));
    assert_eq!(
        (&short["usage"]["completion_tokens"], &short["choices"][0]["finish_reason"]),
        (&json!(16), &json!("length"))
    );
    for (prompt, param) in [(json!([]), "prompt"), (json!({"a": 1}), "prompt"), (json!([[1], 2]), "prompt[1]")] {
        let (message, given, _) = served.post(PATH, &json!({"prompt": prompt})).error(400);
        assert_eq!(given, param, "{message}");
    }
    served.post(PATH, &json!({"prompt": ""})).error(400);
    served.post(PATH, &json!({"prompt": [999_999]})).error(400);
}

/// As `lm_eval --model local-completions` asks: all that it reads of an answer must add up to what `score` says.
#[test]
fn echoed_prompts_have_the_log_probabilities_of_score() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random"]);
    let text = "The quick é fox 12";
    let score = world.run(&["score", "-m", "random", text, "--json"]).json();
    let expected: Vec<f64> = score["logprobs"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
    let ids = ids(text);
    let asked = json!({"prompt": [ids.clone(), ids[..5].to_vec()], "max_tokens": 1, "logprobs": 1, "echo": true, "temperature": 0, "seed": 1234});
    let answer = served.ask(PATH, asked.clone());
    let choice = &answer["choices"][0];
    let logprobs = &choice["logprobs"];
    let given: Vec<f64> =
        logprobs["token_logprobs"].as_array().unwrap()[1..].iter().map(|p| p.as_f64().unwrap()).collect();
    assert_eq!((given.len(), logprobs["token_logprobs"][0].is_null()), (ids.len(), true));
    assert!(expected.len() >= ids.len() - 1, "{score}");
    let expected = &expected[expected.len() - (ids.len() - 1)..];
    for (given, expected) in given.iter().zip(expected) {
        assert!((given - expected).abs() < 1e-4, "{given} {expected}");
    }
    for (index, top) in logprobs["top_logprobs"].as_array().unwrap().iter().enumerate().skip(1) {
        let best = top.as_object().unwrap().values().map(|p| p.as_f64().unwrap()).fold(f64::MIN, f64::max);
        assert!(best >= given[index - 1], "{top}");
    }
    let lengths =
        ["tokens", "token_logprobs", "top_logprobs", "text_offset"].map(|key| logprobs[key].as_array().unwrap().len());
    assert_eq!(lengths, [ids.len() + 1; 4]);
    assert!(choice["text"].as_str().unwrap().starts_with(text));
    // the offsets point at the tokens
    let whole: Vec<char> = choice["text"].as_str().unwrap().chars().collect();
    for (token, offset) in
        logprobs["tokens"].as_array().unwrap().iter().zip(logprobs["text_offset"].as_array().unwrap())
    {
        let (token, offset) = (token.as_str().unwrap(), offset.as_u64().unwrap() as usize);
        let there: String = whole[offset..].iter().take(token.chars().count()).collect();
        assert!(token.starts_with("bytes:") || there == token || whole.contains(&'\u{FFFD}'), "{token:?} {there:?}");
    }
    // streams say the same
    let events = served.stream(PATH, asked);
    let streamed: Vec<Value> = events
        .iter()
        .flat_map(|e| e["choices"].as_array().unwrap())
        .filter(|c| c["index"] == 0)
        .filter_map(|c| c["logprobs"]["token_logprobs"].as_array())
        .flatten()
        .cloned()
        .collect();
    assert_eq!(json!(streamed), logprobs["token_logprobs"]);
    // nothing but the prompt
    let only = served.ask(PATH, json!({"prompt": text, "max_tokens": 0, "logprobs": 0, "echo": true}));
    assert_eq!((&only["choices"][0]["text"], &only["usage"]["completion_tokens"]), (&json!(text), &json!(0)));
    assert_eq!(only["choices"][0]["logprobs"]["tokens"].as_array().unwrap().len(), ids.len());
}

#[test]
fn a_stream_is_the_same_continuation_in_pieces() {
    let world = World::new().with_scripted();
    let served = Served::ready(&world, &["-m", "scripted"]);
    let asked = json!({"prompt": ["\n", "H"], "temperature": 0, "logprobs": 2, "n": 2, "max_tokens": 64});
    let whole = served.ask(PATH, asked.clone());
    let mut with_usage = asked;
    with_usage["stream_options"] = json!({"include_usage": true});
    let events = served.stream(PATH, with_usage);
    for index in 0..4 {
        let mine = || events.iter().flat_map(|e| e["choices"].as_array().unwrap()).filter(|c| c["index"] == index);
        let text: String = mine().filter_map(|c| c["text"].as_str()).collect();
        assert_eq!(text, whole["choices"][index]["text"]);
        for key in ["tokens", "token_logprobs", "text_offset"] {
            let list: Vec<Value> = mine().filter_map(|c| c["logprobs"][key].as_array()).flatten().cloned().collect();
            assert_eq!(json!(list), whole["choices"][index]["logprobs"][key], "{key}");
        }
        let reasons: Vec<_> = mine().map(|c| c["finish_reason"].clone()).filter(|r| !r.is_null()).collect();
        assert_eq!(json!(reasons), json!(["stop"]));
    }
    assert_eq!(events.last().unwrap()["usage"]["completion_tokens"], whole["usage"]["completion_tokens"]);
    let progress = served.stream(PATH, json!({"prompt": "abc", "max_tokens": 1, "return_progress": true}));
    let read = |event: &Value| ["total", "cache", "processed"].map(|key| event["prompt_progress"][key].as_u64());
    assert_eq!([read(&progress[0]), read(&progress[1])], [[Some(3), Some(0), Some(0)], [Some(3), Some(0), Some(3)]]);
}
