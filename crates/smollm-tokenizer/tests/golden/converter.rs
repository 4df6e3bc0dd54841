//! The vocabulary that llama.cpp's converter writes for the SmolLM2 tokenizer.

use sha2::{Digest, Sha256};
use smollm_testkit::{fixtures, testdata};
use smollm_tokenizer::Tokenizer;

use crate::files::read_json;

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// What llama.cpp's converter wrote for `key`, as (count, sha256).
fn converter(key: &str) -> (usize, String) {
    let facts = read_json(testdata().join("llama_cpp/convert/metadata.json"));
    let entries = facts["models"][0]["metadata"].as_array().unwrap();
    let value = &entries.iter().find(|e| e[0] == format!("tokenizer.ggml.{key}")).unwrap()[2];
    (value["count"].as_u64().unwrap() as usize, value["sha256"].as_str().unwrap().to_owned())
}

#[test]
fn the_converter_of_llama_cpp_writes_the_same() {
    let Some(fixtures) = fixtures() else { return };
    let tokenizer = Tokenizer::from_file(fixtures.join("models/SmolLM2-135M-Instruct")).unwrap();
    let gguf = tokenizer.to_gguf().unwrap();
    let strings = |list: &[String]| (list.len(), sha256(list.join("\n").as_bytes()));
    let types = gguf.token_types.as_ref().unwrap();
    let type_bytes: Vec<u8> = types.iter().flat_map(|t| t.to_le_bytes()).collect();
    assert_eq!(strings(&gguf.tokens), converter("tokens"));
    assert_eq!(strings(gguf.merges.as_ref().unwrap()), converter("merges"));
    assert_eq!((types.len(), sha256(&type_bytes)), converter("token_type"));
    assert_eq!((gguf.model.as_str(), gguf.pre.as_deref()), ("gpt2", Some("smollm")));
    assert_eq!((gguf.bos, gguf.eos, gguf.unk, gguf.pad), (Some(1), Some(2), Some(0), Some(2)));
    assert_eq!((gguf.add_bos, gguf.add_eos, gguf.add_space_prefix), (Some(false), Some(false), Some(false)));
    assert_eq!(gguf.scores, None);
}
