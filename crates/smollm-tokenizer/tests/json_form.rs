//! The `tokenizer.json` that is written: read by this crate and by the Rust crate `tokenizers`, it gives the same ids.

mod files;

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use smollm_testkit::testdata;
use smollm_tokenizer::{GgufVocab, Specials, Tokenizer};

use files::{SMALL, by_gguf, load, read_json, small, stories_vocab, tokenizer_file};

/// A tokenizer and what was read from the file that it wrote.
struct Written {
    name: String,
    source: Tokenizer,
    ours: Tokenizer,
    /// Special tokens parsed, and as text.
    oracle: [tokenizers::Tokenizer; 2],
}

fn oracle(json: &Value) -> [tokenizers::Tokenizer; 2] {
    let parsed: tokenizers::Tokenizer = json.to_string().parse().unwrap();
    let mut as_text = parsed.clone();
    as_text.set_encode_special_tokens(true);
    [parsed, as_text]
}

fn written(name: impl Into<String>, source: Tokenizer) -> Written {
    let json = source.to_json().unwrap();
    Written { name: name.into(), source, ours: load(&json).unwrap(), oracle: oracle(&json) }
}

/// Every tokenizer of the test data, as it is and by way of GGUF; stories260K with and without its space prefix.
static ALL: LazyLock<Vec<Written>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for name in SMALL.into_iter().chain(["smollm2"]) {
        let Some(path) = tokenizer_file(name) else { continue };
        let source = Tokenizer::from_file(path).unwrap();
        if name != "flags_small" {
            all.push(written(format!("{name} by way of GGUF"), by_gguf(&source)));
        }
        all.push(written(name, source));
    }
    if let Some(stories) = stories_vocab() {
        let without = GgufVocab { add_space_prefix: Some(false), ..stories.clone() };
        all.push(written("stories260K without a prefix", Tokenizer::from_gguf(without).unwrap()));
        let source = Tokenizer::from_gguf(stories.clone()).unwrap();
        let again = by_gguf(&load(&source.to_json().unwrap()).unwrap());
        all.push(written("stories260K there and back", again));
        all.push(written("stories260K", source));
        all.push(written("stories260K by transformers", load(&by_transformers(&stories)).unwrap()));
    }
    all
});

/// The file that transformers makes of a SentencePiece vocabulary (`convert_slow_tokenizer.py`): every pair that makes a
/// token, by score, then by the lengths of the parts, all descending, then by their ids.
fn by_transformers(vocab: &GgufVocab) -> Value {
    let scores = vocab.scores.as_ref().unwrap();
    let id = |piece: &str| vocab.tokens.iter().position(|token| token == piece);
    let mut merges = Vec::new();
    for (made, token) in vocab.tokens.iter().enumerate() {
        let mut local: Vec<(usize, usize)> = token
            .char_indices()
            .skip(1)
            .filter_map(|(middle, _)| Some((id(&token[..middle])?, id(&token[middle..])?)))
            .collect();
        local.sort_unstable();
        merges.extend(local.into_iter().map(|pair| (made, pair)));
    }
    let length = |id: usize| vocab.tokens[id].chars().count();
    merges.sort_by(|&(a, (al, ar)), &(b, (bl, br))| {
        scores[b].total_cmp(&scores[a]).then_with(|| (length(bl), length(br)).cmp(&(length(al), length(ar))))
    });
    let mut json = Tokenizer::from_gguf(vocab.clone()).unwrap().to_json().unwrap();
    json["model"]["merges"] =
        merges.iter().map(|&(_, (left, right))| json!([vocab.tokens[left], vocab.tokens[right]])).collect();
    json
}

#[track_caller]
fn check(written: &Written, text: &str) {
    let Written { name, source, ours, oracle } = written;
    for (oracle, specials) in oracle.iter().zip([Specials::Parse, Specials::AsText]) {
        let expected = source.encode(text, specials);
        assert_eq!(ours.encode(text, specials), expected, "{name}, {specials:?}: {text:?}");
        let theirs = oracle.encode_fast(text, false).unwrap();
        assert_eq!(theirs.get_ids(), expected, "{name} by the crate tokenizers, {specials:?}: {text:?}");
        for skip in [false, true] {
            let decoded = source.decode(&expected, skip);
            assert_eq!(ours.decode(&expected, skip), decoded, "{name}: {expected:?}");
            assert_eq!(oracle.decode(&expected, skip).unwrap(), decoded, "{name}: {expected:?}");
        }
    }
}

