//! Exchanges that others recorded with OpenAI and servers like it: what got an answer there and asks for no more than text, sampling,
//! log-probabilities or reasoning is answered with the keys of OpenAI's answers; the rest stands in a snapshot with the reason.

use super::client::{Answer, Served};
use crate::world::World;
use serde_json::Value;
use smollm_testkit::fixtures;
use std::collections::BTreeSet;

const PATH: &str = "/v1/chat/completions";
/// Fields that ask for more than text if they ask for anything.
const MORE: [&str; 9] = [
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "response_format",
    "modalities",
    "audio",
    "moderation",
    "web_search_options",
];
/// Keys of OpenAI's answers that are about their service, or about senses and guesses that our models have not.
const THEIRS: [&str; 6] = [
    ".service_tier",
    ".choices[].message.annotations",
    ".usage.prompt_tokens_details.audio_tokens",
    ".usage.completion_tokens_details.audio_tokens",
    ".usage.completion_tokens_details.accepted_prediction_tokens",
    ".usage.completion_tokens_details.rejected_prediction_tokens",
];

/// One line of the fixture.
struct Exchange(Value);

impl Exchange {
    fn request(&self) -> &Value {
        &self.0["request"]
    }

    /// What is asked besides text.
    fn asks(&self) -> Vec<String> {
        let request = self.request();
        let nothing = |value: &Value| match value {
            Value::Null => true,
            Value::Array(list) => list.is_empty(),
            other => other["type"] == "text" || other == "none",
        };
        let mut asks: Vec<String> =
            MORE.iter().filter(|field| !nothing(&request[**field])).map(|field| (*field).to_owned()).collect();
        for message in request["messages"].as_array().unwrap() {
            if matches!(message["role"].as_str(), Some("tool" | "function")) || !nothing(&message["tool_calls"]) {
                asks.push("a call in the conversation".to_owned());
            }
            let parts = message["content"].as_array().into_iter().flatten();
            asks.extend(
                parts.filter_map(|part| part["type"].as_str()).filter(|kind| *kind != "text").map(str::to_owned),
            );
        }
        asks.dedup();
        asks
    }

    /// Whether it must be answered.
    fn is_text(&self) -> bool {
        self.0["status"] == 200 && self.asks().is_empty()
    }

    /// The line of the snapshot.
    fn line(&self, answer: &Answer) -> String {
        let asks = match self.asks() {
            asks if asks.is_empty() => "text".to_owned(),
            asks => asks.join(", "),
        };
        let outcome = match answer.status {
            200 => "answered".to_owned(),
            _ => {
                let (message, param, _) = answer.error(400);
                format!("refused, {}", param.as_str().unwrap_or(&message))
            }
        };
        let recorded = match self.0["status"].as_u64().unwrap() {
            200 => String::new(),
            status => format!(" (recorded: {status})"),
        };
        format!("{}: {asks}{recorded}: {outcome}", self.0["cassette"].as_str().unwrap())
    }
}

/// The paths of all keys, as `.choices[].index`.
fn paths(value: &Value) -> BTreeSet<String> {
    let below = |name: String, value: &Value| -> BTreeSet<String> {
        paths(value).into_iter().map(|path| name.clone() + &path).chain([name.clone()]).collect()
    };
    match value {
        Value::Object(keys) => keys.iter().flat_map(|(key, value)| below(format!(".{key}"), value)).collect(),
        Value::Array(list) => list.iter().flat_map(paths).map(|path| format!("[]{path}")).collect(),
        _ => BTreeSet::new(),
    }
}

/// The keys that every whole answer of OpenAI to a request for text has, without those that are theirs alone.
fn core(exchanges: &[Exchange]) -> BTreeSet<String> {
    let openai = |exchange: &&Exchange| exchange.0["uri"].as_str().unwrap().starts_with("https://api.openai.com/");
    let answers = exchanges.iter().filter(|exchange| exchange.is_text()).filter(openai).map(|e| &e.0["response"]);
    let common = answers.filter(|answer| answer.is_object()).map(paths).reduce(|common, keys| &common & &keys).unwrap();
    let theirs = BTreeSet::from(THEIRS.map(str::to_owned));
    assert!(theirs.is_subset(&common), "{common:?}");
    &common - &theirs
}

/// Checks that an answer in pieces has the keys of one, and ends as one.
fn check_pieces(request: &Value, answer: &Answer) {
    let mut events: Vec<&str> = answer.text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    assert_eq!(events.pop(), Some("[DONE]"), "{answer:?}");
    let pieces: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    for piece in &pieces {
        assert_eq!(piece["object"], "chat.completion.chunk");
        assert!(["id", "created", "model", "choices"].iter().all(|key| piece.get(key).is_some()), "{piece}");
    }
    let choices: Vec<&Value> = pieces.iter().flat_map(|piece| piece["choices"].as_array().unwrap()).collect();
    assert!(choices.iter().all(|choice| choice["index"] == 0 && choice["delta"].is_object()), "{choices:?}");
    assert_eq!(choices[0]["delta"]["role"], "assistant");
    assert!(choices.last().unwrap()["finish_reason"].is_string());
    if request["stream_options"]["include_usage"] == true {
        assert!(pieces.last().unwrap()["usage"]["total_tokens"].is_u64());
    }
}

#[test]
fn recorded_requests_for_text_are_answered_and_the_rest_has_a_reason() {
    let Some(fixtures) = fixtures() else { return };
    let world = World::new().with_scripted();
    world.edit("scripted/config.json", |config| config["max_position_embeddings"] = 16384.into());
    world.edit("scripted/tokenizer_config.json", |config| {
        let template = config["chat_template"].as_str().unwrap().to_owned();
        config["chat_template"] = format!("{template}{{% if enable_thinking %}}{{% endif %}}").into();
    });
    let served = Served::ready(&world, &["-m", "scripted", "--ctx", "16384"]);
    let lines = std::fs::read_to_string(fixtures.join("openai/chat_completions.jsonl")).unwrap();
    let exchanges: Vec<_> = lines.lines().map(|line| Exchange(serde_json::from_str(line).unwrap())).collect();
    let core = core(&exchanges);
    assert!(core.contains(".choices[].message.content") && core.contains(".usage.total_tokens"), "{core:?}");
    let (mut texts, mut rest, mut ignored) = (0, BTreeSet::new(), BTreeSet::new());
    for exchange in &exchanges {
        let request = exchange.request();
        let answer = served.post(PATH, request);
        if !exchange.is_text() {
            rest.insert(exchange.line(&answer));
            continue;
        }
        texts += 1;
        assert_eq!(answer.status, 200, "{}: {answer:?}", exchange.0["cassette"]);
        ignored
            .extend(answer.header("x-ignored-params").into_iter().flat_map(|list| list.split(", ")).map(str::to_owned));
        if request["stream"] == true {
            check_pieces(request, &answer);
            continue;
        }
        let answer = answer.json(200);
        let lacks = &core - &paths(&answer);
        assert!(lacks.is_empty(), "{lacks:?} {answer}");
        assert_eq!(answer["object"], "chat.completion");
        assert_eq!(answer["model"], request["model"]);
        assert_eq!(answer["choices"].as_array().unwrap().len() as u64, request["n"].as_u64().unwrap_or(1));
    }
    let rest: Vec<String> = rest.into_iter().collect();
    let ignored: Vec<String> = ignored.into_iter().collect();
    let table = format!(
        "{texts} of {} ask for text and are answered; of their fields without effect: {}\n\n{}",
        exchanges.len(),
        ignored.join(", "),
        rest.join("\n")
    );
    insta::assert_snapshot!("recorded", table);
}
