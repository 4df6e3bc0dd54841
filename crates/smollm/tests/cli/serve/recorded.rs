//! Exchanges that others recorded with OpenAI and servers like it: what asks for text is answered with the same keys, and the rest is
//! refused for a reason that stands in a snapshot.

use super::client::Served;
use crate::world::World;
use serde_json::Value;
use smollm_testkit::fixtures;

/// Keys that every recorded answer has, of the answer and of its choices.
const CORE: [&str; 6] = ["id", "object", "created", "model", "choices", "usage"];
const CHOICE: [&str; 3] = ["index", "message", "finish_reason"];

#[test]
fn recorded_requests_are_answered_or_refused_for_a_reason() {
    let Some(fixtures) = fixtures() else { return };
    let world = World::new().with_scripted();
    world.edit("scripted/config.json", |config| config["max_position_embeddings"] = 16384.into());
    world.edit("scripted/tokenizer_config.json", |config| {
        let template = config["chat_template"].as_str().unwrap().to_owned();
        config["chat_template"] = format!("{template}{{% if enable_thinking %}}{{% endif %}}").into();
    });
    let served = Served::ready(&world, &["-m", "scripted", "--ctx", "16384"]);
    let lines = std::fs::read_to_string(fixtures.join("openai/chat_completions.jsonl")).unwrap();
    let (mut answered, mut refused) = (0, Vec::new());
    for line in lines.lines() {
        let exchange: Value = serde_json::from_str(line).unwrap();
        let request = &exchange["request"];
        let answer = served.post("/v1/chat/completions", request);
        if answer.status != 200 {
            let (message, param, _) = answer.error(400);
            assert!(!message.is_empty());
            let name = exchange["cassette"].as_str().unwrap();
            refused.push(format!("{name}: {}", param.as_str().unwrap_or(&message)));
            continue;
        }
        answered += 1;
        if request["stream"] == true {
            assert!(answer.text.ends_with("data: [DONE]\n\n"), "{answer:?}");
            continue;
        }
        let answer = answer.json(200);
        assert!(CORE.iter().all(|key| answer.get(key).is_some()), "{answer}");
        assert!(CHOICE.iter().all(|key| answer["choices"][0].get(key).is_some()), "{answer}");
    }
    assert!(answered >= 50, "{answered} of {} were answered", lines.lines().count());
    refused.sort();
    refused.dedup();
    insta::assert_snapshot!("recorded", refused.join("\n"));
}
