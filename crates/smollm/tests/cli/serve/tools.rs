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
    for without in [json!({"tools": []}), json!({"tools": null})] {
        let choice = &served.ask(PATH, body(without.clone()))["choices"][0];
        assert_eq!(
            (&choice["message"]["content"], &choice["finish_reason"]),
            (&json!(TWO.concat()), &json!("stop")),
            "{without}"
        );
        assert!(choice["message"].get("tool_calls").is_none());
    }
    let none = served.ask(PATH, body(json!({"tool_choice": "none", "max_tokens": 40})));
    let message = &none["choices"][0]["message"];
    assert!(message["content"].as_str().unwrap().starts_with("Well. "), "{message}");
    assert!(!message["content"].as_str().unwrap().contains("<tool_call>"), "{message}");
    assert!(message.get("tool_calls").is_none());
}

#[test]
fn stop_strings_end_text_and_not_calls() {
    let world = World::new().with_caller(&TWO);
    let served = Served::ready(&world, &["-m", "caller"]);
    let ask = |stop: Value| served.ask(PATH, body(json!({"stop": stop})))["choices"][0].clone();
    let whole = ask(Value::Null);
    for stop in ["}},", "\"a\"", "call>", "now", "]</tool_call>"] {
        let choice = ask(json!([stop]));
        assert_eq!(calls(&choice["message"]), calls(&whole["message"]), "{stop}");
        assert_eq!(choice["finish_reason"], "tool_calls", "{stop}");
    }
    let stopped = ask(json!(["ll."]));
    assert_eq!((&stopped["message"]["content"], &stopped["finish_reason"]), (&json!("We"), &json!("stop")));
    assert!(stopped["message"].get("tool_calls").is_none());
}

#[test]
fn calls_are_whole_at_any_limit() {
    let world = World::new().with_scripted();
    world.edit("scripted/config.json", |config| config["max_position_embeddings"] = 8192.into());
    let served = Served::ready(&world, &["-m", "scripted", "--ctx", "8192"]);
    let tools = [tool("add", json!({"a": {"type": "string"}, "b": {"type": "array"}})), tool("now", json!({}))];
    let ask = |more: Value| {
        let mut request = body(json!({"tools": tools, "temperature": 1, "tool_choice": "required"}));
        more.as_object().unwrap().iter().for_each(|(key, value)| request[key] = value.clone());
        request
    };
    let (message, param, _) = served.post(PATH, &ask(json!({"max_tokens": 3}))).error(400);
    assert!(param == "tool_choice" && message.starts_with("tool_choice: at most 3 tokens may be written"), "{message}");
    let least: usize = message.rsplit(' ').next().unwrap().parse().unwrap();
    served.post(PATH, &ask(json!({"max_tokens": least - 1}))).error(400);
    for limit in [least, least + 1, least + 9, least + 40, 300] {
        let answer = served.ask(PATH, ask(json!({"max_tokens": limit, "seed": limit, "n": 2})));
        for choice in answer["choices"].as_array().unwrap() {
            assert_eq!(choice["finish_reason"], "tool_calls", "{limit}: {choice}");
            let calls = calls(&choice["message"]);
            assert!(!calls.is_empty(), "{limit}: {choice}");
            for (name, arguments) in calls {
                assert!(name == "add" || name == "now", "{name}");
                let arguments: Value = serde_json::from_str(&arguments).unwrap();
                assert!(arguments.as_object().unwrap().keys().all(|key| key == "a" || key == "b"), "{arguments}");
            }
        }
    }
    // text that its limit stops is cut off, whether or not there might have been a call
    let text = served.ask(PATH, ask(json!({"tool_choice": "auto", "max_tokens": 5, "temperature": 0})));
    assert_eq!(text["choices"][0]["finish_reason"], "length", "{text}");
}

#[test]
fn an_answer_is_calls_or_json() {
    let world = World::new().with_scripted();
    world.edit("scripted/config.json", |config| config["max_position_embeddings"] = 8192.into());
    let served = Served::ready(&world, &["-m", "scripted", "--ctx", "8192"]);
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false});
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
    let (mut called, mut told) = (0, 0);
    for seed in 0..16 {
        let asked = json!({"temperature": 2, "seed": seed, "max_tokens": 200, "response_format": format});
        let choice = &served.ask(PATH, body(asked))["choices"][0];
        match calls(&choice["message"]).is_empty() {
            false => called += 1,
            true => {
                told += 1;
                let json: Value = serde_json::from_str(choice["message"]["content"].as_str().unwrap()).unwrap();
                assert!(json["n"].is_i64(), "{json}");
            }
        }
    }
    assert!(called > 0 && told > 0, "{called} {told}");
    let (_, param, code) = served.post(PATH, &body(json!({"guided_regex": "a"}))).error(400);
    assert_eq!((param, code), (json!("guided_regex"), json!("unsupported_parameter")));
    let mut odd = format.clone();
    odd["json_schema"]["schema"] = json!({"not": {}});
    let (_, param, code) = served.post(PATH, &body(json!({"response_format": odd}))).error(400);
    assert_eq!((param, code), (json!("response_format.json_schema.schema"), json!("invalid_grammar")));
}

