//! Ids equal to those of the Rust crate `tokenizers`, on random text.

use std::sync::LazyLock;

use proptest::prelude::*;
use smollm_tokenizer::{Specials, Tokenizer};

use crate::files::{SMALL, by_gguf, tokenizer_file};

/// One tokenizer in the form of the oracle (twice: special tokens parsed, as text) and in ours.
struct Pair {
    name: &'static str,
    oracle: [tokenizers::Tokenizer; 2],
    ours: Tokenizer,
    gguf: Option<Tokenizer>,
}

static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    let files = SMALL.into_iter().chain(["smollm2"]).filter_map(|name| Some((name, tokenizer_file(name)?)));
    files
        .map(|(name, path)| {
            let parsed = tokenizers::Tokenizer::from_file(&path).unwrap();
            let mut as_text = parsed.clone();
            as_text.set_encode_special_tokens(true);
            let ours = Tokenizer::from_file(path).unwrap();
            let gguf = ours.to_gguf().ok().map(|_| by_gguf(&ours));
            Pair { name, oracle: [parsed, as_text], ours, gguf }
        })
        .collect()
});

/// Text that meets what the tokenizers tell apart: their words, every class of character, their added tokens.
fn text() -> impl Strategy<Value = String> {
    let words = [
        "the", " the", "ing", " we've", "'RE", "'ſ", "1234", " 7", "  ", "\n", "\r\n", "\t", " \u{a0}", "é", "ab", "bc",
    ];
    let tokens = [
        "<|im_start|>",
        "<|im_end|>",
        "<|endoftext|>",
        "<|begin_of_text|>",
        "<think>",
        "</think>",
        "[MASK]",
        "word",
        "<lstrip>",
        "<rstrip>",
        "<both>",
        "<norm>",
        "<s>",
        "<unk>",
    ];
    let part = prop_oneof![
        3 => prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        2 => prop::sample::select(tokens.to_vec()).prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
        2 => "[ -~]{1,8}",
        1 => "\\PC{1,4}",
        1 => "[\u{0}-\u{20}]{1,4}",
        1 => ("[a-z \n=0-9]", 1usize..80).prop_map(|(c, n)| c.repeat(n)),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// Numbers of Unicode 17: the oracle crate's compiler decides whether its `Digits` knows them, Python's does.
fn is_new_number(c: char) -> bool {
    matches!(c, '\u{11de0}'..='\u{11de9}' | '\u{16ff4}'..='\u{16ff6}')
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn ids_and_text_of_random_text(text in text()) {
        prop_assume!(!text.contains(is_new_number));
        for Pair { name, oracle, ours, gguf } in PAIRS.iter() {
            for (oracle, specials) in oracle.iter().zip([Specials::Parse, Specials::AsText]) {
                let expected = oracle.encode_fast(text.as_str(), false).unwrap();
                let ids = ours.encode(&text, specials);
                prop_assert_eq!(&ids, expected.get_ids(), "{} {:?} of {:?}", name, specials, text);
                for skip in [false, true] {
                    prop_assert_eq!(ours.decode(&ids, skip), oracle.decode(&ids, skip).unwrap(), "{}", name);
                }
                if let Some(gguf) = gguf {
                    prop_assert_eq!(&gguf.encode(&text, specials), &ids, "{} by way of GGUF", name);
                    prop_assert_eq!(gguf.decode(&ids, false), ours.decode(&ids, false), "{} by way of GGUF", name);
                }
            }
        }
    }

    #[test]
    fn text_of_random_ids(ids in prop::collection::vec(0u32..810, 0..20), skip in any::<bool>()) {
        for Pair { name, oracle, ours, .. } in PAIRS.iter() {
            prop_assert_eq!(ours.decode(&ids, skip), oracle[0].decode(&ids, skip).unwrap(), "{}", name);
        }
    }

    /// A vocabulary with every byte loses nothing.
    #[test]
    fn round_trip(text in any::<String>()) {
        let pair = PAIRS.iter().find(|pair| pair.name == "llama3_small").unwrap();
        let ids = pair.ours.encode(&text, Specials::AsText);
        prop_assert_eq!(pair.ours.decode(&ids, false), text.clone());
        let bytes: Vec<u8> = ids.iter().flat_map(|&id| pair.ours.token_bytes(id).unwrap().into_owned()).collect();
        prop_assert_eq!(bytes, text.into_bytes());
    }
}

/// The whole vocabulary, token by token: each spelled by itself, after a space and before a letter.
#[test]
fn ids_of_every_token() {
    for Pair { name, oracle, ours, .. } in PAIRS.iter() {
        let size = ours.vocab_size() as u32;
        let texts = (0..size)
            .map(|id| ours.decode(&[id], false))
            .flat_map(|text| [format!(" {text}"), format!("{text}a"), text]);
        let joined: Vec<String> = texts.collect::<Vec<_>>().chunks(512).map(|chunk| chunk.join("\n")).collect();
        for text in joined {
            let expected = oracle[0].encode_fast(text.as_str(), false).unwrap();
            assert_eq!(ours.encode(&text, Specials::Parse), expected.get_ids(), "{name}");
        }
    }
}

/// Threads share one tokenizer, and each gets what a lone one gets.
#[test]
fn threads_agree() {
    let pair = PAIRS.iter().find(|pair| pair.name == "smollm_small").unwrap();
    let texts: Vec<String> =
        (0..200).map(|i| format!("The {i} words of thread number {}, they're said.\n", i * 7)).collect();
    let alone: Vec<_> = texts.iter().map(|text| pair.ours.encode(text, Specials::Parse)).collect();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let found: Vec<_> = texts.iter().map(|text| pair.ours.encode(text, Specials::Parse)).collect();
                assert_eq!(found, alone);
            });
        }
    });
}
