//! One model and several: names, loading, unloading, adapters.

use super::client::{Open, Served};
use crate::built_in::NOTE;
use crate::lora::write_adapter;
use crate::world::World;
use serde_json::{Value, json};
use smollm_testkit::byte_level::SPECIALS;
use smollm_testkit::golden::lora_goldens;
use std::io::{BufRead, BufReader};
use std::time::Duration;

fn names(served: &Served) -> Vec<(String, bool)> {
    let list = served.get("/v1/models").json(200);
    let model = |model: &Value| (model["id"].as_str().unwrap().to_owned(), model["loaded"].as_bool().unwrap());
    list["data"].as_array().unwrap().iter().map(model).collect()
}

#[test]
fn one_model_answers_any_name() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random"]);
    assert_eq!(names(&served), [("random".to_owned(), true)]);
    assert_eq!(served.get("/v1/models/random").json(200)["max_model_len"], 256);
    assert_eq!(served.get("/v1/models/gpt-4").error(404).2, "model_not_found");
    for model in [json!("gpt-4"), json!(null), json!("")] {
        let answer = served.ask("/v1/completions", json!({"prompt": "a", "model": model, "max_tokens": 1}));
        let expected = model.as_str().filter(|name| !name.is_empty()).unwrap_or("random");
        assert_eq!(answer["model"], expected);
    }
}

#[test]
fn the_built_in_model_is_served_where_none_is_named() {
    let world = World::new();
    let mut child = world.command(&["serve", "--port", "0"]).spawn().unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap());
    let mut line = || {
        let mut line = String::new();
        notes.read_line(&mut line).unwrap();
        line
    };
    assert_eq!(line(), NOTE);
    let serving = line();
    let address = serving.trim().strip_prefix("serving nano at http://").unwrap_or_else(|| panic!("{serving:?}"));
    let served = Served { child, address: address.to_owned(), notes };
    served.until("it is loaded", |served| served.get("/health").status == 200);
    assert_eq!(names(&served), [("nano".to_owned(), true)]);
    assert_eq!(served.get("/props").json(200)["model_path"], "the built-in model");
    let messages = json!([{"role": "user", "content": "Who are you?"}]);
    let answer = served.ask("/v1/chat/completions", json!({"messages": messages, "max_tokens": 8}));
    assert_eq!(answer["model"], "nano");
    assert!(answer["choices"][0]["message"]["content"].is_string(), "{answer}");
    // beside another, it is named as that is
    let world = World::new().with_random();
    let served = Served::start(&world, &["-m", "nano", "-m", "random"]);
    assert_eq!(names(&served), [("nano".to_owned(), false), ("random".to_owned(), false)]);
}

#[test]
fn several_models_are_loaded_when_they_are_asked_for_and_unloaded_when_they_are_not() {
    let world = World::new().with_random().with_scripted();
    let served = Served::ready(&world, &["-m", ".", "--idle-unload", "1"]);
    let both = |random, scripted| [("random".to_owned(), random), ("scripted".to_owned(), scripted)];
    assert_eq!(names(&served), both(false, false));
    assert_eq!(served.post("/v1/completions", &json!({"prompt": "a"})).error(400).1, "model");
    assert_eq!(served.post("/v1/completions", &json!({"prompt": "a", "model": "x"})).error(404).2, "model_not_found");
    let ask = || {
        served.ask("/v1/completions", json!({"prompt": "\n", "model": "scripted", "temperature": 0}))["choices"].clone()
    };
    let first = ask();
    assert_eq!(names(&served), both(false, true));
    served.until("it is unloaded", |served| names(served) == both(false, false));
    assert_eq!(ask(), first);
}

/// A request of some seconds for a model.
fn long(served: &Served, model: &str) -> Open {
    let body =
        json!({"prompt": "a", "model": model, "max_tokens": -1, "ignore_eos": true, "stream": true, "logprobs": 50})
            .to_string();
    let mut open = served.open("POST", "/v1/completions", &[("content-type", "application/json")], body.as_bytes());
    assert_eq!(open.status, 200);
    assert!(open.chunk().is_some());
    open
}

/// Two models, of which `arguments` let one be in memory.
#[track_caller]
fn one_takes_the_place_of_the_other(world: &World, arguments: &[&str]) {
    let arguments: Vec<&str> =
        ["-m", "random", "-m", "scripted", "--ctx", "8192"].iter().chain(arguments).copied().collect();
    let served = Served::ready(world, &arguments);
    let both = |random, scripted| [("random".to_owned(), random), ("scripted".to_owned(), scripted)];
    let ask = |model: &str| served.post("/v1/completions", &json!({"prompt": "\n", "model": model, "temperature": 0}));
    let first = ask("scripted").json(200)["choices"].clone();
    assert_eq!(names(&served), both(false, true));
    let open = long(&served, "random");
    assert_eq!(names(&served), both(true, false), "the idle one has gone");
    let refused = ask("scripted");
    let (message, param, code) = refused.error(503);
    assert!(code == "no_room" && param == "model" && message.contains("`scripted` cannot be loaded"), "{message}");
    assert!(refused.header("retry-after").is_some());
    drop(open);
    served.until("the busy one is idle", |_| ask("scripted").status == 200);
    assert_eq!(ask("scripted").json(200)["choices"], first);
    assert_eq!(names(&served), both(false, true));
}

