//! A budget of memory is kept: what it cannot hold waits or is refused, and the server goes on.

use super::client::{Open, Served};
use crate::world::{VOCAB, World};
use serde_json::{Value, json};
use smollm_testkit::tiny::prompt_ids;

/// Weights, buffers, and a cache of so many tokens of the model `random`, in bytes.
fn budget(world: &World, tokens: usize) -> String {
    let kv_tokens = tokens.to_string();
    let plan = world.run(&["info", "random", "--plan", "--kv-tokens", &kv_tokens, "--json"]).json()["plan"].clone();
    assert_eq!(plan["kv_tokens"], tokens);
    let bytes = |part: &str| plan[part].as_u64().unwrap();
    let budget = (bytes("weight_bytes") + bytes("buffer_bytes") + bytes("kv_bytes")).to_string();
    let kept = world.run(&["info", "random", "--plan", "--memory", &budget, "--json"]).json()["plan"].clone();
    assert_eq!(kept, plan, "a budget leaves the cache what weights and buffers do not take");
    budget
}

fn world() -> World {
    let world = World::new().with_random();
    world.edit("random/config.json", |config| config["max_position_embeddings"] = 8192.into());
    world
}

fn prompt(name: &str, len: usize) -> Vec<u32> {
    prompt_ids(name, len, VOCAB)
}

#[test]
fn a_prompt_that_the_budget_cannot_hold_is_refused_with_both_numbers() {
    let world = world();
    let served = Served::ready(&world, &["-m", "random", "--ctx", "8192", "--memory", &budget(&world, 128)]);
    let ask = |len: usize, n: usize| {
        let body = json!({"prompt": prompt("budget", len), "max_tokens": 500, "ignore_eos": true, "n": n});
        served.post("/v1/completions", &body)
    };
    let (message, _, code) = ask(129, 1).error(400);
    assert_eq!(code, "context_length_exceeded");
    assert!(message.contains("129") && message.contains("128"), "{message}");
    let longest = ask(128, 1).json(200);
    assert_eq!(
        (&longest["choices"][0]["finish_reason"], &longest["usage"]["completion_tokens"]),
        (&json!("length"), &json!(1))
    );
    // Answers that do not fit together take turns.
    let several = ask(60, 8).json(200);
    assert_eq!(several["usage"]["completion_tokens"], 8 * (128 - 60 + 1));
}

#[test]
fn what_waits_for_memory_waits_in_the_queue_and_a_full_queue_refuses() {
    let world = world();
    let arguments = ["-m", "random", "--ctx", "8192", "--memory", &budget(&world, 8192), "--queue", "1"];
    let served = Served::ready(&world, &arguments);
    let body = |name: &str| json!({"prompt": prompt(name, 6000), "max_tokens": -1, "ignore_eos": true, "stream": true});
    let post = |body: &Value| {
        served.open("POST", "/v1/completions", &[("content-type", "application/json")], body.to_string().as_bytes())
    };
    let mut first: Open = post(&body("first"));
    assert!(first.chunk().is_some());
    let second = served.post_unread("/v1/completions", &body("second"));
    served.until("one waits", |served| served.metric("vllm:num_requests_waiting") == 1.0);
    assert_eq!(served.post("/v1/completions", &body("third")).error(429).2, "queue_full");
    drop((first, second));
    served.until("all is given up", |served| served.metric("vllm:num_requests_running") == 0.0);
    assert_eq!(served.post("/v1/completions", &json!({"prompt": "a", "max_tokens": 1})).status, 200);
}

#[test]
fn a_budget_that_is_too_small_for_the_model_is_an_error_before_anything_is_served() {
    let world = world();
    let planned = world.run(&["info", "random", "--plan", "--memory", "20K"]);
    assert!(planned.error(1).contains("the budget is 20480 bytes"), "{planned:?}");
    let served = world.run(&["serve", "--port", "0", "-m", "random", "--memory", "20K"]);
    assert_eq!(served.code, Some(1));
    assert_eq!(served.err.lines().last(), planned.err.lines().last());
    world.run(&["info", "random", "--memory", "20K"]).error(2);
}
