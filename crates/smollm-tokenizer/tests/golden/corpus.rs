//! The ids that the Python `tokenizers` gives for a mixed corpus and for all of Unicode.

use std::collections::HashMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use smollm_testkit::testdata;
use smollm_tokenizer::{Specials, Tokenizer};

use crate::files::{SMALL, by_gguf, tokenizer_file};

/// `golden.json`, made by `reference/tokenizer_golden.py`.
#[derive(Deserialize)]
struct Golden {
    texts: Vec<String>,
    tokenizers: HashMap<String, Facts>,
}

#[derive(Deserialize)]
struct Facts {
    /// What the post-processor puts around an empty text.
    around: Vec<u32>,
    ids: Vec<Vec<u32>>,
    /// By place of the text: ids with special tokens read as text, where they differ.
    as_text: HashMap<String, Vec<u32>>,
    /// By place of the text: the decoded text where it differs.
    decoded: HashMap<String, String>,
    /// The same without special tokens, where that differs from the one before.
    decoded_without_specials: HashMap<String, String>,
    unicode_ids: usize,
    unicode_sha256_of_u32le_ids: String,
}

fn golden() -> Golden {
    let bytes = std::fs::read(testdata().join("tokenizer/golden.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// The tokenizers of the golden file that are here.
fn tokenizers() -> impl Iterator<Item = (&'static str, Tokenizer)> {
    let files = SMALL.into_iter().chain(["smollm2"]).filter_map(|name| Some((name, tokenizer_file(name)?)));
    files.map(|(name, path)| (name, Tokenizer::from_file(path).unwrap()))
}

#[track_caller]
fn check_ids(name: &str, tokenizer: &Tokenizer, golden: &Golden) {
    let facts = &golden.tokenizers[name];
    for (i, (text, ids)) in golden.texts.iter().zip(&facts.ids).enumerate() {
        assert_eq!(&tokenizer.encode(text, Specials::Parse), ids, "{name}: {text:?}");
        let as_text = facts.as_text.get(&i.to_string()).unwrap_or(ids);
        assert_eq!(&tokenizer.encode(text, Specials::AsText), as_text, "{name}, specials as text: {text:?}");
    }
}

#[test]
fn ids_of_the_mixed_corpus() {
    let golden = golden();
    for (name, tokenizer) in tokenizers() {
        check_ids(name, &tokenizer, &golden);
    }
}

#[test]
fn ids_by_way_of_gguf() {
    let golden = golden();
    for (name, tokenizer) in tokenizers().filter(|(name, _)| *name != "flags_small") {
        check_ids(name, &by_gguf(&tokenizer), &golden);
    }
}

#[test]
fn decoded_text() {
    let golden = golden();
    for (name, tokenizer) in tokenizers() {
        let facts = &golden.tokenizers[name];
        for (i, (text, ids)) in golden.texts.iter().zip(&facts.ids).enumerate() {
            let decoded = facts.decoded.get(&i.to_string()).unwrap_or(text);
            assert_eq!(&tokenizer.decode(ids, false), decoded, "{name}: {text:?}");
            let skipped = facts.decoded_without_specials.get(&i.to_string()).unwrap_or(decoded);
            assert_eq!(&tokenizer.decode(ids, true), skipped, "{name}, without specials: {text:?}");
        }
    }
}

#[test]
fn what_goes_around_a_text() {
    let golden = golden();
    for (name, tokenizer) in tokenizers() {
        let before = tokenizer.bos().filter(|_| tokenizer.add_bos());
        let after = tokenizer.eos().filter(|_| tokenizer.add_eos());
        let around: Vec<u32> = before.into_iter().chain(after).collect();
        assert_eq!(around, golden.tokenizers[name].around, "{name}");
    }
}

/// Every character after a letter, twice, after a space, after a number and after a quote.
fn all_of_unicode() -> Vec<String> {
    let scalars: Vec<char> = (0..=0x10ffff).filter_map(char::from_u32).collect();
    let settings = |chunk: &[char]| chunk.iter().map(|c| format!("x{c}{c} {c}1{c}'{c}\n")).collect();
    scalars.chunks(4096).map(settings).collect()
}

#[test]
fn ids_of_all_of_unicode() {
    let (golden, texts) = (golden(), all_of_unicode());
    for (name, tokenizer) in tokenizers() {
        let facts = &golden.tokenizers[name];
        let (mut count, mut digest) = (0, Sha256::new());
        for text in &texts {
            for id in tokenizer.encode(text, Specials::Parse) {
                count += 1;
                digest.update(id.to_le_bytes());
            }
        }
        let digest: String = digest.finalize().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!((count, digest), (facts.unicode_ids, facts.unicode_sha256_of_u32le_ids.clone()), "{name}");
    }
}
