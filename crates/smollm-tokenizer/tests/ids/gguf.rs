//! GGUF vocabularies of kind `gpt2`: what is written, what is read, what is refused.

use serde_json::{Value, json};
use smollm_tokenizer::{GgufVocab, Specials, Tokenizer};

use crate::files::{by_gguf, load, small, stories_vocab};

#[test]
fn reading_back_gives_the_same_vocabulary() {
    for name in ["smollm_small", "llama3_small"] {
        let gguf = load(&small(name)).unwrap().to_gguf().unwrap();
        assert_eq!(Tokenizer::from_gguf(gguf.clone()).unwrap().to_gguf().unwrap(), gguf, "{name}");
    }
    let Some(stories) = stories_vocab() else { return };
    let gguf = Tokenizer::from_gguf(stories.clone()).unwrap().to_gguf().unwrap();
    assert_eq!(
        (&gguf.tokens, &gguf.scores, &gguf.token_types),
        (&stories.tokens, &stories.scores, &stories.token_types)
    );
    assert_eq!(Tokenizer::from_gguf(gguf.clone()).unwrap().to_gguf().unwrap(), gguf);
}

#[test]
fn tags() {
    let pre = |json: &Value| load(json).unwrap().to_gguf().unwrap().pre.unwrap();
    assert_eq!(pre(&small("smollm_small")), "smollm");
    let mut llama3 = small("llama3_small");
    assert_eq!(pre(&llama3), "llama-bpe");
    llama3["post_processor"] = Value::Null;
    assert_eq!(pre(&llama3), "smaug-bpe");
    let mut gpt2 = small("smollm_small");
    gpt2["pre_tokenizer"] = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true});
    assert_eq!(pre(&gpt2), "gpt-2");
}

#[test]
fn kinds_of_tokens() {
    let gguf = load(&small("llama3_small")).unwrap().to_gguf().unwrap();
    let kind = |token: &str| {
        let at = gguf.tokens.iter().position(|t| t == token).unwrap();
        gguf.token_types.as_ref().unwrap()[at]
    };
    assert_eq!((kind("a"), kind("<|im_start|>"), kind("<think>")), (1, 3, 4));
}

#[test]
fn ids_without_a_token_are_padding() {
    let mut json = small("smollm_small");
    json["model"]["vocab"]["dummy"] = json!(700);
    let tokenizer = load(&json).unwrap();
    assert_eq!((tokenizer.vocab_size(), tokenizer.token_str(690)), (701, None));
    assert_eq!(tokenizer.decode(&[690], false), "");
    let gguf = tokenizer.to_gguf().unwrap();
    assert_eq!((gguf.tokens[690].as_str(), gguf.token_types.as_ref().unwrap()[690]), ("[PAD690]", 5));
    let again = Tokenizer::from_gguf(gguf).unwrap();
    assert_eq!(again.encode("[PAD690] dummy", Specials::Parse), tokenizer.encode("[PAD690] dummy", Specials::Parse));
}

#[test]
fn ignore_merges_that_no_tag_stands_for() {
    let mut json = small("llama3_small");
    json["model"]["ignore_merges"] = json!(false);
    let error = load(&json).unwrap().to_gguf().unwrap_err().to_string();
    assert!(error.contains("no GGUF form: model.ignore_merges is false, the tag llama-bpe stands for true"), "{error}");
    // Where merging makes every token the flag says nothing, and either tag will do.
    let mut json = small("smollm_small");
    json["model"]["ignore_merges"] = json!(true);
    let (flagged, plain) = (load(&json).unwrap(), load(&small("smollm_small")).unwrap());
    let text = "The quick brown fox is what we've said, they're 1234.";
    assert_eq!(by_gguf(&flagged).encode(text, Specials::Parse), plain.encode(text, Specials::Parse));
}

#[test]
fn flags_that_gguf_cannot_say() {
    for flag in ["single_word", "lstrip", "rstrip"] {
        let mut json = small("smollm_small");
        json["added_tokens"][1][flag] = json!(true);
        let error = load(&json).unwrap().to_gguf().unwrap_err().to_string();
        assert_eq!(error, format!("this tokenizer has no GGUF form: the added token \"<|im_start|>\" is {flag}"));
    }
}