fn two() -> World {
    let world = World::new().with_random().with_scripted();
    for name in ["random", "scripted"] {
        world.edit(&format!("{name}/config.json"), |config| config["max_position_embeddings"] = 8192.into());
    }
    world
}

#[test]
fn no_more_models_are_in_memory_than_may_be() {
    one_takes_the_place_of_the_other(&two(), &["--max-models", "1"]);
}

#[test]
fn all_models_share_one_budget() {
    let world = two();
    // what the smallest cache needs is said where there is less
    let needed = |model: &str| -> usize {
        let error = world.run(&["serve", "-m", model, "--port", "0", "--ctx", "8192", "--memory", "1K"]);
        let (_, rest) = error.err.split_once("need ").unwrap_or_else(|| panic!("{error:?}"));
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    let budget = needed("random") + needed("scripted") - 1;
    one_takes_the_place_of_the_other(&world, &["--memory", &budget.to_string()]);
}

#[test]
fn a_model_is_idle_from_the_end_of_its_last_request_and_looking_is_no_use() {
    let world = two();
    let served = Served::ready(&world, &["-m", "random", "-m", "scripted", "--ctx", "8192", "--idle-unload", "3"]);
    assert_eq!(served.get("/slots?model=random").json(200), json!([]));
    for path in ["/slots", "/props", "/slots?model=random&model=scripted"] {
        assert_eq!(served.get(path).error(400).1, "model", "{path}");
    }
    // unread, it does not end: it is more than the buffers of both ends hold
    let open = long(&served, "random");
    std::thread::sleep(Duration::from_millis(3500));
    drop(open);
    std::thread::sleep(Duration::from_millis(1300)); // idle models are looked for every second
    assert!(names(&served)[0].1, "it was used until now");
    assert_eq!(served.get("/slots?model=random").json(200).as_array().unwrap().len(), 64);
    assert_eq!(served.get("/props?model=random").json(200)["model_alias"], "random");
    served.until("it is unloaded", |served| served.get("/slots?model=random").json(200) == json!([]));
    assert_eq!(served.get("/tokenizer_info?model=random").json(200)["model_max_length"], 8192);
    assert!(names(&served)[0].1, "a look loads it");
}

#[test]
fn a_model_that_cannot_be_loaded_says_why() {
    let world = World::new().with_random().with_scripted();
    world.write("random/model.safetensors", "damaged");
    let served = Served::ready(&world, &["-m", "random", "-m", "scripted"]);
    let (message, _, code) = served.post("/v1/completions", &json!({"prompt": "a", "model": "random"})).error(500);
    assert!(code == "model_not_loaded" && message.contains("model.safetensors"), "{message}");
    served.ask("/v1/completions", json!({"prompt": "a", "model": "scripted"}));
    // alone, it ends the server
    let error = world.run(&["serve", "-m", "random", "--port", "0"]);
    assert_eq!(error.code, Some(1));
    assert!(error.err.lines().last().unwrap().contains("model.safetensors"), "{error:?}");
}

#[test]
fn adapters_are_models_of_their_own() {
    let golden = &lora_goldens()[0];
    let world = World::new().with_golden(&golden.base);
    write_adapter(&world, golden);
    let served = Served::ready(&world, &["-m", &golden.base, "--adapter", &format!("tuned={}", golden.name)]);
    let (base, tuned) = (golden.base.clone(), format!("{}+tuned", golden.base));
    assert_eq!(names(&served), [(base.clone(), true), (tuned.clone(), true)]);
    assert_eq!(served.get(&format!("/v1/models/{tuned}")).json(200)["parent"], base.as_str());
    let prompt = &golden.prompts[0];
    let ask = |model: &str| {
        let count = prompt.greedy.ids.len();
        let asked =
            json!({"prompt": prompt.ids, "model": model, "temperature": 0, "max_tokens": count, "ignore_eos": true});
        served.ask("/v1/completions", asked)["choices"][0]["text"].clone()
    };
    // special tokens are no text
    let text = served.ask("/detokenize", json!({"tokens": prompt.greedy.ids}))["content"].as_str().unwrap().to_owned();
    let expected = SPECIALS.iter().fold(text, |text, special| text.replace(special, ""));
    assert_eq!(ask(&tuned), expected, "as transformers with peft");
    assert_eq!(ask("anything+tuned"), expected);
    assert_ne!(ask(&base), expected);
    assert_eq!(ask("anything"), ask(&base));
    let unknown = json!({"prompt": [5], "model": format!("{base}+other")});
    assert_eq!(served.post("/v1/completions", &unknown).error(404).2, "model_not_found");
}
