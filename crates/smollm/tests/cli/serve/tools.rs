//! Tools in `/v1/chat/completions`: what the model is told of them, what it calls, and how that is told.

use super::client::Served;
use crate::world::World;
use serde_json::{Value, json};

const PATH: &str = "/v1/chat/completions";
const TWO: [&str; 6] = [
    "Well. ",
    "\n<tool_",
    "call>[\n{\"name\": \"add\", \"arguments\": {\"a\"",
    ": 1, \"b\": \"}\"}},\n{\"name\": ",
    "\"now\", \"arguments\": {}}\n]</tool_call>",
    " Done.",
];

fn tool(name: &str, properties: Value) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": properties}}})
}

fn body(more: Value) -> Value {
    let tools = [tool("add", json!({"a": {}, "b": {}})), tool("now", json!({}))];
    let mut body = json!({"messages": [{"role": "user", "content": "x"}], "temperature": 0, "tools": tools});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

/// Name and arguments of calls.
fn calls(message: &Value) -> Vec<(String, String)> {
    let call = |call: &Value| {
        assert!(call["id"].as_str().unwrap().starts_with("call_") && call["type"] == "function", "{call}");
        let text = |key: &str| call["function"][key].as_str().unwrap().to_owned();
        (text("name"), text("arguments"))
    };
    message["tool_calls"].as_array().into_iter().flatten().map(call).collect()
}

#[test]
fn calls_are_told_apart_from_text_at_once_and_in_pieces() {
    let world = World::new().with_caller(&TWO);
    let served = Served::ready(&world, &["-m", "caller"]);
    let answer = served.ask(PATH, body(json!({})));
    let choice = &answer["choices"][0];
    let message = &choice["message"];
    let expected = [("add", "{\"a\": 1, \"b\": \"}\"}"), ("now", "{}")];
    assert_eq!(calls(message), expected.map(|(name, arguments)| (name.to_owned(), arguments.to_owned())), "{answer}");
    assert_eq!((&message["content"], &choice["finish_reason"]), (&json!("Well."), &json!("tool_calls")));
    assert_ne!(message["tool_calls"][0]["id"], message["tool_calls"][1]["id"]);
    let events = served.stream(PATH, body(json!({"logprobs": true})));
    let (mut text, mut told) = (String::new(), Vec::<(String, String)>::new());
    let mut tokens = 0;
    for choice in events.iter().map(|event| &event["choices"][0]) {
        let delta = &choice["delta"];
        text.push_str(delta["content"].as_str().unwrap_or_default());
        tokens += choice["logprobs"]["content"].as_array().map_or(0, Vec::len);
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().unwrap() as usize;
            if index == told.len() {
                assert!(call["id"].is_string() && call["type"] == "function", "{call}");
                told.push((call["function"]["name"].as_str().unwrap().into(), String::new()));
            } else {
                assert!(call.get("id").is_none() && call["function"].get("name").is_none(), "{call}");
            }
            told[index].1.push_str(call["function"]["arguments"].as_str().unwrap());
        }
    }
    assert_eq!(text, "Well.");
    assert_eq!(told, calls(message));
    assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(json!(tokens), answer["usage"]["completion_tokens"]);
}

#[test]
fn what_may_not_be_called_is_text() {
    let world = World::new().with_caller(&TWO);
    let served = Served::ready(&world, &["-m", "caller"]);
    for without in [json!({"tool_choice": "none"}), json!({"tools": []}), json!({"tools": null})] {
        let choice = &served.ask(PATH, body(without.clone()))["choices"][0];
        assert_eq!(
            (&choice["message"]["content"], &choice["finish_reason"]),
            (&json!(TWO.concat()), &json!("stop")),
            "{without}"
        );
        assert!(choice["message"].get("tool_calls").is_none());
    }
}

#[test]
fn the_prompt_has_tools_calls_and_results() {
    let world = World::new().with_caller(&TWO);
    let served = Served::ready(&world, &["-m", "caller"]);
    let prompt = |more: Value| served.ask("/apply-template", body(more))["prompt"].as_str().unwrap().to_owned();
    let with = prompt(json!({}));
    assert!(with.starts_with("<|im_start|>system\nYou are an expert in composing functions."), "{with}");
    assert!(
        with.contains("<tools>[{\"type\": \"function\", \"function\": {\"name\": \"add\", \"parameters\": "),
        "{with}"
    );
    let plain = "<|im_start|>user\nx<|im_end|>\n";
    assert!(with.ends_with(&format!("]</tool_call><|im_end|>\n{plain}<|im_start|>assistant\n")), "{with}");
    assert_eq!(prompt(json!({"tool_choice": "none"})), format!("{plain}<|im_start|>assistant\n"));
    let history = json!({"tools": null, "messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{\"a\":1}"}}
        ]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "2"}]},
    ]});
    let call =
        "<|im_start|>assistant\n<tool_call>[\n{\"name\": \"add\", \"arguments\": {\"a\":1}}\n]</tool_call><|im_end|>\n";
    let result = "<|im_start|>user\n<tool_response>\n2\n</tool_response><|im_end|>\n";
    assert_eq!(prompt(history), format!("{plain}{call}{result}<|im_start|>assistant\n"));
    let counted = served.ask("/v1/chat/completions/input_tokens", body(json!({})))["input_tokens"].as_u64().unwrap();
    assert!(counted > 800, "{counted}");
}