#[test]
fn calls_follow_thoughts() {
    const CALL: &str = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";
    let pieces = ["<think>", "Is it ", "<tool_call>?", "</think>", "\n\n", CALL];
    let world = World::new().with_caller(&pieces);
    world.edit("caller/tokenizer_config.json", |config| {
        let template = config["chat_template"].as_str().unwrap();
        config["chat_template"] =
            format!("{{% if enable_thinking %}}{{% endif %}}{{% if tools %}}T{{% endif %}}{template}").into();
    });
    let served = Served::ready(&world, &["-m", "caller"]);
    let choice = &served.ask(PATH, body(json!({"stop": ["arguments"]})))["choices"][0];
    let message = &choice["message"];
    assert_eq!(message["reasoning_content"], "Is it <tool_call>?", "{choice}");
    assert_eq!(calls(message), [("now".to_owned(), "{}".to_owned())], "{choice}");
    assert_eq!((&message["content"], &choice["finish_reason"]), (&Value::Null, &json!("tool_calls")));
    let brief =
        served.ask(PATH, body(json!({"thinking_token_budget": 1, "tool_choice": "required", "max_tokens": 200})));
    let message = &brief["choices"][0]["message"];
    assert!(
        !calls(message).is_empty() && message["reasoning_content"].as_str().unwrap_or_default().len() < 20,
        "{brief}"
    );
}

/// The card has the model point out what a question lacks: it may, at once and in pieces, and the next question comes behind what it said.
#[test]
fn what_a_question_lacks_may_be_asked_back() {
    const ASKS: [&str; 3] = ["The question lacks ", "`city`: of which", " city?"];
    let world = World::new().with_caller(&ASKS);
    let served = Served::ready(&world, &["-m", "caller"]);
    let mut tools = json!([tool("get_weather", json!({"city": {"type": "string"}}))]);
    tools[0]["function"]["parameters"]["required"] = json!(["city"]);
    let question = json!({"role": "user", "content": "How is the weather?"});
    let ask = |more: Value| {
        let mut asked = body(json!({"tools": tools, "messages": [question]}));
        more.as_object().unwrap().iter().for_each(|(key, value)| asked[key] = value.clone());
        asked
    };
    let choice = &served.ask(PATH, ask(json!({})))["choices"][0];
    assert_eq!((&choice["message"]["content"], &choice["finish_reason"]), (&json!(ASKS.concat()), &json!("stop")));
    assert!(choice["message"].get("tool_calls").is_none(), "{choice}");
    let events = served.stream(PATH, ask(json!({})));
    let deltas = events.iter().map(|event| &event["choices"][0]["delta"]);
    let text: String = deltas.clone().filter_map(|delta| delta["content"].as_str()).collect();
    assert_eq!(text, ASKS.concat());
    assert!(deltas.clone().all(|delta| delta.get("tool_calls").is_none()));
    // who must call has the parameter, whatever it is
    let must = &served.ask(PATH, ask(json!({"tool_choice": "required", "max_tokens": 200})))["choices"][0];
    for (name, arguments) in calls(&must["message"]) {
        let arguments: Value = serde_json::from_str(&arguments).unwrap();
        assert!(name == "get_weather" && arguments["city"].is_string(), "{must}");
    }
    assert!(!calls(&must["message"]).is_empty(), "{must}");
    let history = json!({"messages": [question, choice["message"], {"role": "user", "content": "Bern."}]});
    let prompt = |more: Value| served.ask("/apply-template", ask(more))["prompt"].as_str().unwrap().to_owned();
    let asked = prompt(json!({}));
    let next =
        format!("{asked}{}<|im_end|>\n<|im_start|>user\nBern.<|im_end|>\n<|im_start|>assistant\n", ASKS.concat());
    assert_eq!(prompt(history), next);
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
    for choice in ["required", "auto"] {
        assert_eq!(refused(json!({"tool_choice": choice, "guided_regex": "[0-9]+"})), "guided_regex", "{choice}");
    }
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
    let endless = served.ask(PATH, body(json!({"ignore_eos": true, "max_tokens": 30, "temperature": 0})));
    assert_eq!(endless["choices"][0]["finish_reason"], "length", "{endless}");
}
