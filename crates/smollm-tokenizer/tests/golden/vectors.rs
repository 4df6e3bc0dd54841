//! Ids recorded from the real SmolLM2 tokenizer by other programs, and of whole files.

use std::io::Read;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};
use smollm_testkit::fixtures;
use smollm_tokenizer::{Specials, Tokenizer};

use crate::files::{by_gguf, read_json};

/// The tokenizer as released, as saved again with merges as lists, and by way of GGUF.
fn every_form(fixtures: &Path) -> [(&'static str, Tokenizer); 3] {
    let open = |folder: &str| Tokenizer::from_file(fixtures.join("models").join(folder)).unwrap();
    let released = open("SmolLM2-135M-Instruct");
    let gguf = by_gguf(&released);
    [("released", released), ("merges as lists", open("smollm2-135m-ft-listmerges")), ("GGUF", gguf)]
}

fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn recorded_vectors() {
    let Some(fixtures) = fixtures() else { return };
    let vectors = fixtures.join("tokenizer_vectors");
    let probes = read_json(vectors.join("smollm2_probes.json"));
    let other = read_json(vectors.join("bulebrainbrand_smollm2_tokenization.json"));
    let cases: Vec<&Value> = probes["cases"].as_array().into_iter().chain(other.as_array()).flatten().collect();
    assert!(cases.len() >= 40, "{} cases", cases.len());
    for (form, tokenizer) in every_form(&fixtures) {
        for case in &cases {
            let text = case["text"].as_str().unwrap();
            let specials = if case["parse_special"] == false { Specials::AsText } else { Specials::Parse };
            let found = tokenizer.encode(text, specials);
            assert_eq!(found, ids(&case["ids"]), "{form}: {text:?}");
            assert_eq!(tokenizer.decode(&found, false), text, "{form}");
        }
    }
}

#[test]
fn whole_files() {
    let Some(fixtures) = fixtures() else { return };
    let digests = read_json(fixtures.join("tokenizer_vectors/corpus_id_digests.json"));
    let forms = every_form(&fixtures);
    for file in digests["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        let mut data = std::fs::read(fixtures.join(name)).unwrap();
        if name.ends_with(".gz") {
            let packed = std::mem::take(&mut data);
            flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut data).unwrap();
        }
        let text = String::from_utf8(data).unwrap();
        for (form, tokenizer) in &forms {
            let found = tokenizer.encode(&text, Specials::Parse);
            let bytes: Vec<u8> = found.iter().flat_map(|id| id.to_le_bytes()).collect();
            let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(found.len() as u64, file["n_ids"].as_u64().unwrap(), "{form}: {name}");
            assert_eq!(found[..16], ids(&file["first16"]), "{form}: {name}");
            assert_eq!(found[found.len() - 16..], ids(&file["last16"]), "{form}: {name}");
            assert_eq!(digest, file["sha256_of_u32le_ids"].as_str().unwrap(), "{form}: {name}");
            assert_eq!(tokenizer.decode(&found, false) == text, file["decode_round_trip"] == true, "{form}: {name}");
        }
    }
}

#[test]
fn facts_of_the_released_tokenizer() {
    let Some(fixtures) = fixtures() else { return };
    for (form, tokenizer) in every_form(&fixtures) {
        assert_eq!(tokenizer.vocab_size(), 49_152, "{form}");
        assert_eq!((0..49_152).filter(|&id| tokenizer.is_special(id)).count(), 17, "{form}");
        assert_eq!(tokenizer.id_of("<|im_end|>"), Some(2));
        assert_eq!(tokenizer.token_str(504), Some("The"));
        assert_eq!(tokenizer.token_str(216), Some("Ġ"));
        assert_eq!(tokenizer.token_bytes(905).unwrap().as_ref(), b" world");
        assert_eq!(tokenizer.token_bytes(2).unwrap().as_ref(), b"<|im_end|>");
        assert_eq!((tokenizer.token_bytes(49_152), tokenizer.token_str(49_152)), (None, None));
        assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.unk()), (Some(1), Some(2), Some(0)), "{form}");
        assert_eq!(tokenizer.pad(), Some(2));
        assert!(!tokenizer.add_bos() && !tokenizer.add_eos() && !tokenizer.strips_first_space());
        // Only 235 of the 256 bytes are tokens; the others leave no trace.
        let bytes = (0..=255u8).filter(|&b| (0..49_152).any(|id| tokenizer.token_bytes(id).unwrap().as_ref() == [b]));
        assert_eq!(bytes.count(), 235, "{form}");
        assert_eq!(tokenizer.encode("x\u{4}y", Specials::Parse), [104, 105]);
    }
}

#[test]
fn ids_beyond_the_vocabulary_have_no_text() {
    let Some(fixtures) = fixtures() else { return };
    for (form, tokenizer) in every_form(&fixtures) {
        assert_eq!(tokenizer.decode(&[19_556, 49_152, u32::MAX, 905], false), "Hello world", "{form}");
    }
}