#[test]
fn what_is_wrong_with_tools_is_named() {
    let world = World::new().with_caller(&TWO);
    let served = Served::ready(&world, &["-m", "caller"]);
    let refused = |more: Value| served.post(PATH, &body(more)).error(400).1;
    let named = |name: &str| json!({"type": "function", "function": {"name": name}});
    assert_eq!(refused(json!({"tool_choice": named("subtract")})), "tool_choice.function.name");
    assert_eq!(refused(json!({"tool_choice": "sometimes"})), "tool_choice");
    assert_eq!(refused(json!({"tools": [named("a"), {"type": "web_search"}]})), "tools[1].type");
    assert_eq!(refused(json!({"tools": null, "tool_choice": "required"})), "tool_choice");
    let begun = json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "I"}]);
    assert_eq!(refused(json!({"messages": begun, "continue_final_message": true})), "continue_final_message");
}

#[test]
fn calls_that_must_come_come_with_arguments_that_fit() {
    let world = World::new().with_scripted();
    world.edit("scripted/config.json", |config| config["max_position_embeddings"] = 8192.into());
    let served = Served::ready(&world, &["-m", "scripted", "--ctx", "8192"]);
    let named = |name: &str| json!({"type": "function", "function": {"name": name}});
    let tools = [tool("add", json!({"a": {"enum": [1, 2]}, "b": {"type": "boolean"}})), tool("now", json!({}))];
    let ask = |more: Value| {
        let mut request = body(more);
        request["tools"] = json!(tools);
        request["temperature"] = 1.into();
        request
    };
    for seed in 0..6 {
        let required =
            served.ask(PATH, ask(json!({"tool_choice": "required", "seed": seed, "parallel_tool_calls": false})));
        let choice = &required["choices"][0];
        assert_eq!(
            (&choice["message"]["content"], &choice["finish_reason"]),
            (&Value::Null, &json!("tool_calls")),
            "{required}"
        );
        let [(name, arguments)] = &calls(&choice["message"])[..] else { panic!("{required}") };
        let arguments: Value = serde_json::from_str(arguments).unwrap();
        assert!(name == "add" || arguments == json!({}), "{required}");
        let forced = ask(json!({"tool_choice": named("add"), "seed": seed}));
        let whole = served.ask(PATH, forced.clone());
        let [(name, arguments)] = &calls(&whole["choices"][0]["message"])[..] else { panic!("{whole}") };
        assert_eq!(name, "add");
        let parsed: Value = serde_json::from_str(arguments).unwrap();
        assert!(parsed.as_object().unwrap().keys().all(|key| key == "a" || key == "b"), "{arguments}");
        let told: String = served
            .stream(PATH, forced)
            .iter()
            .filter_map(|event| {
                event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str().map(str::to_owned)
            })
            .collect();
        assert_eq!(told, *arguments);
        let only = json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named("now")]}});
        let answer = served.ask(PATH, ask(json!({"tool_choice": only, "seed": seed, "parallel_tool_calls": false})));
        assert_eq!(calls(&answer["choices"][0]["message"]), [("now".to_owned(), "{}".to_owned())]);
    }
}

#[test]
fn parameters_that_cannot_be_made_sure_of_are_named() {
    let (world, odd) = (World::new().with_scripted(), json!({"l": {"type": "array", "uniqueItems": true}}));
    world.edit("scripted/config.json", |config| config["max_position_embeddings"] = 8192.into());
    let served = Served::ready(&world, &["-m", "scripted", "--ctx", "8192"]);
    let tools = json!([tool("f", json!({})), tool("odd", odd)]);
    let refused = served.post(PATH, &body(json!({"tools": tools}))).error(400);
    assert_eq!(refused.1, "tools[1].function.parameters.properties.l.uniqueItems");
    assert_eq!(served.post(PATH, &body(json!({"ignore_eos": true}))).error(400).1, "ignore_eos");
}
