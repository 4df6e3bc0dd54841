//! Sums over small texts that can be counted by hand.

use super::*;
use crate::train::{Feed, TrainError, TrainOptions, train};

/// Three merges: `t h`, `th e`, `Ġ the`.
fn tokenizer() -> Tokenizer {
    let options = TrainOptions { vocab_size: 260, specials: vec!["<s>".to_owned()], ..TrainOptions::default() };
    let texts = |feed: &mut Feed<'_>| {
        feed.text(" the the the");
        Ok::<(), TrainError>(())
    };
    let scratch = || Err(std::io::Error::other("there is memory"));
    train(&options, &scratch, texts, |_, _| Ok(())).unwrap().tokenizer
}

#[track_caller]
fn check(text: &str, expected: [u64; 4]) {
    let tokenizer = tokenizer();
    let mut evaluator = Evaluator::new(&tokenizer);
    evaluator.text(text);
    let found = evaluator.finish();
    assert_eq!([found.tokens, found.words, found.word_tokens, found.whole_words], expected, "{text:?}");
    assert_eq!((found.texts, found.exact_texts, found.bytes), (1, 1, text.len() as u64));
}

#[test]
fn words_are_counted_with_their_tokens() {
    check("", [0, 0, 0, 0]);
    check("the", [1, 1, 1, 1]);
    check("the the\n", [3, 2, 2, 2]);
    check("(the) then", [6 - 1, 2, 1 + 2, 1]);
    check("12 _ 3", [6, 0, 0, 0]);
    // the marks on letters belong to them, and every byte that is not merged is a token
    check("te\u{301}x", [5, 1, 5, 0]);
    check("<s> the", [4, 2, 2, 2]);
}

#[test]
fn what_is_used_and_the_means() {
    let tokenizer = tokenizer();
    let mut evaluator = Evaluator::new(&tokenizer);
    evaluator.text("the the");
    evaluator.text("the!");
    let found = evaluator.finish();
    assert_eq!((found.plain_tokens, found.used_tokens), (259, 3));
    assert_eq!(found.bytes_per_token(), Some(11.0 / 4.0));
    assert_eq!((found.tokens_per_word(), found.whole()), (Some(1.0), Some(1.0)));
    assert_eq!(found.used(), Some(3.0 / 259.0));
    let nothing = Evaluator::new(&tokenizer).finish();
    assert_eq!((nothing.bytes_per_token(), nothing.tokens_per_word(), nothing.whole()), (None, None, None));
    assert_eq!((nothing.used(), nothing.tokens_per_second()), (Some(0.0), None));
}

/// A vocabulary without some bytes loses them.
#[test]
fn texts_that_do_not_come_back() {
    let options =
        TrainOptions { vocab_size: 9, specials: Vec::new(), only_seen_bytes: true, ..TrainOptions::default() };
    let texts = |feed: &mut Feed<'_>| {
        feed.text("abab ab");
        Ok::<(), TrainError>(())
    };
    let scratch = || Err(std::io::Error::other("there is memory"));
    let tokenizer = train(&options, &scratch, texts, |_, _| Ok(())).unwrap().tokenizer;
    let mut evaluator = Evaluator::new(&tokenizer);
    evaluator.text("ab ab");
    evaluator.text("abc");
    let found = evaluator.finish();
    assert_eq!((found.texts, found.exact_texts, found.words, found.whole_words), (2, 1, 2, 2));
}
