//! Ids and masks of conversations, token by token those of transformers (reference/mask_golden.py).

use serde_json::Value;
use sha2::{Digest, Sha256};
use smollm_corpus::examples::{Document, Example, ExampleOptions, Examples, Loss, OnLost};
use smollm_corpus::records::{Chat, Place, ReadOptions, Record, Records, Unit};
use smollm_tokenizer::template::{ChatTemplate, DateTime};
use smollm_tokenizer::{Specials, Tokenizer};
use std::path::Path;

fn golden() -> Value {
    smollm_testkit::golden::read_json(&smollm_testkit::testdata().join("corpus/masks.json"))
}

/// A template of the fixtures: a tokenizer_config.json, a training recipe, or the text itself.
fn template(path: &Path, golden: &Value) -> ChatTemplate {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let text = match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => serde_json::from_str::<Value>(&text).unwrap()["chat_template"].as_str().unwrap().to_owned(),
        Some("yaml") => {
            // The recipes write it on one line between double quotes, with JSON's escapes.
            let line = text.lines().find_map(|line| line.strip_prefix("chat_template: ")).unwrap();
            serde_json::from_str(line).unwrap()
        }
        _ => text,
    };
    let special = golden["special"].as_object().unwrap();
    let special: Vec<_> =
        special.iter().map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned())).collect();
    ChatTemplate::new(&text, &special).unwrap()
}

fn options(golden: &Value) -> ExampleOptions {
    let part = |at: usize| golden["now"][at].as_i64().unwrap();
    let small = |at: usize| part(at) as i8;
    ExampleOptions {
        loss: Loss::Answers,
        max_tokens: None,
        max_prompt: None,
        end_token: None,
        specials: Specials::Parse,
        on_lost: OnLost::Stop,
        variables: serde_json::Map::new(),
        now: DateTime::constant(part(0) as i16, small(1), small(2), small(3), small(4), small(5), 0),
    }
}

fn tokenizer(fixtures: &Path) -> Tokenizer {
    Tokenizer::from_file(fixtures.join("models/SmolLM2-135M-Instruct/tokenizer.json")).unwrap()
}

fn bytes(ids: &[u32]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_le_bytes()).collect()
}

fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The ranges of a mask in which all is learnt.
fn ranges(mask: &[bool]) -> Vec<Value> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for run in mask.chunk_by(|a, b| a == b) {
        if run[0] {
            ranges.push(Value::from(vec![start, start + run.len()]));
        }
        start += run.len();
    }
    ranges
}

#[test]
fn conversations_of_all_templates() {
    let Some(fixtures) = smollm_testkit::fixtures() else { return };
    let golden = golden();
    let tokenizer = tokenizer(&fixtures);
    let conversations =
        smollm_testkit::golden::read_json(&smollm_testkit::testdata().join("templates/conversations.json"));
    let place = Place { file: Path::new("golden").into(), number: 1, unit: Unit::Row };
    let (mut compared, mut refused, mut wrong) = (0, 0, Vec::new());
    for (name, of_template) in golden["templates"].as_object().unwrap() {
        let template = template(&fixtures.join(of_template["path"].as_str().unwrap()), &golden);
        let mut options = options(&golden);
        options.variables = of_template["variables"].as_object().unwrap().clone();
        for expected in of_template["conversations"].as_array().unwrap() {
            let title = expected["title"].as_str().unwrap();
            let conversation = &conversations["conversations"][title];
            let mut chat = Chat::default();
            for message in conversation["messages"].as_array().unwrap() {
                chat.push(message.clone(), true);
            }
            chat.variables = conversation["extra"].as_object().cloned().unwrap_or_default();
            let made = Examples::new(&tokenizer, Some(&template), options.clone()).example(&place, &Record::Chat(chat));
            let problem = match (expected["learnt"].as_array(), made) {
                (None, Err(error)) => {
                    let error = error.to_string();
                    refused += 1;
                    (!error.contains("the prompt for it is not how the conversation begins")).then_some(error)
                }
                (Some(learnt), Ok(Some(Example::One(document)))) => {
                    let same = expected["ids"] == document.ids.len()
                        && expected["sha256"] == hex(Sha256::digest(bytes(&document.ids)))
                        && *learnt == ranges(&document.mask);
                    (!same).then(|| format!("{:?}, expected {expected}", ranges(&document.mask)))
                }
                (_, made) => Some(format!("{made:?}, expected {expected}")),
            };
            wrong.extend(problem.map(|problem| format!("{name}, {title}: {problem}")));
            compared += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared >= 60 && refused == 9, "{compared}, {refused} refused");
}

#[test]
fn files_of_conversations_and_pairs() {
    let Some(fixtures) = smollm_testkit::fixtures() else { return };
    let golden = golden();
    let tokenizer = tokenizer(&fixtures);
    let template = template(&fixtures.join("models/SmolLM2-135M-Instruct/tokenizer_config.json"), &golden);
    for (name, expected) in golden["files"].as_object().unwrap() {
        let mut examples = Examples::new(&tokenizer, Some(&template), options(&golden));
        let (mut digest, mut count) = (Sha256::new(), 0);
        let mut update = |document: &Document| {
            digest.update(bytes(&document.ids));
            digest.update(document.mask.iter().map(|&learnt| u8::from(learnt)).collect::<Vec<_>>());
        };
        for record in Records::open(&fixtures.join(name), &ReadOptions::default()).unwrap() {
            let (place, record) = record.unwrap();
            match examples.example(&place, &record).unwrap().unwrap() {
                Example::One(document) => update(&document),
                Example::Pair { chosen, rejected, prompt } => {
                    assert_eq!(chosen.ids[..prompt], rejected.ids[..prompt]);
                    assert!(chosen.mask[..prompt].iter().all(|learnt| !learnt));
                    update(&chosen);
                    update(&rejected);
                }
            }
            count += 1;
        }
        assert_eq!(expected["records"], count, "{name}");
        assert_eq!(expected["sha256"], hex(digest.finalize()), "{name}");
        assert_eq!(examples.tally().examples, count);
    }
}
