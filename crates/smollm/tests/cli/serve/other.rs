//! The endpoints beside OpenAI's: tokens, state, metrics, the document.

use super::client::Served;
use crate::world::{World, ids, numbers};
use serde_json::json;

#[test]
fn tokens_and_text() {
    let world = World::new().with_scripted();
    let served = Served::ready(&world, &["-m", "scripted"]);
    let text = "Hi <|im_end|>é";
    let answer = served.ask("/tokenize", json!({"content": text}));
    assert_eq!(numbers(&answer["tokens"]), ids(text));
    assert_eq!((answer["count"].as_u64(), &answer["max_model_len"]), (Some(ids(text).len() as u64), &json!(512)));
    assert_eq!(served.ask("/tokenize", json!({"prompt": text})), answer);
    assert!(
        served.ask("/tokenize", json!({"content": text, "parse_special": false}))["count"].as_u64()
            > answer["count"].as_u64()
    );
    let pieces = served.ask("/tokenize", json!({"content": "é!", "with_pieces": true}));
    let bytes = "é!".bytes().map(|byte| ids_of_byte(&served, byte)).collect::<Vec<_>>();
    assert_eq!(
        pieces["tokens"],
        json!([{"id": bytes[0], "piece": [0xC3]}, {"id": bytes[1], "piece": [0xA9]}, {"id": bytes[2], "piece": "!"}])
    );
    let back = served.ask("/detokenize", json!({"tokens": ids(text)}));
    assert_eq!((&back["content"], &back["prompt"]), (&json!(text), &json!(text)));
    assert_eq!(served.post("/tokenize", &json!({})).error(400).1, "content");
    assert_eq!(served.post("/detokenize", &json!({"tokens": [-1]})).error(400).1, "tokens[0]");
    assert_eq!(served.post("/detokenize", &json!({"tokens": [5, 99999]})).error(400).1, "tokens[1]");
}

#[test]
fn the_tokenizer_is_described() {
    let world = World::new().with_scripted();
    let served = Served::ready(&world, &["-m", "scripted"]);
    let info = served.get("/tokenizer_info").json(200);
    let roles = ["bos_token", "eos_token", "add_bos_token", "model_max_length"].map(|key| info[key].clone());
    assert_eq!(roles, [json!("<|im_start|>"), json!("<|im_end|>"), json!(false), json!(512)]);
    assert!(info["chat_template"].as_str().unwrap().contains("im_start"));
    // with which lm_eval makes the same ids as with the files
    let encode =
        |text: &str| served.ask("/tokenize", json!({"prompt": text, "add_special_tokens": false}))["tokens"].clone();
    assert_eq!(numbers(&encode("<|im_end|>")), ids("<|im_end|>"));
}

/// The id of a byte in the synthetic vocabulary.
fn ids_of_byte(_: &Served, byte: u8) -> u32 {
    let tokenizer = crate::world::tokenizer();
    (0..320).find(|&id| tokenizer.token_bytes(id).is_some_and(|bytes| *bytes == [byte])).unwrap()
}

#[test]
fn the_state_of_the_server() {
    let world = World::new().with_scripted();
    let served = Served::ready(&world, &["-m", "scripted", "--parallel", "3"]);
    assert_eq!(served.get("/health").json(200), json!({"status": "ok"}));
    assert_eq!(served.get("/ready").status, 200);
    let props = served.get("/props").json(200);
    assert_eq!((&props["total_slots"], &props["model_alias"]), (&json!(3), &json!("scripted")));
    assert_eq!(props["default_generation_settings"]["n_ctx"], 512);
    assert_eq!((&props["bos_token"], &props["eos_token"]), (&json!("<|im_start|>"), &json!("<|im_end|>")));
    assert!(props["chat_template"].as_str().unwrap().contains("im_start"));
    let slots = served.get("/slots").json(200);
    assert_eq!(slots.as_array().unwrap().len(), 3);
    assert_eq!(slots[0], json!({"id": 0, "n_ctx": 512, "is_processing": false}));
}

