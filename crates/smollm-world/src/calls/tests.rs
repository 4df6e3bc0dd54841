//! Calls can be read off the request, and names of tools are held out.

use super::*;
use std::collections::HashSet;

#[test]
fn tables_say_what_tools_need() {
    assert!(TOOLS.len() >= 120, "{}", TOOLS.len());
    let names: HashSet<&str> = TOOLS.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names.len(), TOOLS.len());
    for tool in TOOLS.iter().chain(CARD.iter()).chain(AGENT.iter()) {
        let name = &tool.name;
        // descriptions are short where they are ours
        assert!(tool.about.split(' ').count() <= 10 || AGENT.contains(tool), "{name}");
        assert!(tool.about.ends_with('.'), "{name}");
        assert!(tool.complete(false).len() >= 3, "{name}");
        assert!(!tool.complete(true).is_empty(), "{name}");
        assert!(tool.params.len() <= 3, "{name}");
        let keys: HashSet<&str> = tool.params.iter().map(|param| param.key.as_str()).collect();
        let texts = tool
            .asks
            .iter()
            .map(|ask| &ask.text)
            .chain(tool.many.iter().flatten())
            .chain(tool.result.iter().map(|result| &result[1]));
        for text in texts {
            for part in text.split('{').skip(1) {
                let key = part.split('}').next().unwrap_or_default();
                assert!(keys.contains(key), "{name}: {text}");
            }
        }
        for ask in &tool.asks {
            assert_eq!(ask.question, ask.text.ends_with('?'), "{name}: {}", ask.text);
        }
        if let Some([before, part, behind]) = &tool.many {
            assert!(keys.iter().all(|key| format!("{before}{part}{behind}").contains(&format!("{{{key}}}"))), "{name}");
        }
        let mut draw = Draw::new(1, name);
        if tool.result.is_some() {
            let arguments = tool.arguments(&mut draw);
            let (given, answer, values) = tool.outcome(&mut draw, &arguments).expect("a result");
            assert!(!values.is_empty() && !format!("{given}{answer}").contains(['<', '>']), "{given} {answer}");
            assert!(!given.starts_with('{') || serde_json::from_str::<Value>(&given).is_ok(), "{given}");
            assert!(values.iter().all(|value| answer.contains(value.as_str())), "{answer}");
        }
    }
}

#[test]
fn tools_of_the_card_are_written_as_its_schemas() {
    let expected = json!([
        {"type": "function", "function": {"name": "get_random_number_between", "description": "Gets a random number between min and max.",
            "parameters": {"type": "object", "properties": {"min": {"type": "integer", "description": "The minimum number."},
                "max": {"type": "integer", "description": "The maximum number."}}, "required": ["min", "max"]},
            "return": {"type": "integer", "description": "A random number between min and max."}}},
        {"type": "function", "function": {"name": "get_current_time", "description": "Returns the current time in 24-hour format.",
            "parameters": {"type": "object", "properties": {}},
            "return": {"type": "string", "description": "str: Current time in HH:MM:SS format."}}}
    ]);
    let tools: Vec<Value> = CARD.iter().map(|tool| tool.definition(true)).collect();
    assert_eq!(serde_json::to_string(&tools).ok(), serde_json::to_string(&expected).ok());
}

#[test]
fn requests_of_the_card_are_learnt() {
    let mut draw = Draw::new(1, "card");
    let mut found = HashSet::new();
    for _ in 0..40_000 {
        let item = known(&mut draw);
        if let (Some(Value::String(text)), Check::Calls { calls }) =
            (item.messages.last().map(|last| &last["content"]), &item.check)
        {
            if text.starts_with("Give me a number between ") && calls.len() == 1 {
                assert_eq!(calls[0].name, "get_random_number_between");
                assert!(calls[0].arguments.values().all(|value| text.contains(&value.to_string())));
                found.insert("number");
            }
            if text == "Can you give me the hour?" {
                assert_eq!((calls[0].name.as_str(), calls[0].arguments.len()), ("get_current_time", 0));
                found.insert("hour");
            }
        }
    }
    assert_eq!(found.len(), 2);
}

#[test]
fn arguments_can_be_copied_from_the_request() {
    let mut draw = Draw::new(2, "calls");
    for _ in 0..3_000 {
        let item = item(&mut draw, Split::Train);
        let Check::Calls { calls } = &item.check else { continue };
        let request = item.messages.last().and_then(|last| last["content"].as_str()).expect("a request");
        for value in calls.iter().flat_map(|call| call.arguments.values()) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            // "plus" is said, "+" is called
            let written = [" + ", " - ", " * "].iter().any(|sign| text.contains(sign));
            assert!(written || value.is_boolean() || request.contains(&text), "{text:?} in {request:?}");
        }
    }
}

#[test]
fn every_turn_of_a_conversation_calls_what_is_offered() {
    let mut draw = Draw::new(5, "conversations");
    for _ in 0..1_000 {
        let item = conversation(&mut draw);
        let names: HashSet<&str> = item.tools.iter().filter_map(|tool| tool["function"]["name"].as_str()).collect();
        assert!((2..=4).contains(&names.len()));
        let said: Vec<&Value> = item.messages.iter().chain([&item.answer]).collect();
        assert!(said.iter().filter(|message| message["role"] == "user").count() > 1);
        for (before, message) in said.iter().zip(&said[1..]) {
            let roles = (before["role"].as_str(), message["role"].as_str());
            let follows = [("user", "assistant"), ("assistant", "user"), ("assistant", "tool"), ("tool", "assistant")];
            assert!(follows.iter().any(|(first, then)| roles == (Some(first), Some(then))), "{roles:?}");
            for call in message["tool_calls"].as_array().into_iter().flatten() {
                assert!(names.contains(call["function"]["name"].as_str().expect("a name")), "{item:?}");
            }
        }
    }
}

#[test]
fn no_name_of_a_tool_is_learnt_and_held_out() {
    let names = |split| -> HashSet<String> {
        let mut draw = Draw::new(3, "names");
        let items = (0..4_000).flat_map(|_| item(&mut draw, split).tools);
        items.filter_map(|tool| tool["function"]["name"].as_str().map(str::to_owned)).collect()
    };
    let (learnt, held) = (names(Split::Train), names(Split::HeldOut));
    assert!(learnt.is_disjoint(&held), "{:?}", learnt.intersection(&held).collect::<Vec<_>>());
    assert!(learnt.len() > 1_500 && held.len() > 500, "{} {}", learnt.len(), held.len());
}

#[test]
fn parameters_of_made_tools_differ() {
    let mut draw = Draw::new(1, "made");
    for _ in 0..20_000 {
        let tool = made::made(&mut draw);
        for tool in [made::renamed(&mut draw, &tool), tool] {
            let names: HashSet<&str> = tool.params.iter().map(|param| param.name.as_str()).collect();
            assert_eq!(names.len(), tool.params.len(), "{tool:?}");
        }
    }
}

#[test]
fn tools_of_an_item_differ_and_parameters_too() {
    let mut draw = Draw::new(4, "calls");
    for _ in 0..3_000 {
        let item = item(&mut draw, Split::HeldOut);
        let names: HashSet<&str> = item.tools.iter().filter_map(|tool| tool["function"]["name"].as_str()).collect();
        assert_eq!(names.len(), item.tools.len());
        assert!((1..=6).contains(&names.len()));
        for tool in &item.tools {
            let parameters = &tool["function"]["parameters"];
            let properties = parameters["properties"].as_object().expect("an object").len();
            assert_eq!(properties, parameters["required"].as_array().map_or(0, Vec::len), "{tool}");
        }
    }
}
