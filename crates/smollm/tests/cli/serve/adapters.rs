//! LoRA adapters that come and go while the server runs, and models that guess for others.

use super::client::Served;
use crate::lora::write_adapter;
use crate::world::World;
use serde_json::{Value, json};
use smollm_testkit::fixtures;
use smollm_testkit::golden::{LoraGolden, lora_goldens};

const LOAD: &str = "/v1/load_lora_adapter";
const UNLOAD: &str = "/v1/unload_lora_adapter";

/// A golden adapter's base model, served with `more` arguments; the adapter lies beside it.
fn served(more: &[&str]) -> (World, LoraGolden, Served) {
    let golden = lora_goldens().swap_remove(0);
    let world = World::new().with_golden(&golden.base);
    write_adapter(&world, &golden);
    let served = Served::ready(&world, &[&["-m", &golden.base], more].concat());
    (world, golden, served)
}

fn greedy(served: &Served, golden: &LoraGolden, model: &str) -> Value {
    let prompt = &golden.prompts[0];
    let count = prompt.greedy.ids.len();
    let body = json!({"prompt": prompt.ids, "model": model, "temperature": 0, "max_tokens": count, "ignore_eos": true, "logprobs": 0});
    served.ask("/v1/completions", body)["choices"][0]["logprobs"]["tokens"].clone()
}

#[test]
fn adapters_come_and_go() {
    let (world, golden, served) = served(&["--adapter-updates"]);
    let tuned = format!("{}+tuned", golden.base);
    let base = greedy(&served, &golden, &golden.base);
    assert_eq!(served.post("/v1/completions", &json!({"prompt": "a", "model": tuned})).error(404).2, "model_not_found");
    let load = |more: Value| {
        let mut body = json!({"lora_name": "tuned", "lora_path": golden.name});
        more.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
        served.post(LOAD, &body)
    };
    let answer = load(json!({"base_model_name": null}));
    assert_eq!((answer.status, answer.text.as_str()), (200, "Success: LoRA adapter 'tuned' added successfully."));
    assert_eq!(answer.header("x-ignored-params"), Some("base_model_name"));
    let listed = served.get(&format!("/v1/models/{tuned}")).json(200);
    assert_eq!((&listed["parent"], &listed["loaded"]), (&json!(golden.base), &json!(true)));
    let adapted = greedy(&served, &golden, &tuned);
    assert_ne!(adapted, base);
    assert_eq!(greedy(&served, &golden, "tuned"), adapted, "its own name will do");
    assert_eq!(greedy(&served, &golden, &golden.base), base);
    // what it may not be
    assert_eq!(load(json!({})).error(400).2, "adapter_exists");
    assert_eq!(load(json!({"load_inplace": true})).status, 200);
    assert_eq!(load(json!({"lora_name": "a+b"})).error(400).1, "lora_name");
    let (message, param, _) = load(json!({"lora_name": "x", "lora_path": "nowhere"})).error(400);
    assert!(param == "lora_path" && message.contains("nowhere"), "{message}");
    assert_eq!(load(json!({"lora_name": "x", "model": tuned})).error(400).1, "model");
    // one that is replaced serves who asks from now on; the request under way keeps its own
    world.edit(&format!("{}/adapter_config.json", golden.name), |config| config["lora_alpha"] = json!(0));
    let long = json!({"prompt": golden.prompts[0].ids, "model": tuned, "temperature": 0, "max_tokens": -1, "ignore_eos": true,
        "stream": true, "logprobs": 0});
    let fingerprint = |event: &Value| event["system_fingerprint"].clone();
    let whole = served.stream("/v1/completions", long.clone());
    let mut open =
        served.open("POST", "/v1/completions", &[("content-type", "application/json")], long.to_string().as_bytes());
    let mut text = open.chunk().unwrap();
    assert_eq!(load(json!({"load_inplace": true})).status, 200);
    assert_eq!(greedy(&served, &golden, &tuned), base, "a scale of nothing changes nothing");
    text.extend(open.read().text.into_bytes());
    let text = String::from_utf8(text).unwrap();
    let tokens = |events: &[Value]| -> Vec<Value> {
        events.iter().map(|e| e["choices"][0]["logprobs"]["tokens"].clone()).collect()
    };
    let events: Vec<Value> = text
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(tokens(&events), tokens(&whole));
    assert_ne!(fingerprint(&served.stream("/v1/completions", long)[0]), fingerprint(&events[0]));
    // and gone
    let unloaded = served.post(UNLOAD, &json!({"lora_name": "tuned"}));
    assert_eq!((unloaded.status, unloaded.text.as_str()), (200, "Success: LoRA adapter 'tuned' removed successfully."));
    assert_eq!(served.post(UNLOAD, &json!({"lora_name": "tuned"})).error(404).2, "adapter_not_found");
    assert_eq!(served.post("/v1/completions", &json!({"prompt": "a", "model": tuned})).error(404).2, "model_not_found");
    assert_eq!(greedy(&served, &golden, "tuned"), base, "one model answers any name");
}