#[test]
fn ids_of_the_mixed_corpus() {
    let golden = read_json(testdata().join("tokenizer/golden.json"));
    for written in ALL.iter() {
        for text in golden["texts"].as_array().unwrap() {
            check(written, text.as_str().unwrap());
        }
    }
}

#[test]
fn ids_of_every_token() {
    for written in ALL.iter() {
        let step = if written.source.vocab_size() > 10_000 { 7 } else { 1 };
        let ids = (0..written.source.vocab_size() as u32).step_by(step);
        let text: String = ids.map(|id| format!(" {0}{0}x ", written.source.decode(&[id], false))).collect();
        check(written, &text);
    }
}

#[test]
fn ids_that_llama_cpp_gives_for_stories() {
    let recorded = read_json(testdata().join("tokenizer/llama_cpp_stories260k.json"));
    let cases = recorded["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 33);
    let with_prefix = |written: &&Written| written.name.starts_with("stories") && !written.name.ends_with("prefix");
    for written in ALL.iter().filter(with_prefix) {
        for case in cases {
            let text = case["text"].as_str().unwrap();
            let expected: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
            for tokenizer in [&written.source, &written.ours] {
                let ids = [vec![1], tokenizer.encode(text, Specials::Parse)].concat();
                assert_eq!(ids, expected, "{}: {text:?}", written.name);
            }
            // The oracle adds the first token itself.
            let theirs = written.oracle[0].encode_fast(text, true).unwrap();
            assert_eq!(theirs.get_ids(), expected, "{}: {text:?}", written.name);
        }
    }
}

/// Text that meets what the tokenizers tell apart.
fn text() -> impl Strategy<Value = String> {
    let words = [
        "the",
        " the",
        "ing",
        " we've",
        "'RE",
        "1234",
        " 7",
        "  ",
        "\n",
        "\r\n",
        "\t",
        " \u{a0}",
        "é",
        "▁",
        "▁the",
        " ▁",
        "<0x41>",
        "One day",
        "once upon a time",
        "ab",
        "bc",
    ];
    let tokens =
        ["<|im_start|>", "<|im_end|>", "<think>", "[MASK]", "word", "<lstrip>", "<both>", "<s>", "</s>", "<unk>"];
    let part = prop_oneof![
        3 => prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        2 => prop::sample::select(tokens.to_vec()).prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
        2 => "[ -~]{1,8}",
        2 => "[a-z ]{1,20}",
        1 => "\\PC{1,4}",
        1 => ("[a-z \n=0-9]", 1usize..80).prop_map(|(c, n)| c.repeat(n)),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn ids_and_text_of_random_text(text in text()) {
        // Numbers of Unicode 17: the oracle crate's compiler decides whether its `Digits` knows them.
        prop_assume!(!text.contains(|c| matches!(c, '\u{11de0}'..='\u{11de9}' | '\u{16ff4}'..='\u{16ff6}')));
        for written in ALL.iter() {
            check(written, &text);
        }
    }

    /// Special tokens and added ones in any place of a vocabulary, with merges of them: the same ids, or an error.
    #[test]
    fn any_kinds_of_tokens(
        kinds in prop::collection::vec((3usize..800, prop::sample::select(vec![1, 3, 4, 5])), 0..20),
        pre in prop::sample::select(vec!["smollm", "gpt-2", "smaug-bpe", "llama-bpe"]),
        texts in prop::collection::vec("[a-z' ]{0,16}|[ -~]{0,8}|[0-9 ]{0,6}", 4),
    ) {
        let mut vocab = load(&small("llama3_small")).unwrap().to_gguf().unwrap();
        vocab.pre = Some(pre.to_owned());
        for (id, kind) in kinds {
            vocab.token_types.as_mut().unwrap()[id] = kind;
        }
        let source = Tokenizer::from_gguf(vocab).unwrap();
        if source.to_json().is_ok() {
            let written = written(pre, source);
            for text in &texts {
                check(&written, text);
            }
        }
    }
}

#[test]
fn the_released_file_comes_back() {
    let Some(path) = tokenizer_file("smollm2") else { return };
    let released = read_json(path.clone());
    let ours = Tokenizer::from_json(&std::fs::read(path).unwrap(), "tokenizer.json").unwrap().to_json().unwrap();
    for (field, value) in released.as_object().unwrap() {
        if field != "model" {
            assert_eq!(&ours[field], value, "{field}");
        }
    }
    for (field, value) in released["model"].as_object().unwrap() {
        if field != "merges" {
            assert!(&ours["model"][field] == value, "model.{field}");
        }
    }
    let spelled = |merge: &Value| match merge.as_array() {
        Some(pair) => format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()),
        None => merge.as_str().unwrap().to_owned(),
    };
    let merges = |json: &Value| json["model"]["merges"].as_array().unwrap().iter().map(spelled).collect::<Vec<_>>();
    assert!(merges(&released) == merges(&ours));
}

#[test]
fn what_goes_around_a_text() {
    for Written { name, source, ours, oracle } in ALL.iter() {
        let around = |tokenizer: &Tokenizer| {
            let before = tokenizer.bos().filter(|_| tokenizer.add_bos());
            before.into_iter().chain(tokenizer.eos().filter(|_| tokenizer.add_eos())).collect::<Vec<u32>>()
        };
        assert_eq!(around(ours), around(source), "{name}");
        assert_eq!(oracle[0].encode_fast("", true).unwrap().get_ids(), around(source), "{name}");
        assert_eq!(ours.vocab_size(), source.vocab_size(), "{name}");
        assert_eq!(ours.strips_first_space(), source.strips_first_space(), "{name}");
        for id in 0..source.vocab_size() as u32 {
            assert_eq!(ours.is_special(id), source.is_special(id), "{name}: {id}");
            assert_eq!(ours.token_bytes(id), source.token_bytes(id), "{name}: {id}");
        }
    }
}

#[test]
fn the_form_of_a_sentencepiece_vocabulary() {
    let Some(stories) = stories_vocab() else { return };
    let json = Tokenizer::from_gguf(stories).unwrap().to_json().unwrap();
    let special = |id: u32, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    };
    assert_eq!(json["added_tokens"], json!([special(0, "<unk>"), special(1, "<s>"), special(2, "</s>")]));
    assert_eq!(
        json["normalizer"],
        json!({"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]})
    );
    assert_eq!(json["pre_tokenizer"], Value::Null);
    assert_eq!(
        json["decoder"],
        json!({"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})
    );
    assert_eq!(json["model"]["unk_token"], "<unk>");
    assert_eq!((&json["model"]["byte_fallback"], &json["model"]["fuse_unk"]), (&json!(true), &json!(true)));
    assert_eq!(json["model"]["vocab"].as_object().unwrap().len(), 512);
    assert_eq!(json["post_processor"]["single"][0], json!({"SpecialToken": {"id": "<s>", "type_id": 0}}));
}

/// The error of a changed vocabulary of stories260K.
#[track_caller]
fn refused(change: impl FnOnce(&mut GgufVocab), expected: &str) {
    let Some(mut vocab) = stories_vocab() else { return };
    change(&mut vocab);
    let error = Tokenizer::from_gguf(vocab).unwrap().to_json().unwrap_err().to_string();
    assert_eq!(error, format!("this tokenizer has no tokenizer.json form: {expected}"));
}

#[test]
fn vocabularies_without_this_form() {
    let token = |vocab: &GgufVocab, text: &str| vocab.tokens.iter().position(|token| token == text).unwrap();
    let kind = |vocab: &mut GgufVocab, text: &str, kind: i32| {
        let at = token(vocab, text);
        vocab.token_types.as_mut().unwrap()[at] = kind;
    };
    refused(
        |v| v.token_types.as_mut().unwrap()[3 + 0x41] = 1,
        "the token \"<0x41>\" is no byte token but spelled like one",
    );
    refused(|v| kind(v, "e", 3), "the token \"e\" is part of plain text in one form and not in the other");
    refused(|v| kind(v, "▁the", 4), "the token \"▁the\" is decoded with spaces in one form and not in the other");
    refused(
        |v| {
            let at = token(v, "h");
            v.tokens[at] = "missing".to_owned();
        },
        "\"he\" is made of \"h\", which is no token",
    );
    refused(
        |v| v.scores = Some(vec![0.0; 512]),
        "\"▁th\" has the score of other tokens, and \"▁the\", which is made of it, has no lower one",
    );
    // The same for a byte-level vocabulary.
    let mut vocab = load(&small("llama3_small")).unwrap().to_gguf().unwrap();
    let at = token(&vocab, "a");
    vocab.token_types.as_mut().unwrap()[at] = 4;
    vocab.merges = Some(Vec::new());
    let error = Tokenizer::from_gguf(vocab).unwrap().to_json().unwrap_err().to_string();
    assert_eq!(
        error,
        "this tokenizer has no tokenizer.json form: the added token \"a\" would also be a token of plain text"
    );
}

/// The error of a changed file of stories260K.
#[track_caller]
fn unread(pointer: &str, value: Value, expected: &str) {
    let Some(stories) = stories_vocab() else { return };
    let mut json = Tokenizer::from_gguf(stories).unwrap().to_json().unwrap();
    *json.pointer_mut(pointer).unwrap() = value;
    let error = load(&json).unwrap_err().to_string();
    assert!(error.starts_with(&format!("tokenizer.json: {expected}")), "{error}");
}

#[test]
fn files_that_are_refused() {
    unread("/normalizer", Value::Null, "normalizer = null is not supported (with byte_fallback only Prepend");
    unread("/normalizer/normalizers/0/prepend", json!("_"), "normalizer = {");
    unread("/decoder/decoders/3/start", json!(2), "decoder = {");
    unread(
        "/decoder/decoders",
        json!([]),
        "decoder = {\"type\":\"Sequence\",\"decoders\":[]} is not supported (with this",
    );
    unread("/model/ignore_merges", json!(true), "model.ignore_merges = true is not supported (with byte_fallback only");
    unread("/model/byte_fallback", json!(false), "pre_tokenizer = null is not supported");
    unread("/added_tokens/1/normalized", json!(true), "added_tokens[1].normalized = true is not supported (with a");
    unread(
        "/pre_tokenizer",
        json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false}),
        "pre_tokenizer = {",
    );
    let Some(stories) = stories_vocab() else { return };
    let mut json = Tokenizer::from_gguf(stories).unwrap().to_json().unwrap();
    let vocab = json["model"]["vocab"].as_object_mut().unwrap();
    let id = vocab.remove("<0x41>").unwrap();
    vocab.insert("<0xA>".to_owned(), id);
    let error = load(&json).unwrap_err().to_string();
    assert_eq!(
        error,
        "tokenizer.json: model.vocab: byte_fallback needs a token for every byte, and \"<0x41>\" is missing"
    );
}

#[test]
fn merges_that_no_scores_stand_for() {
    let Some(stories) = stories_vocab() else { return };
    let json = Tokenizer::from_gguf(stories).unwrap().to_json().unwrap();
    let refused = |json: &Value| load(json).unwrap().to_gguf().unwrap_err().to_string();
    // A token that its own pieces no longer make, though scores would make it.
    let mut fewer = json.clone();
    fewer["model"]["merges"].as_array_mut().unwrap().remove(0);
    let error = refused(&fewer);
    let expected = "this tokenizer has no GGUF form: scores in the order of its merges would make \"▁t\" otherwise";
    assert_eq!(error, expected);
    let mut bytes = json;
    bytes["model"]["vocab"]["<0x41>e"] = json!(512);
    bytes["model"]["merges"].as_array_mut().unwrap().push(json!(["<0x41>", "e"]));
    assert_eq!(refused(&bytes), "this tokenizer has no GGUF form: the merge of \"<0x41>\" and \"e\" is one of bytes");
}
