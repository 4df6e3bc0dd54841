//! What our converter writes into a GGUF file's head, held against what llama.cpp's own converter writes for the same model.

use super::{dtype_of, temporary};
use serde_json::{Value, json};
use smollm::{ModelFiles, convert};
use smollm_checkpoint::Checkpoint;
use smollm_checkpoint::gguf::{GgufArray, GgufValue};
use smollm_testkit::golden::{logits_golden, read_json};
use smollm_testkit::stored::{Stored, write_model};
use smollm_testkit::{fixtures, testdata, tiny};
use std::collections::BTreeMap;

/// Keys of ours that theirs has not in these files, and why.
const OURS_ALONE: [(&str, &str); 2] = [
    ("general.name", "the facts leave out what their converter derives from the folder's name"),
    ("tokenizer.ggml.add_eos_token", "says aloud the `false` that llama.cpp assumes; tokenizers that add EOS need it"),
];

/// Keys of theirs that ours has not, and why. None.
const THEIRS_ALONE: [(&str, &str); 0] = [];

#[test]
fn metadata_and_tensors_are_those_of_llama_cpps_converter() {
    let Some(fixtures) = fixtures() else { return };
    let tokenizer = fixtures.join("models/SmolLM2-135M-Instruct");
    let facts = read_json(&testdata().join("llama_cpp/convert/metadata.json"));
    let folder = temporary();
    for model in facts["models"].as_array().unwrap() {
        let name = model["name"].as_str().unwrap();
        let stored = match model["outtype"].as_str().unwrap() {
            "f32" => Stored::F32,
            "f16" => Stored::F16,
            _ => Stored::Bf16,
        };
        let mut config = logits_golden(name).config;
        config["vocab_size"] = 49152.into();
        let directory = folder.path().join(name);
        write_model(&directory, &config, &tiny::weights(&config), Stored::Bf16).unwrap();
        for file in ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"] {
            std::fs::copy(tokenizer.join(file), directory.join(file)).unwrap();
        }
        let file = folder.path().join("converted.gguf");
        convert(&ModelFiles::at(&directory).unwrap(), &file, Some(dtype_of(stored)), |_| Ok(())).unwrap();

        let ours = Checkpoint::open_gguf(&file).unwrap();
        let known = |list: &[(&str, &str)], key: &str| list.iter().any(|(k, _)| *k == key);
        let ours_by_key: BTreeMap<String, Value> = ours
            .gguf_metadata()
            .unwrap()
            .iter()
            .filter(|(key, _)| !known(&OURS_ALONE, key))
            .map(|(key, value)| (key.to_owned(), described(value)))
            .collect();
        let theirs: BTreeMap<String, Value> = model["metadata"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (entry[0].as_str().unwrap().to_owned(), json!([entry[1], entry[2]])))
            .filter(|(key, _)| !known(&THEIRS_ALONE, key))
            .collect();
        assert_eq!(ours_by_key, theirs, "{name}");

        let tensors: Vec<Value> =
            ours.tensors().map(|t| json!([t.name, t.dtype.name(), t.shape.iter().rev().collect::<Vec<_>>()])).collect();
        assert_eq!(&Value::from(tensors), &model["tensors"], "{name}");
    }
}

/// `[type, value]` in the words of the facts: long strings and arrays are digests.
fn described(value: &GgufValue) -> Value {
    match value {
        GgufValue::U32(n) => json!(["UINT32", n]),
        GgufValue::Bool(b) => json!(["BOOL", b]),
        GgufValue::F32(x) => json!(["FLOAT32", format!("{x:.7e}").parse::<f64>().unwrap()]),
        GgufValue::String(text) if text.chars().count() > 100 => {
            json!(["STRING", {"bytes": text.len(), "sha256": tiny::digest(text.as_bytes())}])
        }
        GgufValue::String(text) => json!(["STRING", text]),
        GgufValue::Array(GgufArray::String(list)) => {
            json!(["STRING[]", {"count": list.len(), "sha256": tiny::digest(list.join("\n").as_bytes())}])
        }
        GgufValue::Array(GgufArray::I32(list)) => {
            let bytes: Vec<u8> = list.iter().flat_map(|n| n.to_le_bytes()).collect();
            json!(["INT32[]", {"count": list.len(), "sha256": tiny::digest(&bytes)}])
        }
        other => panic!("a type that no key of these files has: {other:?}"),
    }
}