#[test]
fn what_two_passes_and_an_unknown_token_would_change() {
    let mut json = small("smollm_small");
    json["added_tokens"][2]["normalized"] = json!(true);
    load(&json).unwrap().to_gguf().unwrap();
    json["added_tokens"][2]["content"] = json!("> ");
    json["model"]["vocab"]["> "] = json!(2);
    json["model"]["vocab"].as_object_mut().unwrap().remove("<|im_end|>");
    let error = load(&json).unwrap().to_gguf().unwrap_err().to_string();
    let reason = "\"<|endoftext|>\" is found before \"> \", which is normalized, and their texts overlap";
    assert_eq!(error, format!("this tokenizer has no GGUF form: {reason}"));

    let mut json = small("smollm_small");
    json["model"]["unk_token"] = json!("<|endoftext|>");
    let error = load(&json).unwrap().to_gguf().unwrap_err().to_string();
    assert!(error.ends_with("form: model.unk_token stands for bytes that the vocabulary lacks"), "{error}");
    // Where every byte is a token the unknown one is never made.
    let mut json = small("llama3_small");
    json["model"]["unk_token"] = json!("a");
    load(&json).unwrap().to_gguf().unwrap();
}

#[test]
fn merges_with_spaces_have_no_text() {
    let mut json = small("llama3_small");
    json["model"]["vocab"]["a b"] = json!(800);
    json["model"]["vocab"]["a bc"] = json!(801);
    json["model"]["merges"].as_array_mut().unwrap().push(json!(["a b", "c"]));
    json["added_tokens"] = json!([]);
    json["post_processor"] = Value::Null;
    let error = load(&json).unwrap().to_gguf().unwrap_err().to_string();
    assert_eq!(error, "this tokenizer has no GGUF form: the merge of \"a b\" and \"c\" has no form as text");
}

#[test]
fn what_a_vocabulary_must_have() {
    let whole = load(&small("llama3_small")).unwrap().to_gguf().unwrap();
    #[track_caller]
    fn check(mut vocab: GgufVocab, change: impl FnOnce(&mut GgufVocab), expected: &str) {
        change(&mut vocab);
        assert_eq!(Tokenizer::from_gguf(vocab).unwrap_err().to_string(), expected);
    }
    let check = |change: fn(&mut GgufVocab), expected: &str| check(whole.clone(), change, expected);
    check(|v| v.model = "t5".to_owned(), "tokenizer.ggml: model = \"t5\" is not supported (only gpt2 and llama)");
    check(
        |v| v.pre = Some("qwen2".to_owned()),
        "tokenizer.ggml: pre = \"qwen2\" is not supported (only smollm, gpt-2, smaug-bpe, llama-bpe)",
    );
    check(
        |v| v.pre = Some("default".to_owned()),
        "tokenizer.ggml: pre = \"default\" is not supported (only smollm, gpt-2, smaug-bpe, llama-bpe)",
    );
    check(
        |v| v.pre = None,
        "tokenizer.ggml: pre: the key is missing, so how text is split is not known; convert the model again",
    );
    check(|v| v.merges = None, "tokenizer.ggml: merges: the key is missing");
    check(
        |v| v.merges.as_mut().unwrap()[3] = "ab".to_owned(),
        "tokenizer.ggml: merges[3]: \"ab\" is not two tokens with a space between",
    );
    check(
        |v| v.merges.as_mut().unwrap()[3] = "a zzzz".to_owned(),
        "tokenizer.ggml: merges[3]: \"a zzzz\" names \"zzzz\", no token",
    );
    check(
        |v| v.merges.as_mut().unwrap()[3] = "~ ~".to_owned(),
        "tokenizer.ggml: merges[3]: \"~ ~\" names \"~~\", no token",
    );
    check(|v| v.token_types.as_mut().unwrap().truncate(807), "tokenizer.ggml: token_type: 807 types for 808 tokens");
    check(
        |v| v.token_types.as_mut().unwrap()[7] = 9,
        "tokenizer.ggml: token_type[7] = 9 is not supported (1 to 6, and 6 only for <0x00> to <0xFF>; the token is \"(\")",
    );
    check(|v| v.pad = Some(9999), "tokenizer.ggml: padding_token_id: id 9999 is beyond the 808 tokens");
    check(|v| v.tokens[1] = v.tokens[0].clone(), "tokenizer.ggml: tokens: \"!\" has both id 0 and id 1");
    assert!(Tokenizer::from_gguf(GgufVocab::default()).is_err());
}

#[test]
fn bos_by_default() {
    let whole = load(&small("llama3_small")).unwrap().to_gguf().unwrap();
    for (pre, add_bos, expected) in [
        ("llama-bpe", None, true),
        ("llama3", None, true),
        ("llama-bpe", Some(false), false),
        ("smaug-bpe", None, false),
        ("smaug-bpe", Some(true), true),
    ] {
        let vocab = GgufVocab { pre: Some(pre.to_owned()), add_bos, ..whole.clone() };
        assert_eq!(Tokenizer::from_gguf(vocab).unwrap().add_bos(), expected, "{pre} {add_bos:?}");
    }
}
