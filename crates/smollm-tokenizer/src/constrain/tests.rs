//! Grammars over a small byte-level vocabulary.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Constraint, Grammar, GrammarError, GrammarSource, Grammars};
use crate::{Specials, Tokenizer};

mod bounds;
mod choices;
mod closing;
mod endings;
mod schemas;
mod shared;
mod work;

fn tokenizer() -> Arc<Tokenizer> {
    let json = smollm_testkit::byte_level::tokenizer_json(400).to_string();
    Arc::new(Tokenizer::from_json(json.as_bytes(), "tokenizer.json").unwrap())
}

pub(super) fn compiled(source: &GrammarSource) -> Result<Grammar, GrammarError> {
    Grammars::new(tokenizer()).compile(source)
}

fn lark(text: &str) -> GrammarSource {
    GrammarSource::Lark(text.to_owned())
}

fn regex(text: &str) -> GrammarSource {
    GrammarSource::Regex(text.to_owned())
}

/// The constraint after `text`, token by token, as long as it is allowed.
fn after(grammar: &Grammar, text: &str) -> Option<Constraint> {
    let mut constraint = grammar.begin();
    for at in 0..text.len() {
        constraint.accept(byte(text.as_bytes()[at])).ok()?;
    }
    Some(constraint)
}

/// The token of a single byte.
fn byte(byte: u8) -> u32 {
    let tokenizer = tokenizer();
    (0..400).find(|&id| !tokenizer.is_special(id) && *tokenizer.token_bytes(id).unwrap() == [byte]).unwrap()
}

/// The token of a text of a single byte.
fn id(text: &str) -> u32 {
    byte(text.as_bytes()[0])
}

/// Whether `text` is a whole text of the grammar.
pub(super) fn accepts(grammar: &Grammar, text: &str) -> bool {
    after(grammar, text).is_some_and(|mut constraint| constraint.may_end().unwrap())
}

/// What comes of always taking one of the allowed tokens, by a simple generator; at most `most` tokens.
fn scribble(grammar: &Grammar, seed: u64, most: usize) -> (String, bool) {
    let (tokenizer, mut constraint) = (tokenizer(), grammar.begin());
    let (mut ids, mut state) = (Vec::new(), seed);
    while !constraint.has_ended() && ids.len() < most {
        let allowed = constraint.allowed().unwrap();
        let choices: Vec<u32> = (0..400).filter(|&id| allowed.contains(id)).collect();
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let drawn = (state >> 33) as usize % (choices.len() + usize::from(allowed.may_end()));
        let Some(&id) = choices.get(drawn) else { return (tokenizer.decode(&ids, false), true) };
        assert!(!tokenizer.is_special(id), "{id}");
        constraint.accept(id).unwrap();
        ids.push(id);
    }
    (tokenizer.decode(&ids, false), constraint.has_ended())
}

#[test]
fn regular_expressions_hold_from_beginning_to_end() {
    let grammar = compiled(&regex("[a-c]{2}(x|yz)?")).unwrap();
    for text in ["ab", "abx", "ccyz"] {
        assert!(accepts(&grammar, text), "{text}");
    }
    for text in ["", "a", "abc", "aby", "abxx", "xab"] {
        assert!(!accepts(&grammar, text), "{text}");
    }
    assert!(accepts(&compiled(&regex("a/b")).unwrap(), "a/b"));
    assert!(after(&grammar, "abx").unwrap().has_ended() && !after(&grammar, "ab").unwrap().has_ended());
}

#[test]
fn a_choice_is_one_of_its_texts_whatever_is_in_them() {
    let texts = ["yes", "yes, please", "no \"no\"", "naïve\\n\n"].map(str::to_owned).to_vec();
    let grammar = compiled(&GrammarSource::Choice(texts.clone())).unwrap();
    assert!(texts.iter().all(|text| accepts(&grammar, text)));
    assert!(["ye", "yes,", "no", "naive", ""].iter().all(|text| !accepts(&grammar, text)));
    for none in [vec![], vec![String::new()]] {
        assert_eq!(compiled(&GrammarSource::Choice(none)).unwrap_err(), GrammarError::NoChoice);
    }
}

#[test]
fn lark_grammars_may_embed_schemas() {
    let text = "start: \"<call>\" args \"</call>\" // %json in a comment\nargs: %json {\"type\": \"object\", \"properties\": {\"a\": \
                {\"type\": \"integer\", \"title\": \"n\"}}, \"required\": [\"a\"], \"additionalProperties\": false}\n";
    let grammar = compiled(&lark(text)).unwrap();
    assert!(accepts(&grammar, "<call>{\"a\": 7}</call>"));
    assert!(!accepts(&grammar, "<call>{\"a\":7}</call>") && !accepts(&grammar, "<call>{\"a\": 7}"));
    let error = compiled(&lark("start: \"%json\" %json {\"not\": {}}")).unwrap_err();
    assert_eq!(error.to_string(), "$.not: `not` is not supported: output cannot be held to it");
    for (text, message) in [
        (
            "start: %json [1",
            "Lark grammar: line 1: the schema after %json: EOF while parsing a list at line 1 column 2",
        ),
        ("start: A\n\nB: %json", "Lark grammar: line 3: there is no schema after %json"),
    ] {
        assert_eq!(compiled(&lark(text)).unwrap_err().to_string(), message);
    }
}

#[test]
fn what_cannot_be_read_is_refused_in_one_line() {
    let cases = [regex("a("), regex("(?=a)b"), lark("start: nothing"), lark("start: \"a"), lark("")];
    for source in cases {
        let message = compiled(&source).unwrap_err().to_string();
        assert!(!message.contains('\n') && message.len() < 300, "{message}");
    }
}

