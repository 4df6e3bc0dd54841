//! Broken files: an error or a working tokenizer, never a panic, never an allocation beyond what the file justifies.

use proptest::prelude::*;
use serde_json::{Value, json};
use smollm_tokenizer::{GgufVocab, Specials, Tokenizer};

use crate::files::{SMALL, load, small};

/// Reads `bytes` as a `tokenizer.json` and, where that works, puts the tokenizer through everything it can do.
fn exercise(bytes: &[u8]) {
    let tokenizer = match Tokenizer::from_json(bytes, "tokenizer.json") {
        Ok(tokenizer) => tokenizer,
        Err(error) => return assert!(!error.to_string().contains('\n'), "{error}"),
    };
    let long = "a".repeat(3000);
    for text in ["", " ", "a b ab aab", "The 12 <s> b\u{3000}x \u{1f600}\n\n\té", &long] {
        for specials in [Specials::Parse, Specials::AsText] {
            let ids = tokenizer.encode(text, specials);
            assert!(ids.iter().all(|&id| tokenizer.token_bytes(id).is_some()), "an id beyond the vocabulary");
            assert_eq!(ids, tokenizer.encode(text, specials), "the second time differs");
            tokenizer.decode(&ids, specials == Specials::Parse);
        }
    }
    tokenizer.decode(&[0, 1, 2, u32::MAX], false);
    if let Ok(json) = tokenizer.to_json() {
        let again = Tokenizer::from_json(json.to_string().as_bytes(), "tokenizer.json").unwrap();
        for text in ["a b ab aab", "The 12 <s> b\u{3000}x \u{1f600}\n\n\té", &long] {
            assert_eq!(again.encode(text, Specials::Parse), tokenizer.encode(text, Specials::Parse));
        }
    }
    if let Ok(gguf) = tokenizer.to_gguf() {
        let again = Tokenizer::from_gguf(gguf);
        assert!(again.is_ok(), "what was written cannot be read: {again:?}");
    }
}

#[test]
fn cut_at_every_byte() {
    let bytes = small("llama3_small").to_string().into_bytes();
    for end in 0..bytes.len() {
        let error = Tokenizer::from_json(&bytes[..end], "tokenizer.json").unwrap_err().to_string();
        assert!(error.starts_with("tokenizer.json: ") && !error.contains('\n'), "{end}: {error}");
    }
}

#[test]
fn one_byte_changed() {
    for name in SMALL {
        let bytes = small(name).to_string().into_bytes();
        for at in (0..bytes.len()).step_by(11) {
            let mut changed = bytes.clone();
            changed[at] = [b'"', b'{', b'0', b',', 0xff, b'\\', b' '][at % 7];
            exercise(&changed);
        }
    }
}

/// The places of a JSON value, as pointers.
fn places(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                places(field, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), out);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                places(item, format!("{at}/{i}"), out);
            }
        }
        _ => (),
    }
    out.push(at);
}

#[test]
fn every_field_replaced() {
    let whole = small("llama3_small");
    let mut all = Vec::new();
    places(&whole, String::new(), &mut all);
    let strange = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(4_294_967_295u32),
        json!(1e300),
        json!(""),
        json!("a"),
        json!([]),
        json!({}),
        json!([["a", "b"]]),
        json!({"type": "Sequence", "processors": [], "pretokenizers": []}),
    ];
    // All small fields, and some of the hundreds of tokens and merges.
    let chosen = all.iter().enumerate().filter(|(i, at)| !at.starts_with("/model/") || at.len() < 20 && i % 50 == 0);
    for (_, at) in chosen {
        for value in &strange {
            let mut changed = whole.clone();
            *changed.pointer_mut(at).unwrap() = value.clone();
            exercise(changed.to_string().as_bytes());
        }
    }
}

/// A tokenizer with this model and these added tokens.
fn with_model(vocab: Value, merges: Value, added: Value) -> Value {
    let mut json = small("flags_small");
    json["model"] = json!({"type": "BPE", "vocab": vocab, "merges": merges});
    json["added_tokens"] = added;
    json["post_processor"] = Value::Null;
    json
}

