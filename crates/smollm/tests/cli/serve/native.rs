//! `/completion` and what else llama-server's clients expect, and the options that say what applies where a request does not.

use super::client::Served;
use crate::world::{SCRIPT, World, ids};
use serde_json::{Value, json};

const PATH: &str = "/completion";

fn scripted(options: &[&str]) -> (World, Served) {
    let world = World::new().with_scripted();
    let served = Served::ready(&world, &[&["-m", "scripted", "--temperature", "0"], options].concat());
    (world, served)
}

/// The pieces of a stream, which no `[DONE]` ends.
fn pieces(served: &Served, mut body: Value) -> Vec<Value> {
    body["stream"] = true.into();
    let answer = served.post(PATH, &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text.split("\n\n").filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok()).collect()
}

#[test]
fn a_prompt_is_continued() {
    let (_world, served) = scripted(&[]);
    let answer = served.ask(PATH, json!({"prompt": "\n", "seed": 7, "return_tokens": true}));
    let facts = ["content", "stop_type", "truncated", "stop", "index"].map(|key| &answer[key]);
    assert_eq!(facts, [&json!(SCRIPT), &json!("eos"), &json!(false), &json!(true), &json!(0)]);
    assert_eq!((&answer["tokens"], &answer["prompt"]), (&json!(ids(SCRIPT)), &json!("\n")));
    assert_eq!((&answer["tokens_evaluated"], &answer["tokens_predicted"]), (&json!(1), &json!(ids(SCRIPT).len())));
    let settings = &answer["generation_settings"];
    assert_eq!(
        (&settings["seed"], &settings["n_predict"], &settings["temperature"]),
        (&json!(7), &json!(-1), &json!(0.0))
    );
    let timings = &answer["timings"];
    assert_eq!((&timings["prompt_n"], &timings["predicted_n"]), (&json!(1), &answer["tokens_predicted"]));
    assert!(timings["prompt_ms"].as_f64().unwrap() > 0.0 && timings["predicted_per_second"].as_f64().unwrap() > 0.0);
    // the same under the other name, and no ids unless asked for
    let other = served.ask("/completions", json!({"prompt": "\n", "n_predict": 3}));
    let facts = ["content", "stop_type", "tokens"].map(|key| &other[key]);
    assert_eq!(facts, [&json!(SCRIPT[..3]), &json!("limit"), &json!([])]);
    let (before, _) = SCRIPT.split_once('€').unwrap();
    let stopped = served.ask(PATH, json!({"prompt": "\n", "stop": ["€"]}));
    let facts = ["content", "stop_type", "stopping_word"].map(|key| &stopped[key]);
    assert_eq!(facts, [&json!(before), &json!("word"), &json!("€")]);
    let full = served.ask(PATH, json!({"prompt": "\n", "ignore_eos": true}));
    assert_eq!((&full["truncated"], &full["stop_type"]), (&json!(true), &json!("limit")));
    let biases = full["generation_settings"]["logit_bias"].as_array().unwrap();
    assert!(!biases.is_empty() && biases.iter().all(|entry| entry["bias"].is_null()), "{biases:?}");
}

#[test]
fn prompts_come_in_all_forms() {
    let (_world, served) = scripted(&[]);
    let contents = |prompt: Value| -> Vec<Value> {
        let answer = served.ask(PATH, json!({"prompt": prompt}));
        let list = answer.as_array().cloned().unwrap_or_else(|| vec![answer]);
        assert!(list.iter().enumerate().all(|(index, answer)| answer["index"] == index));
        list.iter().map(|answer| answer["content"].clone()).collect()
    };
    assert_eq!(contents(json!(["\n", ids("\n"), {"prompt_string": "H"}])), [SCRIPT, SCRIPT, &SCRIPT[1..]]);
    let mut mixed = vec![json!("x"), json!("\n")];
    mixed.extend(ids("H").into_iter().map(Value::from));
    assert_eq!(contents(json!(mixed)), [&SCRIPT[1..]]);
    assert_eq!(contents(json!([[ids("x")[0], "\n"]])), [SCRIPT]);
    let several = served
        .ask(PATH, json!({"prompt": "\n", "n": 2, "response_fields": ["content", "timings/predicted_n", "none"]}));
    assert_eq!(several[1], json!({"content": SCRIPT, "timings/predicted_n": ids(SCRIPT).len()}));
}

#[test]
fn what_cannot_be_honoured_is_refused() {
    let (_world, served) = scripted(&[]);
    let refused = |more: Value, param: &str| {
        let mut body = json!({"prompt": "\n"});
        more.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
        let (message, given, _) = served.post(PATH, &body).error(400);
        assert_eq!(given, param, "{message}");
    };
    refused(json!({"n_predict": -3}), "n_predict");
    refused(json!({"n_probs": 101}), "logprobs");
    refused(json!({"repeat_last_n": 64, "repeat_penalty": 1.1}), "repeat_last_n");
    refused(json!({"post_sampling_probs": true}), "post_sampling_probs");
    refused(json!({"grammar": "root ::= b"}), "grammar");
    refused(json!({"prompt": {"prompt_string": "a", "multimodal_data": ["AAAA"]}}), "prompt.multimodal_data");
    refused(json!({"logit_bias": [[1, true]]}), "logit_bias");
    let usual = json!({"prompt": "\n", "repeat_last_n": 64, "mirostat_tau": 5, "dynatemp_exponent": 1, "n_keep": 0, "id_slot": -1});
    assert_eq!(served.post(PATH, &usual).header("x-ignored-params"), None);
    let long: Vec<u32> = vec![5; 600];
    let answer = served.post(PATH, &json!({"prompt": long})).json(400);
    let error = ["type", "code", "n_prompt_tokens", "n_ctx"].map(|key| &answer["error"][key]);
    let (kind, code) = (json!("exceed_context_size_error"), json!("context_length_exceeded"));
    assert_eq!(error, [&kind, &code, &json!(600), &json!(512)]);
}

