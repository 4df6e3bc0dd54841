//! Features of `tokenizer.json` that this crate does not have: each is an error that names the field and its value.

use serde_json::{Value, json};
use smollm_tokenizer::Tokenizer;

use crate::files::{load, small};

/// Sets the value at a JSON pointer, also where there is none yet.
fn set(json: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match json.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        object => object[key] = value,
    }
}

#[track_caller]
fn check(name: &str, pointer: &str, value: Value, expected: &str) {
    let mut json = small(name);
    set(&mut json, pointer, value);
    let error = load(&json).unwrap_err().to_string();
    assert!(error.starts_with("tokenizer.json: ") && !error.contains('\n'), "{error}");
    assert!(error.contains(expected), "{error}");
}

#[test]
fn refused_with_field_and_value() {
    for (pointer, value, expected) in [
        ("/version", json!("2.0"), "version = \"2.0\" is not supported (only \"1.0\")"),
        ("/normalizer", json!({"type": "NFC"}), "normalizer = {\"type\":\"NFC\"} is not supported (only null)"),
        ("/extra", json!(7), "extra = 7 is not supported (no such field is known)"),
        ("/two\nlines", json!("a\nb"), "two lines = \"a\\nb\" is not supported (no such field is known)"),
        ("/model/two\nlines", json!(7), "model.two lines = 7 is not supported (no such field is known)"),
        ("/model/type", json!("Unigram"), "model.type = \"Unigram\" is not supported (only \"BPE\")"),
        ("/model/dropout", json!(0.1), "model.dropout = 0.1 is not supported (only null or 0)"),
        ("/model/byte_fallback", json!(true), "model.byte_fallback = true is not supported (only false)"),
        ("/model/end_of_word_suffix", json!("</w>"), "model.end_of_word_suffix = \"</w>\" is not supported"),
        ("/model/continuing_subword_prefix", json!("##"), "model.continuing_subword_prefix = \"##\" is not supported"),
        ("/model/new", json!([1]), "model.new = [1] is not supported (no such field is known)"),
        ("/decoder", Value::Null, "decoder = null is not supported (only ByteLevel)"),
        ("/decoder", json!({"type": "Metaspace"}), "decoder = {\"type\":\"Metaspace\"} is not supported"),
        ("/pre_tokenizer", Value::Null, "pre_tokenizer = null is not supported (only ByteLevel, Digits and ByteLevel"),
        ("/pre_tokenizer", json!({"type": "Whitespace"}), "pre_tokenizer = {\"type\":\"Whitespace\"} is not supported"),
        ("/pre_tokenizer", json!([]), "pre_tokenizer: this is not an object"),
        ("/pre_tokenizer/pretokenizers", json!({}), "pre_tokenizer.pretokenizers: this is not a list"),
        ("/pre_tokenizer/pretokenizers", json!([]), "pre_tokenizer = {"),
        ("/pre_tokenizer/pretokenizers/0", json!("x"), "pre_tokenizer.pretokenizers[0]: this is not an object"),
        (
            "/pre_tokenizer/pretokenizers/0/individual_digits",
            json!(false),
            "pre_tokenizer.pretokenizers[0].individual_digits = false is not supported (only true)",
        ),
        (
            "/pre_tokenizer/pretokenizers/1/add_prefix_space",
            json!(true),
            "pre_tokenizer.pretokenizers[1].add_prefix_space = true is not supported (only false)",
        ),
        ("/pre_tokenizer/pretokenizers/1/use_regex", json!(false), "pre_tokenizer = {"),
        ("/pre_tokenizer/pretokenizers/1/more", json!(1), "pre_tokenizer.pretokenizers[1].more = 1 is not supported"),
        ("/post_processor", json!({"type": "BertProcessing"}), "post_processor = {\"type\":\"BertProcessing\"} is not"),
    ] {
        check("smollm_small", pointer, value, expected);
    }
    for (pointer, value, expected) in [
        (
            "/pre_tokenizer/pretokenizers/0/pattern/Regex",
            json!("\\w+"),
            "pre_tokenizer.pretokenizers[0].pattern = {\"Regex\":\"\\\\w+\"} is not supported (only the regular expressions",
        ),
        (
            "/pre_tokenizer/pretokenizers/0/behavior",
            json!("Removed"),
            "pre_tokenizer.pretokenizers[0].behavior = \"Removed\" is not supported (only \"Isolated\")",
        ),
        ("/pre_tokenizer/pretokenizers/0/invert", json!(true), "invert = true is not supported (only false)"),
        (
            "/post_processor/processors/1/single",
            json!([{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]),
            "post_processor.processors[1].single = [",
        ),
        ("/post_processor/processors/1/single", json!([]), "only one special token before $A and one after it"),
        (
            "/post_processor/processors/1/special_tokens",
            json!({}),
            "post_processor.processors[1].special_tokens = {} is not supported (one id for \"<|begin_of_text|>\")",
        ),
        (
            "/post_processor/processors/1/special_tokens/<|begin_of_text|>/ids",
            json!([5]),
            "post_processor.special_tokens: \"<|begin_of_text|>\" is not token 5 of the vocabulary",
        ),
        (
            "/post_processor/processors/0/type",
            json!("TemplateProcessing"),
            "post_processor.processors[0].add_prefix_space = true is not supported (no such field is known)",
        ),
    ] {
        check("llama3_small", pointer, value, expected);
    }
}

#[test]
fn contradictions() {
    for (pointer, value, expected) in [
        ("/model/vocab/zz", json!(0), "model.vocab: id 0 belongs to both \"<|endoftext|>\" and \"zz\""),
        ("/model/vocab/zz", json!(1_000_000), "model.vocab: id 1000000 of \"zz\" is far beyond the"),
        ("/model/vocab/zz", json!(-1), "invalid value: integer `-1`, expected u32"),
        ("/model/vocab/zz", json!(4_294_967_296u64), "invalid value: integer `4294967296`, expected u32"),
        ("/model/merges/2", json!("abc"), "the merge \"abc\" is not two tokens with a space between"),
        ("/model/merges/2", json!("a b c"), "the merge \"a b c\" is not two tokens with a space between"),
        ("/model/merges/2", json!(["a"]), "invalid length 1, expected a merge of two tokens"),
        ("/model/merges/2", json!(["a", "b", "c"]), "invalid length 3, expected a merge of two tokens"),
        ("/model/merges/2", json!(3), "invalid type: integer `3`, expected a merge as"),
        ("/model/merges/2", json!("Ġ nothing"), "model.merges[2]: \"nothing\" is not in the vocabulary"),
        ("/model/merges/2", json!("~ ~"), "model.merges[2]: \"~~\" is not in the vocabulary"),
        ("/model/unk_token", json!("none"), "model.unk_token: \"none\" is not in the vocabulary"),
        ("/added_tokens/1/id", json!(7), "added_tokens[1]: \"<|im_start|>\" has id 7, but its place is 1"),
        ("/added_tokens/1/content", json!(""), "added_tokens[1]: an added token has no content"),
        ("/added_tokens/1/content", json!("<|endoftext|>"), "added_tokens[1]: \"<|endoftext|>\" is listed twice"),
        ("/added_tokens/1/content", json!("new"), "added_tokens[1]: \"new\" has id 1, but its place is"),
        ("/added_tokens/1/special", json!(1), "invalid type: integer `1`, expected a boolean"),
        ("/added_tokens/1/extra", json!(1), "unknown field `extra`"),
        ("/model", json!({"merges": []}), "missing field `vocab`"),
        ("/model", json!({"vocab": {}}), "missing field `merges`"),
    ] {
        check("smollm_small", pointer, value, expected);
    }
}

#[test]
fn broken_json_has_a_position() {
    let error = |text: &str| Tokenizer::from_json(text.as_bytes(), "a/tokenizer.json").unwrap_err().to_string();
    assert_eq!(error("{\n  \"model\": x"), "a/tokenizer.json: line 2, column 12: expected value");
    assert_eq!(error("[]"), "a/tokenizer.json: line 1, column 0: invalid type: sequence, expected a tokenizer");
    assert_eq!(error("{}"), "a/tokenizer.json: line 1, column 2: missing field `model`");
    assert_eq!(
        error("{\"decoder\":1,\"decoder\":2}"),
        "a/tokenizer.json: line 1, column 22: the field \"decoder\" appears twice"
    );
    let bytes = b"{\"version\": \"\xff\"}";
    let error = Tokenizer::from_json(bytes, "t").unwrap_err().to_string();
    assert_eq!(error, "t: byte 13: the file is not UTF-8");
}

#[test]
fn settings_of_a_call_are_read_over() {
    let mut json = small("smollm_small");
    json["truncation"] = json!({"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0});
    json["padding"] = json!({"strategy": {"Fixed": 9}, "direction": "Right", "pad_id": 2, "pad_type_id": 0});
    let text = "a text of more than five tokens, and of less than ninety";
    let specials = smollm_tokenizer::Specials::Parse;
    assert_eq!(
        load(&json).unwrap().encode(text, specials),
        load(&small("smollm_small")).unwrap().encode(text, specials)
    );
}

#[test]
fn forms_that_say_the_same() {
    for (pointer, value) in [
        ("/model/dropout", json!(0.0)),
        ("/model/continuing_subword_prefix", json!("")),
        ("/model/end_of_word_suffix", json!("")),
        ("/model/fuse_unk", Value::Null),
        ("/post_processor", json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false})),
    ] {
        let mut json = small("smollm_small");
        set(&mut json, pointer, value);
        load(&json).unwrap();
    }
}

#[test]
fn roles() {
    let load = |config: Value| {
        let mut tokenizer = load(&small("flags_small")).unwrap();
        tokenizer.set_roles_from_config(config.to_string().as_bytes(), "tokenizer_config.json").map(|()| tokenizer)
    };
    let tokenizer =
        load(json!({"pad_token": {"content": "</s>"}, "unk_token": "<s>", "add_bos_token": false})).unwrap();
    assert_eq!((tokenizer.bos(), tokenizer.eos()), (Some(0), Some(1)));
    assert_eq!((tokenizer.unk(), tokenizer.pad()), (Some(0), Some(1)));
    assert!(tokenizer.add_bos() && tokenizer.add_eos());
    let tokenizer = load(json!({"bos_token": null, "added_tokens_decoder": {"2": {"content": "<unk>"}}})).unwrap();
    assert_eq!((tokenizer.bos(), tokenizer.unk(), tokenizer.pad()), (Some(0), Some(2), None));
    for (config, expected) in [
        (json!({"pad_token": "<pad>"}), "pad_token: \"<pad>\" is not in the vocabulary"),
        (json!({"eos_token": 2}), "eos_token = 2 is not supported (only a token or null)"),
        (json!({"bos_token": "</s>"}), "bos_token: tokenizer.json puts another token around the text"),
        (
            json!({"added_tokens_decoder": {"9": {"content": "<new>"}}}),
            "added_tokens_decoder.9 = {\"content\":\"<new>\"} is not supported (only tokens of tokenizer.json)",
        ),
    ] {
        assert_eq!(load(config).unwrap_err().to_string(), format!("tokenizer_config.json: {expected}"));
    }
}

#[test]
fn a_folder_or_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Tokenizer::from_file(folder.path()).unwrap_err().to_string();
    assert!(missing.contains("tokenizer.json: "), "{missing}");
    std::fs::write(folder.path().join("tokenizer.json"), small("smollm_small").to_string()).unwrap();
    assert_eq!(Tokenizer::from_file(folder.path()).unwrap().eos(), None);
    std::fs::write(folder.path().join("tokenizer_config.json"), r#"{"eos_token": "<|im_end|>"}"#).unwrap();
    assert_eq!(Tokenizer::from_file(folder.path()).unwrap().eos(), Some(2));
    assert_eq!(Tokenizer::from_file(folder.path().join("tokenizer.json")).unwrap().eos(), Some(2));
}
