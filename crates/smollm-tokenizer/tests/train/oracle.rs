//! Our trainer beside that of the Rust crate `tokenizers`.

use proptest::prelude::*;
use serde_json::json;
use smollm_tokenizer::train::{Pattern, TrainOptions};
use tokenizers::AddedToken;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::BpeTrainerBuilder;

use crate::corpus::{any_letters, few_letters};
use crate::{Learnt, options, trained};

/// What their trainer makes of the texts.
fn theirs(options: &TrainOptions, texts: &[&str]) -> Learnt {
    // an empty vocabulary of the same form
    let mut json = trained(&TrainOptions { vocab_size: 256, specials: Vec::new(), ..options.clone() }, &["."])
        .tokenizer
        .to_json()
        .unwrap();
    json["model"]["vocab"] = json!({});
    let mut tokenizer: tokenizers::Tokenizer = json.to_string().parse().unwrap();
    let alphabet = if options.only_seen_bytes {
        Default::default()
    } else {
        tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet()
    };
    let trainer = BpeTrainerBuilder::new()
        .vocab_size(options.vocab_size)
        .min_frequency(options.min_frequency)
        .special_tokens(options.specials.iter().map(|token| AddedToken::from(token, true)).collect())
        .initial_alphabet(alphabet.into_iter().collect())
        .max_token_length(options.max_token_length)
        .show_progress(false)
        .build();
    tokenizer.train(&mut TrainerWrapper::BpeTrainer(trainer), texts.iter()).unwrap();
    Learnt::of(&serde_json::from_str(&tokenizer.to_string(false).unwrap()).unwrap())
}

#[track_caller]
fn check(options: &TrainOptions, texts: &[String]) {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (ours, theirs) = (Learnt::ours(options, &texts), theirs(options, &texts));
    assert_eq!(ours.merges, theirs.merges, "{texts:?}");
    assert_eq!(ours.tokens, theirs.tokens, "{texts:?}");
}

const PATTERNS: [Pattern; 3] = [Pattern::Gpt2Digits, Pattern::Gpt2, Pattern::Llama3];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn equal_counts_and_tokens_made_in_several_ways(
        texts in few_letters(), merges in 0usize..150, min_frequency in 0u64..4, longest in prop::option::of(1usize..9),
    ) {
        if texts.iter().any(|text| !text.is_empty()) {
            check(&TrainOptions { min_frequency, max_token_length: longest, ..options(258 + merges) }, &texts);
        }
    }

    #[test]
    fn every_pattern_and_alphabet(
        texts in any_letters(), merges in 0usize..80, pattern in 0usize..3, only_seen_bytes: bool,
    ) {
        if texts.iter().any(|text| !text.is_empty()) {
            check(&TrainOptions { pattern: PATTERNS[pattern], only_seen_bytes, ..options(258 + merges) }, &texts);
        }
    }
}

/// A special token that is spelled like what merges make is that token.
#[test]
fn special_tokens_that_are_words() {
    let texts = ["the then them there the".to_owned(), "the  the".to_owned()];
    for special in ["the", "Ġthe", "th", "ĠĠ"] {
        check(&TrainOptions { specials: vec![special.to_owned(), "<s>".to_owned()], ..options(300) }, &texts);
    }
}

/// As `tokenizers` learns them: special tokens in a text are plain text.
#[test]
fn special_tokens_in_texts() {
    check(&options(300), &["<|endoftext|>one<|endoftext|>two<|im_start|>".repeat(3)]);
}

#[test]
fn fixtures() {
    let Some(folder) = smollm_testkit::fixtures() else { return };
    for name in ["tinyshakespeare.txt", "wiki_demo.txt", "tinystories_sample.txt"] {
        check(&options(3000), &[std::fs::read_to_string(folder.join("pretrain").join(name)).unwrap()]);
    }
}