#[test]
fn a_stream_is_the_same_continuation_in_pieces() {
    let (_world, served) = scripted(&[]);
    let asked = json!({"prompt": "\n", "n_probs": 3, "return_progress": true, "timings_per_token": true});
    let pieces = pieces(&served, asked.clone());
    let progress: Vec<&Value> = pieces.iter().filter(|piece| piece["prompt_progress"].is_object()).collect();
    assert_eq!((progress.len(), &progress[0]["prompt_progress"]["processed"]), (2, &json!(0)));
    assert_eq!((&progress[0]["timings"]["prompt_n"], &progress[1]["timings"]["prompt_n"]), (&json!(0), &json!(1)));
    let (last, text) = pieces[2..].split_last().unwrap();
    assert_eq!(text.iter().filter_map(|piece| piece["content"].as_str()).collect::<String>(), SCRIPT);
    let whole = served.ask(PATH, asked);
    let probabilities: Vec<&Value> =
        text.iter().flat_map(|piece| piece["completion_probabilities"].as_array().unwrap()).collect();
    assert_eq!(json!(probabilities), whole["completion_probabilities"]);
    let (first, top) = (probabilities[0], &probabilities[0]["top_logprobs"]);
    assert_eq!((&first["id"], top.as_array().unwrap().len()), (&json!(ids(SCRIPT)[0]), 3));
    assert!(text.iter().all(|piece| piece["stop"] == false && piece["timings"].is_object()));
    assert_eq!((&last["stop"], &last["content"], &last["stop_type"]), (&json!(true), &json!(""), &json!("eos")));
    assert_eq!(last["generation_settings"]["stream"], true);
}

#[test]
fn prompts_of_chats_are_counted() {
    let (_world, served) = scripted(&[]);
    let messages = json!([{"role": "user", "content": "x"}]);
    let counted = served.ask("/v1/chat/completions/input_tokens", json!({"messages": messages}));
    let answer = served.ask("/v1/chat/completions", json!({"messages": messages, "max_tokens": 1}));
    assert_eq!(counted["input_tokens"], answer["usage"]["prompt_tokens"]);
    assert_eq!(answer["timings"]["predicted_n"], 1);
    let both = json!({"messages": messages, "add_generation_prompt": true, "continue_final_message": true});
    assert_eq!(served.post("/v1/chat/completions", &both).error(400).1, "continue_final_message");
}

#[test]
fn the_operator_says_what_applies_where_a_request_does_not() {
    let world = World::new().with_random();
    world.write("own.jinja", "{{ messages[0].content }}{% if enable_thinking %} hm{% endif %}!");
    let options = "-m random --alias tiny --seed 11 --temperature 2 --max-tokens 5 --chat-template own.jinja --thinking on --pooling last";
    let served = Served::ready(&world, &options.split(' ').collect::<Vec<_>>());
    let props = served.get("/props").json(200);
    let params = &props["default_generation_settings"]["params"];
    assert_eq!([&params["seed"], &params["temperature"], &params["n_predict"]], [&json!(11), &json!(2.0), &json!(5)]);
    assert_eq!(served.get("/v1/models").json(200)["data"][0]["id"], "tiny");
    let messages = json!([{"role": "user", "content": "x"}]);
    let prompt = |more: Value| served.ask("/apply-template", more)["prompt"].clone();
    assert_eq!(prompt(json!({"messages": messages})), "x hm!");
    assert_eq!(prompt(json!({"messages": messages, "reasoning_effort": "none"})), "x!");
    let ask = |more: &str| {
        let mut body: Value = serde_json::from_str(more).unwrap();
        body["prompt"] = "a".into();
        served.ask(PATH, body)["content"].clone()
    };
    assert_eq!(ask("{}"), ask(r#"{"seed": 11, "n_predict": 5, "temperature": 2}"#));
    assert_ne!(ask("{}"), ask(r#"{"seed": 12}"#));
    let embed = |more: Value| served.ask("/v1/embeddings", more)["data"].clone();
    assert_eq!(embed(json!({"input": "abc"})), embed(json!({"input": "abc", "pooling": "last"})));
    let wrong = world.run(&["serve", "-m", "random", "--temperature", "-1"]);
    assert!(wrong.err.contains("temperature is -1"), "{}", wrong.err);
}

#[test]
fn what_the_server_does_need_not_be_told() {
    let (_world, served) = scripted(&["--no-slots", "--no-metrics", "--cors", "localhost"]);
    for path in ["/slots", "/metrics"] {
        let answer = served.get(path).json(501);
        assert_eq!(answer["error"]["type"], "not_supported_error");
    }
    let allowed = |origin: &str| {
        let answer = served.open("GET", "/health", &[("origin", origin)], b"").read();
        answer.header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(allowed("http://localhost:3000").as_deref(), Some("http://localhost:3000"));
    assert_eq!(allowed("http://localhost.example"), None);
}