#[test]
fn scribbled_objects_are_json() {
    let grammar = compiled(&GrammarSource::JsonObject).unwrap();
    let mut whole = 0;
    for seed in 0..40 {
        let (text, ended) = scribble(&grammar, seed, 300);
        assert!(!text.contains("  ") && !text.contains('\n'), "{text:?}");
        if ended {
            whole += 1;
            assert!(serde_json::from_str::<Value>(&text).is_ok_and(|value| value.is_object()), "{text:?}");
        }
    }
    assert!(whole > 0);
    assert!(!accepts(&grammar, "[]") && accepts(&grammar, "{}"));
}

#[test]
fn forced_text_comes_in_the_tokens_that_the_tokenizer_makes_of_it() {
    let schema = json!({"type": "object", "properties": {"abcabc": {"const": "aaaa"}}, "required": ["abcabc"],
                        "additionalProperties": false});
    let mut constraint = compiled(&GrammarSource::JsonSchema(schema)).unwrap().begin();
    let tokenizer = tokenizer();
    let (mut said, mut forced) = (Vec::new(), 0);
    while !constraint.has_ended() {
        let next = constraint.forced();
        forced += next.len();
        for &id in &next {
            assert_eq!(constraint.allowed().unwrap().only(), Some(id));
            constraint.accept(id).unwrap();
            said.push(id);
        }
        if next.is_empty() && !constraint.has_ended() {
            let allowed = constraint.allowed().unwrap();
            let id = (0..400).find(|&id| allowed.contains(id)).unwrap();
            constraint.accept(id).unwrap();
            said.push(id);
        }
    }
    let text = "{\"abcabc\": \"aaaa\"}";
    assert_eq!(tokenizer.decode(&said, false), text);
    assert!(forced + 2 >= tokenizer.encode(text, Specials::AsText).len(), "{forced} of {said:?}");
}

/// A SentencePiece vocabulary of nothing but bytes, letters and the space.
fn sentence_pieces() -> Arc<Tokenizer> {
    let special = ["<unk>", "<s>", "</s>"].map(str::to_owned);
    let bytes = (0..=255).map(|byte| format!("<0x{byte:02X}>"));
    let letters = "▁abcdefghijklmnopqrstuvwxyz\"{}:,".chars().map(String::from);
    let vocab: serde_json::Map<String, Value> =
        special.into_iter().chain(bytes).chain(letters).zip(0..).map(|(token, id)| (token, id.into())).collect();
    let added = ["<unk>", "<s>", "</s>"].iter().enumerate().map(|(id, content)| {
        json!({"id": id, "content": content, "special": true, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false})
    });
    let replaced = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let shown = json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "});
    let file = json!({
        "added_tokens": added.collect::<Vec<_>>(),
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replaced]},
        "decoder": {"type": "Sequence", "decoders": [shown, {"type": "ByteFallback"}, {"type": "Fuse"},
                                                     {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "byte_fallback": true, "fuse_unk": true, "unk_token": "<unk>", "vocab": vocab, "merges": []},
    });
    Arc::new(Tokenizer::from_json(file.to_string().as_bytes(), "tokenizer.json").unwrap())
}

#[test]
fn vocabularies_that_cut_text_in_several_ways_have_grammars_and_force_nothing() {
    let grammar = Grammars::new(sentence_pieces()).compile(&lark("start: \"ab c\"")).unwrap();
    let mut constraint = grammar.begin();
    let mut said = Vec::new();
    while !constraint.has_ended() {
        assert!(constraint.forced().is_empty());
        let allowed = constraint.allowed().unwrap();
        let id = (0..300).rev().find(|&id| allowed.contains(id)).unwrap();
        constraint.accept(id).unwrap();
        said.extend(sentence_pieces().token_bytes(id).unwrap().to_vec());
    }
    assert_eq!(String::from_utf8(said).unwrap(), "ab c");
}

#[test]
fn a_copy_goes_its_own_way_and_a_wrong_token_is_an_error() {
    let grammar = compiled(&regex("ab|ac")).unwrap();
    let mut constraint = after(&grammar, "a").unwrap();
    let mut copy = constraint.clone();
    constraint.accept(id("b")).unwrap();
    assert!(constraint.has_ended() && !copy.has_ended());
    assert!(constraint.accept(id("b")).is_err() && constraint.may_end().unwrap());
    assert!(copy.clone().accept(id("x")).is_err());
    assert!(copy.clone().accept(0).is_err() && copy.clone().accept(u32::MAX).is_err(), "special, and none");
    copy.accept(id("c")).unwrap();
    assert!(copy.has_ended());
}

#[test]
fn long_chains_of_references_need_no_more_stack_than_there_is() {
    let link = |i: usize| (format!("d{i}"), json!({"$ref": format!("#/$defs/d{}", i + 1)}));
    let mut links: serde_json::Map<String, Value> = (0..1500).map(link).collect();
    links.insert("d1500".into(), json!({"type": "null"}));
    let grammar = compiled(&GrammarSource::JsonSchema(json!({"$ref": "#/$defs/d0", "$defs": links}))).unwrap();
    assert!(after(&grammar, "null").is_some() && after(&grammar, "1").is_none());
}

#[test]
fn long_names_of_many_parts_are_refused() {
    let parts: serde_json::Map<String, Value> = (0..500).map(|i| (i.to_string(), json!({"type": "null"}))).collect();
    let schema = json!({"properties": {"k".repeat(50_000): {"type": "object", "properties": parts}}});
    let error = compiled(&GrammarSource::JsonSchema(schema)).unwrap_err().to_string();
    assert!(error.contains("too long"), "{error}");
}