#[test]
fn a_fingerprint_knows_what_answers_and_not_where_it_lies() {
    let world = World::new().with_scripted();
    let fingerprint = |options: &[&str]| {
        let props = Served::ready(&world, options).get("/props").json(200);
        props["system_fingerprint"].as_str().unwrap().to_owned()
    };
    let copy = |name: &str| {
        for file in std::fs::read_dir(world.path("scripted")).unwrap().map(|file| file.unwrap().file_name()) {
            let file = file.to_str().unwrap();
            world.write(&format!("{name}/{file}"), world.read(&format!("scripted/{file}")));
        }
    };
    let plain = fingerprint(&["-m", "scripted"]);
    copy("copied/elsewhere");
    assert_eq!(fingerprint(&["-m", "copied/elsewhere"]), plain);
    assert_eq!(fingerprint(&["-m", "scripted", "--parallel", "3"]), plain);
    for options in [["--temperature", "0.5"], ["--seed", "1"], ["--thinking", "on"], ["--ctx", "256"]] {
        assert_ne!(fingerprint(&[&["-m", "scripted"][..], &options].concat()), plain, "{options:?}");
    }
    copy("template");
    world.edit("template/tokenizer_config.json", |config| config["chat_template"] = "{{ messages }}".into());
    assert_ne!(fingerprint(&["-m", "template"]), plain);
    copy("trained");
    let mut weights = world.read("trained/model.safetensors");
    *weights.last_mut().unwrap() ^= 1;
    world.write("trained/model.safetensors", weights);
    assert_ne!(fingerprint(&["-m", "trained"]), plain);
}

#[test]
fn texts_become_vectors() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random"]);
    let ask = |more: serde_json::Value| {
        let mut body = json!({"input": ["abc", "abd"]});
        more.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
        served.ask("/v1/embeddings", body)
    };
    let vector = |answer: &serde_json::Value, index: usize| -> Vec<f64> {
        serde_json::from_value(answer["data"][index]["embedding"].clone()).unwrap()
    };
    let answer = ask(json!({}));
    let (first, second) = (vector(&answer, 0), vector(&answer, 1));
    assert_eq!((first.len(), first != second), (32, true));
    assert!((first.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-5);
    assert_eq!(answer["usage"], json!({"prompt_tokens": 6, "total_tokens": 6}));
    assert_eq!(ask(json!({"input": ids("abc")}))["data"][0], answer["data"][0]);
    let raw = vector(&ask(json!({"normalize": false})), 0);
    let length = raw.iter().map(|x| x * x).sum::<f64>().sqrt();
    assert!(raw.iter().zip(&first).all(|(raw, x)| (raw / length - x).abs() < 1e-5));
    assert_ne!(vector(&ask(json!({"pooling": "last"})), 0), first);
    let coded = ask(json!({"encoding_format": "base64"}));
    assert_eq!(coded["data"][0]["embedding"].as_str().unwrap().len(), 172);
    assert_eq!(served.post("/v1/embeddings", &json!({"input": "a", "dimensions": 8})).error(400).1, "dimensions");
    assert_eq!(served.post("/v1/embeddings", &json!({"input": []})).error(400).1, "input");
}

#[test]
fn what_was_measured_is_told_in_vllm_s_words() {
    let world = World::new().with_scripted();
    let served = Served::ready(&world, &["-m", "scripted"]);
    let asked = json!({"prompt": "\n", "temperature": 0, "max_tokens": 64});
    let usage = served.ask("/v1/completions", asked)["usage"].clone();
    let generated = usage["completion_tokens"].as_f64().unwrap();
    assert_eq!(served.metric("vllm:generation_tokens_total{"), generated);
    assert_eq!(served.metric("vllm:prompt_tokens_total{"), 1.0);
    assert_eq!(served.metric("vllm:time_to_first_token_seconds_count{"), 1.0);
    assert_eq!(served.metric("vllm:inter_token_latency_seconds_count{"), generated - 1.0);
    assert_eq!(served.metric("vllm:request_generation_tokens_sum{"), generated);
    let stopped = "vllm:request_success_total{model_name=\"scripted\",engine=\"0\",finished_reason=\"stop\"}";
    assert_eq!(served.metric(stopped), 1.0);
    assert_eq!(served.metric("llamacpp:tokens_predicted_total "), generated);
    assert_eq!(served.get("/metrics").header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
}

#[test]
fn the_document_describes_every_endpoint() {
    let world = World::new().with_scripted();
    let served = Served::ready(&world, &["-m", "scripted"]);
    let document = served.get("/openapi.json").json(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for path in ["/v1/chat/completions", "/v1/completions", "/v1/models", "/tokenize", "/metrics", "/health"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    let request = &document["components"]["schemas"]["ChatRequest"].to_string();
    assert!(request.contains("Sampling") && request.contains("Thinking"), "{request}");
}
