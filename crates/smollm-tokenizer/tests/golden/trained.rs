//! The merges that the trainer of the Python `tokenizers` finds in the mixed corpus and in fixtures.

use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use smollm_testkit::{fixtures, testdata};
use smollm_tokenizer::train::{Feed, Pattern, TrainError, TrainOptions, train};

/// `trained.json`, made by `reference/tokenizer_train_check.py --golden`.
#[derive(Deserialize)]
struct Golden {
    special_tokens: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    /// `golden` for those of `golden.json`, or a fixture.
    texts: String,
    vocab_size: usize,
    #[serde(default)]
    cut: String,
    #[serde(default)]
    min_frequency: u64,
    max_token_length: Option<usize>,
    #[serde(default)]
    only_seen_bytes: bool,
    tokens: usize,
    merges: usize,
    /// Of all merges, a line each.
    merges_sha256: String,
    first_merges: Vec<String>,
    last_merge: String,
}

/// The texts of a case; `None` where they are a fixture that is not here.
fn texts(name: &str) -> Option<Vec<String>> {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    if name == "golden" {
        let golden = json(&std::fs::read_to_string(testdata().join("tokenizer/golden.json")).unwrap());
        return Some(golden["texts"].as_array().unwrap().iter().map(text).collect());
    }
    let path = fixtures()?.join("pretrain").join(name);
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    Some(match path.extension().and_then(|end| end.to_str()) {
        Some("jsonl") => read(&path).lines().map(|line| text(&json(line)["text"])).collect(),
        Some("gz") => {
            let mut text = String::new();
            GzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_string(&mut text).unwrap();
            vec![text]
        }
        _ => vec![read(&path)],
    })
}

#[test]
fn merges_of_their_trainer() {
    let golden = std::fs::read_to_string(testdata().join("tokenizer/trained.json")).unwrap();
    let golden: Golden = serde_json::from_str(&golden).unwrap();
    for case in &golden.cases {
        let Some(texts) = texts(&case.texts) else { continue };
        let options = TrainOptions {
            vocab_size: case.vocab_size,
            specials: golden.special_tokens.clone(),
            pattern: match case.cut.as_str() {
                "gpt2" => Pattern::Gpt2,
                "smollm3" => Pattern::Llama3,
                _ => Pattern::Gpt2Digits,
            },
            min_frequency: case.min_frequency,
            max_token_length: case.max_token_length,
            only_seen_bytes: case.only_seen_bytes,
            threads: 2,
            ..TrainOptions::default()
        };
        let feed = |feed: &mut Feed<'_>| {
            texts.iter().for_each(|text| feed.text(text));
            Ok::<(), TrainError>(())
        };
        let trained = train(&options, &tempfile::tempfile, feed, |_, _| Ok(())).unwrap();
        check(case, &trained.tokenizer.to_json().unwrap());
    }
}

fn check(case: &Case, json: &Value) {
    let name = format!("{} with {} tokens", case.texts, case.vocab_size);
    let merge = |merge: &Value| format!("{} {}", merge[0].as_str().unwrap(), merge[1].as_str().unwrap());
    let merges: Vec<String> = json["model"]["merges"].as_array().unwrap().iter().map(merge).collect();
    assert_eq!(merges[..case.first_merges.len()], case.first_merges, "{name}");
    assert_eq!((merges.len(), merges.last()), (case.merges, Some(&case.last_merge)), "{name}");
    assert_eq!(json["model"]["vocab"].as_object().unwrap().len(), case.tokens, "{name}");
    let mut digest = String::new();
    let lines = merges.iter().map(|merge| merge.clone() + "\n").collect::<String>();
    Sha256::digest(lines).iter().for_each(|byte| write!(digest, "{byte:02x}").unwrap());
    assert_eq!(digest, case.merges_sha256, "{name}");
}
