//! Merges of corpora that can be counted by hand; `tests/train` has the oracle.

use super::*;
use std::io::{Error, ErrorKind};

fn options(vocab_size: usize) -> TrainOptions {
    TrainOptions { vocab_size, specials: Vec::new(), ..TrainOptions::default() }
}

/// The merges on `texts`, as the vocabulary spells them.
fn merges(options: &TrainOptions, texts: &[&str]) -> Vec<String> {
    let feed = |feed: &mut Feed<'_>| {
        texts.iter().for_each(|text| feed.text(text));
        Ok::<(), TrainError>(())
    };
    let trained = train(options, &no_scratch, feed, |_, _| Ok(())).unwrap();
    let json = trained.tokenizer.to_json().unwrap();
    let pair = |pair: &serde_json::Value| format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
    json["model"]["merges"].as_array().unwrap().iter().map(pair).collect()
}

fn no_scratch() -> std::io::Result<File> {
    Err(Error::new(ErrorKind::StorageFull, "no place"))
}

#[test]
fn the_most_frequent_pair_merges_and_then_those_that_it_made() {
    // ab 3 times, bc 2, cd 1; then abc
    assert_eq!(merges(&options(258), &["abc\nabc\nab\ncd"]), ["a b", "ab c"]);
}

/// Of equal counts the pair of the lowest ids merges, and ids follow spellings: `!` before `a`, a space (`Ġ`) after `z`.
#[test]
fn equal_counts_merge_by_ids() {
    assert_eq!(merges(&options(259), &["yz\nxz\nxy"]), ["x y", "x z", "y z"]);
    assert_eq!(merges(&options(258), &[" a"]), ["Ġ a"]);
    assert_eq!(merges(&options(260), &["zz az\n z"]), ["a z", "z z", "Ġ z", "Ġ az"]);
}

/// A run of a letter merges from the left, and counts overlapping pairs.
#[test]
fn runs_of_one_letter() {
    // aa counts 4, abc's pairs 3
    assert_eq!(merges(&options(260), &["aaaaa", "bc", "bc", "bc"]), ["a a", "b c", "aa a", "aa aaa"]);
}

#[test]
fn merging_ends_where_pairs_are_rare() {
    let rare = TrainOptions { min_frequency: 2, ..options(1000) };
    // of ab and Ġa, twice each, ab merges, and then there is Ġa but once
    assert_eq!(merges(&rare, &["ab ab ac"]), ["a b"]);
    assert_eq!(merges(&options(1000), &["ab"]), ["a b"]);
    assert_eq!(merges(&options(1000), &["a", "1 2"]), Vec::<String>::new());
}

#[test]
fn tokens_are_shorter_than_the_longest() {
    let text = ["abcdef abcdef"];
    let of = |longest| merges(&TrainOptions { max_token_length: Some(longest), ..options(1000) }, &text);
    let lengths = |merges: Vec<String>| merges.iter().map(|merge| merge.replace(' ', "").chars().count()).max();
    assert_eq!(
        (lengths(of(2)), lengths(of(3)), lengths(of(4)), lengths(of(100))),
        (Some(2), Some(2), Some(3), Some(7))
    );
}

#[test]
fn digits_stand_alone() {
    assert_eq!(merges(&options(1000), &["1212 1212"]), Vec::<String>::new());
    let with = TrainOptions { pattern: Pattern::Gpt2, ..options(258) };
    assert_eq!(merges(&with, &["1212 1212"]), ["1 2", "12 12"]);
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let error = |options: &TrainOptions, texts: &[&str]| {
        let feed = |feed: &mut Feed<'_>| {
            texts.iter().for_each(|text| feed.text(text));
            Ok::<(), TrainError>(())
        };
        train(options, &no_scratch, feed, |_, _| Ok(())).unwrap_err().to_string()
    };
    let specials = |specials: &[&str]| TrainOptions {
        specials: specials.iter().map(|&special| special.to_owned()).collect(),
        ..options(300)
    };
    assert_eq!(
        error(&options(255), &["a"]),
        "a vocabulary of 255 tokens has no place for 256 bytes and 0 special tokens"
    );
    let seen = TrainOptions { only_seen_bytes: true, vocab_size: 3, ..specials(&["<s>"]) };
    assert_eq!(error(&seen, &["abc"]), "a vocabulary of 3 tokens has no place for 3 bytes and 1 special tokens");
    assert_eq!(error(&options(300), &[]), "there is no text to train on");
    assert_eq!(error(&options(300), &["", ""]), "there is no text to train on");
    assert_eq!(error(&specials(&[""]), &["a"]), "the special token \"\" has no text");
    assert_eq!(error(&specials(&["<s>", "<s>"]), &["a"]), "the special token \"<s>\" is given twice");
    let byte = "the special token \"a\" is how a byte is spelled, which is a token of its own";
    assert_eq!(error(&specials(&["a"]), &["a"]), byte);
    let little = TrainOptions { memory: 40, ..options(300) };
    assert_eq!(error(&little, &["a"]), "a scratch file for counts of words: no place");
}

/// `progress` hears of tokens, and stops the work.
#[test]
fn progress_is_told_and_heard() {
    let text = |feed: &mut Feed<'_>| {
        feed.text("some words that have pairs");
        Ok::<(), TrainError>(())
    };
    let mut heard = Vec::new();
    let say = |done, total| {
        heard.push((done, total));
        Ok(())
    };
    train(&options(270), &no_scratch, text, say).unwrap();
    assert_eq!((heard[0], heard[heard.len() - 1]), ((256, 270), (270, 270)));
    let stop = |_, _| Err(TrainError::NoText);
    assert!(matches!(train(&options(270), &no_scratch, text, stop), Err(TrainError::NoText)));
    let stop = |_: &mut Feed<'_>| Err(TrainError::NoText);
    assert!(matches!(train(&options(270), &no_scratch, stop, |_, _| Ok(())), Err(TrainError::NoText)));
}