#[test]
fn who_may_change_adapters() {
    let (_world, golden, open) = served(&[]);
    let body = json!({"lora_name": "tuned", "lora_path": golden.name});
    assert_eq!(open.post(LOAD, &body).error(403).2, "adapter_updates_off");
    assert_eq!(open.post(UNLOAD, &json!({"lora_name": "tuned"})).error(403).2, "adapter_updates_off");
    let (world, _, _) = served(&[]);
    // sha256sum of `one`
    world.write("keys", "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed  anna\n");
    let locked = Served::start(&world, &["-m", &golden.base, "--key-file", "keys"]);
    locked.until("it is ready", |served| served.get("/health").status == 200);
    assert_eq!(locked.post(LOAD, &body).status, 401);
    let headers = [("content-type", "application/json"), ("authorization", "Bearer one")];
    assert_eq!(locked.open("POST", LOAD, &headers, body.to_string().as_bytes()).read().status, 200);
}

#[test]
fn an_adapter_comes_back_with_its_model() {
    let golden = lora_goldens().swap_remove(0);
    let world = World::new().with_golden(&golden.base).with_scripted();
    write_adapter(&world, &golden);
    let served =
        Served::ready(&world, &["-m", &golden.base, "-m", "scripted", "--idle-unload", "1", "--adapter-updates"]);
    let tuned = format!("{}+tuned", golden.base);
    let body = json!({"lora_name": "tuned", "lora_path": golden.name});
    assert_eq!(served.post(LOAD, &body).error(400).1, "model");
    let mut with_model = body.clone();
    with_model["model"] = json!(golden.base);
    assert_eq!(served.post(LOAD, &with_model).status, 200);
    let adapted = greedy(&served, &golden, &tuned);
    let loaded = |served: &Served| served.get(&format!("/v1/models/{tuned}")).json(200)["loaded"] == true;
    served.until("the model is unloaded", |served| !loaded(served));
    assert_eq!(greedy(&served, &golden, "tuned"), adapted);
    // what cannot be opened any more is the trouble of who asks for it
    served.until("the model is unloaded", |served| !loaded(served));
    world.write(&format!("{}/adapter_model.safetensors", golden.name), "damaged");
    greedy(&served, &golden, &golden.base);
    assert_eq!(
        served.post("/v1/completions", &json!({"prompt": [5], "model": tuned})).error(500).2,
        "adapter_not_loaded"
    );
}

/// A model with the shape of SmolLM-135M where the adapter touches it, small elsewhere.
#[test]
fn the_real_adapter_is_loaded_and_changes_answers() {
    let Some(fixtures) = fixtures() else { return };
    let folder = fixtures.join("adapters/peft-smollm-135m-instruct-lora");
    let world = World::new();
    let small = ["--set", "vocab_size=320", "--set", "intermediate_size=32", "--quiet"];
    assert_eq!(world.run(&[&["init", "smollm-135m-instruct", "m"][..], &small].concat()).text(), "");
    smollm_testkit::byte_level::write_tokenizer(&world.path("m"), 320, false).unwrap();
    let served = Served::ready(&world, &["-m", "m", "--adapter-updates"]);
    let ask = |model: &str| {
        let body = json!({"prompt": [5, 6, 7], "model": model, "temperature": 0, "max_tokens": 0, "echo": true, "logprobs": 0});
        served.ask("/v1/completions", body)["choices"][0]["logprobs"]["token_logprobs"].clone()
    };
    let base = ask("m");
    served.post(LOAD, &json!({"lora_name": "real", "lora_path": folder})).status.eq(&200).then_some(()).unwrap();
    assert_ne!(ask("m+real"), base);
    assert_eq!(ask("m"), base);
}

#[test]
fn a_draft_model_changes_no_answer() {
    let world = World::new().with_random();
    world.edit("random/config.json", |config| config["max_position_embeddings"] = json!(1024));
    let body = json!({"prompt": "abc", "temperature": 1, "seed": 7, "max_tokens": 400, "ignore_eos": true});
    let answer = |arguments: &[&str]| {
        let served = Served::ready(&world, &[&["-m", "random", "--threads", "1"], arguments].concat());
        let answer = served.ask("/v1/completions", body.clone())["choices"].clone();
        (answer, served.metric("vllm:spec_decode_num_draft_tokens_total"))
    };
    let (plain, none) = answer(&["--draft-tokens", "0"]);
    assert_eq!(none, 0.0);
    let (drafted, some) = answer(&["--draft", "random"]);
    assert_eq!(drafted, plain);
    assert!(some > 0.0, "a guess is tried now and then even where it does not pay");
}

#[test]
fn a_draft_model_must_fit() {
    let world = World::new().with_random().with_scripted();
    let refused = |arguments: &[&str]| world.run(&[&["serve", "--port", "0", "-m", "random"], arguments].concat());
    let last = |done: &crate::world::Done| done.err.lines().last().unwrap_or_default().to_owned();
    world.edit("scripted/tokenizer.json", |json| {
        let vocab = json["model"]["vocab"].as_object_mut().unwrap();
        let (one, other) = (vocab["a"].clone(), vocab["b"].clone());
        vocab.insert("a".into(), other);
        vocab.insert("b".into(), one);
    });
    let other = refused(&["--draft", "scripted"]);
    assert!(last(&other).contains("must share one tokenizer"), "{other:?}");
    let nowhere = refused(&["--draft", "./nowhere"]);
    assert!(last(&nowhere).contains("nowhere"), "{nowhere:?}");
    let budget = refused(&["--draft", "random", "--memory", "100K"]);
    assert!(last(&budget).contains("the budget is 102400 bytes"), "{budget:?}");
    refused(&["-m", "scripted", "--draft", "random"]).error(2);
}
