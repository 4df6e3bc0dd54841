//! Threads, parts and scratch files leave no trace.

use proptest::prelude::*;
use smollm_tokenizer::train::{Feed, LeftOut, Pattern, TrainError, TrainOptions};

use crate::corpus::any_letters;
use crate::{Learnt, options, trained, trained_on};

/// Feeds `text` in parts that end at about these places.
fn in_parts(feed: &mut Feed<'_>, text: &str, places: &[prop::sample::Index]) {
    let mut places: Vec<usize> =
        places.iter().map(|place| text.floor_char_boundary(place.index(text.len() + 1))).collect();
    places.sort_unstable();
    let mut start = 0;
    for end in places {
        feed.part(&text[start..end]);
        start = end;
    }
    feed.part(&text[start..]);
    feed.end();
}

fn learnt(options: &TrainOptions, feed: impl FnOnce(&mut Feed<'_>)) -> Learnt {
    Learnt::of(&trained_on(options, feed).unwrap().tokenizer.to_json().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn threads_and_parts(
        texts in any_letters(), threads in 1usize..5, pattern in 0usize..3, places: Vec<prop::sample::Index>,
    ) {
        let pattern = [Pattern::Gpt2Digits, Pattern::Gpt2, Pattern::Llama3][pattern];
        let whole = TrainOptions { pattern, threads: 1, ..options(330) };
        let parted = TrainOptions { threads, ..whole.clone() };
        if texts.iter().any(|text| !text.is_empty()) {
            let expected = learnt(&whole, |feed| texts.iter().for_each(|text| feed.text(text)));
            let found = learnt(&parted, |feed| texts.iter().for_each(|text| in_parts(feed, text, &places)));
            prop_assert_eq!(expected, found);
        }
    }
}

/// How often the word `i` occurs in the text of [`words`].
fn occurrences(i: usize) -> u64 {
    1 + 1000 / i as u64
}

/// A deterministic text of so many different words, the first of them the most frequent.
fn words(count: usize) -> String {
    let word = |mut i: usize| {
        let mut word = String::from(" ");
        while i > 0 {
            word.push(char::from(b'a' + (i % 26) as u8));
            i /= 26;
        }
        word
    };
    (1..=count).map(|i| word(i).repeat(occurrences(i) as usize)).collect()
}

/// Enough words that threads share the merges, and batches are cut inside of texts.
#[test]
fn a_large_text() {
    let text = words(60_000);
    let one = learnt(&TrainOptions { threads: 1, ..options(1500) }, |feed| feed.text(&text));
    for threads in [2, 3] {
        let many = learnt(&TrainOptions { threads, ..options(1500) }, |feed| {
            text.as_bytes().chunks(77_777).for_each(|part| feed.part(std::str::from_utf8(part).unwrap()));
            feed.end();
        });
        assert_eq!(one, many, "{threads} threads");
    }
}

/// What has no place is the rarest, is told, and depends on neither the order nor the threads.
#[test]
fn little_memory() {
    let text = words(20_000);
    let all = trained(&options(900), &[&text]);
    assert_eq!((all.words, all.left_out), (20_000, None));
    let little = |threads, texts: &[&str]| {
        let trained = trained(&TrainOptions { threads, memory: 1 << 20, ..options(900) }, texts);
        (Learnt::of(&trained.tokenizer.to_json().unwrap()), trained.words, trained.left_out.unwrap())
    };
    let (kept, known, left_out) = little(1, &[&text]);
    let LeftOut { words: rare, occurrences: of_rare, below, of } = left_out;
    let kept_words = (1..=20_000).filter(|&i| occurrences(i) >= below).count();
    assert!(rare > 0 && below > 1, "{left_out:?}");
    assert_eq!((known, rare), (20_000, (20_000 - kept_words) as u64));
    let total = |range: std::ops::RangeInclusive<usize>| range.map(occurrences).sum::<u64>();
    assert_eq!((of_rare, of), (total(kept_words + 1..=20_000), total(1..=20_000)));
    // as if they had never been there
    assert_eq!(kept, Learnt::ours(&options(900), &[&words(kept_words)]));
    let (second, first) = text.split_at(text[..text.len() / 3].rfind(' ').unwrap());
    assert_eq!((kept, known, left_out), little(3, &[first, second]));
}

#[test]
fn far_too_little_memory() {
    let error = trained_on(&TrainOptions { memory: 100, ..options(300) }, |feed| feed.text("abcdefghij")).unwrap_err();
    assert!(matches!(error, TrainError::Memory { memory: 100, needed: 264 }), "{error}");
}