#[test]
fn absurd_models() {
    let token = |id: u32, content: &str| json!({"id": id, "content": content, "special": false, "single_word": true, "lstrip": true, "rstrip": true, "normalized": true});
    for json in [
        with_model(json!({}), json!([]), json!([])),
        with_model(json!({}), json!([]), json!([token(0, " ")])),
        with_model(json!({"": 0, "a": 1}), json!([["", "a"], ["a", ""], ["", ""]]), json!([])),
        // Each makes what the other takes apart.
        with_model(json!({"a": 0, "aa": 1, "aaa": 2}), json!(["aa a", "a aa", "a a", "a a"]), json!([])),
        with_model(json!({"a": 4_294_967_295u32}), json!([]), json!([])),
        with_model(json!({"a": 4_294_967_294u32}), json!([]), json!([])),
        with_model(json!({"a": 70_000}), json!([]), json!([])),
        with_model(json!({"a": 9}), json!([]), json!([token(1, "b"), token(2, "c")])),
        with_model(json!({"a": 1}), json!([]), json!([token(1, "b")])),
        with_model(json!({"a": 0}), json!([]), json!([token(4_294_967_295, "b")])),
        with_model(json!({"a": 0}), json!([]), json!([token(1, &"b".repeat(100_000)), token(2, "b")])),
        with_model(
            json!({"a": 0}),
            json!([]),
            json!([token(1, "\u{3000}"), token(2, "\u{3000}\u{3000}"), token(3, "x ")]),
        ),
    ] {
        exercise(json.to_string().as_bytes());
    }
    let deep = format!("{{\"normalizer\":{}", "[".repeat(100_000));
    exercise(deep.as_bytes());
}

proptest! {
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        exercise(&bytes);
    }

    #[test]
    fn random_models(
        vocab in prop::collection::hash_map("[abĠ]{0,4}", 0u32..12, 0..10),
        merges in prop::collection::vec(("[abĠ]{0,3}", "[abĠ]{0,3}"), 0..8),
        added in prop::collection::vec((0u32..14, "[ab ]{0,3}", any::<bool>()), 0..4),
    ) {
        let added: Vec<Value> = added
            .into_iter()
            .map(|(id, content, flag)| json!({
                "id": id, "content": content, "special": flag, "single_word": false, "lstrip": flag, "rstrip": !flag, "normalized": flag,
            }))
            .collect();
        exercise(with_model(json!(vocab), json!(merges), json!(added)).to_string().as_bytes());
    }

    #[test]
    fn random_gguf_vocabularies(
        kind in prop::sample::select(vec!["gpt2", "llama"]),
        tokens in prop::collection::vec("[ab▁Ġ<>0x]{0,4}|<0x4[0-9]>", 0..12),
        types in prop::option::of(prop::collection::vec(-1i32..8, 0..12)),
        scores in prop::option::of(prop::collection::vec(any::<f32>(), 0..12)),
        merges in prop::option::of(prop::collection::vec("[abĠ ]{0,5}", 0..6)),
        ids in any::<[Option<u8>; 4]>(),
        whole in any::<bool>(),
    ) {
        let [bos, eos, unk, pad] = ids.map(|id| id.map(u32::from));
        let mut vocab = GgufVocab {
            model: kind.to_owned(),
            pre: Some("smollm".to_owned()),
            tokens, scores, token_types: types, merges, bos, eos, unk, pad,
            ..GgufVocab::default()
        };
        if whole {
            // As much as is needed to get past the first checks.
            vocab.tokens.extend((0..=255).map(|b| format!("<0x{b:02X}>")));
            vocab.token_types = None;
            vocab.scores = Some(vec![-1.0; vocab.tokens.len()]);
            vocab.merges = Some(Vec::new());
            (vocab.bos, vocab.eos, vocab.unk, vocab.pad) = (Some(0), None, None, None);
        }
        if let Ok(tokenizer) = Tokenizer::from_gguf(vocab) {
            let ids = tokenizer.encode("a <b> ab\u{2581}é", Specials::Parse);
            tokenizer.decode(&ids, false);
            if let Ok(json) = tokenizer.to_json() {
                let again = load(&json).unwrap();
                for text in ["a <b> ab\u{2581}é", "<0x4", "abab▁a  ab", "00x>a"] {
                    for specials in [Specials::Parse, Specials::AsText] {
                        prop_assert_eq!(again.encode(text, specials), tokenizer.encode(text, specials), "{}", json);
                    }
                }
            }
        }
    }
}
