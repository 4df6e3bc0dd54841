//! The SentencePiece vocabulary of stories260K against llama.cpp.

use smollm_testkit::{fixtures, testdata};
use smollm_tokenizer::{GgufVocab, Specials, Tokenizer, TokenizerError};

use crate::files::{read_json, stories_vocab};

fn tokenizer(change: impl FnOnce(&mut GgufVocab)) -> Option<Result<Tokenizer, TokenizerError>> {
    let mut vocab = stories_vocab()?;
    change(&mut vocab);
    Some(Tokenizer::from_gguf(vocab))
}

#[test]
fn ids_of_llama_cpp() {
    let Some(tokenizer) = tokenizer(|_| ()) else { return };
    let tokenizer = tokenizer.unwrap();
    assert!(tokenizer.add_bos() && !tokenizer.add_eos() && tokenizer.bos() == Some(1));
    let recorded = read_json(testdata().join("tokenizer/llama_cpp_stories260k.json"));
    for case in recorded["cases"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let mut ids = tokenizer.encode(text, Specials::Parse);
        ids.insert(0, 1);
        assert_eq!(serde_json::to_value(&ids).unwrap(), case["ids"], "{text:?}");
        // What is marked as a space cannot be told from one, and tokens hide the space before a text that follows them.
        if !text.contains('▁') && !text.contains("s>") && text != "<unk>" {
            assert_eq!(tokenizer.decode(&ids, true), text);
        }
    }
}

#[test]
fn ids_and_text_of_the_recorded_story() {
    let Some(tokenizer) = tokenizer(|_| ()) else { return };
    let (tokenizer, folder) = (tokenizer.unwrap(), fixtures().unwrap().join("weights/stories260K"));
    assert_eq!(tokenizer.encode("One day", Specials::Parse), [385, 328]);
    let recorded = read_json(folder.join("expected_greedy_200_ids.json"));
    let ids: Vec<u32> = serde_json::from_value(recorded["greedy_ids"].clone()).unwrap();
    let story = std::fs::read_to_string(folder.join("expected_greedy_200.txt")).unwrap();
    assert_eq!(tokenizer.decode(&ids, true).trim_end(), story.trim_end());
    assert_eq!(tokenizer.encode(&tokenizer.decode(&ids, true), Specials::Parse), ids);
}

#[test]
fn special_tokens_are_text_where_asked() {
    let Some(tokenizer) = tokenizer(|_| ()) else { return };
    let tokenizer = tokenizer.unwrap();
    assert_eq!(tokenizer.encode("<s>", Specials::Parse), [1]);
    let as_text = tokenizer.encode("<s>", Specials::AsText);
    assert!(!as_text.contains(&1));
    assert_eq!(tokenizer.decode(&as_text, true), "<s>");
    assert_eq!(tokenizer.decode(&[1, 385, 328, 2], true), "One day");
    assert_eq!(tokenizer.decode(&[9999, 385, 328], true), "One day");
    assert_eq!(tokenizer.decode(&[1, 385, 328, 2], false), "<s> One day</s>");
}

#[test]
fn without_a_space_prefix() {
    let Some(tokenizer) = tokenizer(|vocab| vocab.add_space_prefix = Some(false)) else { return };
    let tokenizer = tokenizer.unwrap();
    for text in ["One day", " One day", "  x"] {
        assert_eq!(tokenizer.decode(&tokenizer.encode(text, Specials::Parse), false), text);
    }
    assert!(!tokenizer.strips_first_space());
}

#[test]
fn every_byte_has_a_token() {
    let Some(tokenizer) = tokenizer(|_| ()) else { return };
    let tokenizer = tokenizer.unwrap();
    for byte in 0..=255u8 {
        assert_eq!(tokenizer.token_bytes(3 + u32::from(byte)).unwrap().as_ref(), [byte]);
    }
    assert_eq!(tokenizer.token_bytes(265).unwrap().as_ref(), b" the");
    assert_eq!(tokenizer.token_str(265), Some("▁the"));
}

#[test]
fn a_megabyte_of_one_letter_is_no_trap() {
    let Some(tokenizer) = tokenizer(|_| ()) else { return };
    let tokenizer = tokenizer.unwrap();
    for text in ["a", " ", "th", "\u{1f600}"].map(|part| part.repeat(1 << 18)) {
        assert_eq!(tokenizer.decode(&tokenizer.encode(&text, Specials::Parse), true), text);
    }
}

#[test]
fn types_are_guessed_from_spellings_where_they_are_missing() {
    let Some(plain) = tokenizer(|vocab| vocab.token_types = None) else { return };
    let plain = plain.unwrap();
    assert_eq!(plain.encode("One day é", Specials::Parse).len(), 4);
    assert_eq!(plain.decode(&[3 + 0x41], true), "A");
    assert!(!plain.is_special(1));
}

#[test]
fn what_a_vocabulary_must_have() {
    let check = |change: fn(&mut GgufVocab), expected: &str| {
        let Some(result) = tokenizer(change) else { return };
        assert_eq!(result.unwrap_err().to_string(), expected);
    };
    check(|v| v.scores = None, "tokenizer.ggml: scores: a vocabulary of kind llama needs them");
    check(|v| v.scores.as_mut().unwrap().truncate(511), "tokenizer.ggml: scores: 511 scores for 512 tokens");
    check(|v| v.scores.as_mut().unwrap()[9] = f32::NAN, "tokenizer.ggml: scores: the score of token 9 is not a number");
    check(
        |v| v.tokens[3 + 0x41] = "?!?".to_owned(),
        "tokenizer.ggml: token_type[68] = 6 is not supported (1 to 6, and 6 only for <0x00> to <0xFF>; the token is \"?!?\")",
    );
    check(
        |v| (v.tokens[3 + 0x41], v.token_types.as_mut().unwrap()[68]) = ("?!?".to_owned(), 1),
        "tokenizer.ggml: tokens: a vocabulary of kind llama needs a token for every byte, and <0x41> is missing",
    );
    check(|v| v.bos = None, "tokenizer.ggml: add_bos_token: the token to add is not named");
    check(|v| v.eos = Some(512), "tokenizer.ggml: eos_token_id: id 512 is beyond the 512 tokens");
    check(|v| v.tokens[300] = "▁the".to_owned(), "tokenizer.ggml: tokens: \"▁the\" has both id 265 and id 300");
}
