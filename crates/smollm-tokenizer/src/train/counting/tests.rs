//! Batches, parts, threads and scratch files beside whole texts.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::pretokenize::Pattern;

const PATTERNS: [Pattern; 3] = [Pattern::Gpt2Digits, Pattern::Gpt2, Pattern::Llama3];

/// Words and counts, each text cut as a whole.
fn plainly(pretokenizer: &PreTokenizer, texts: &[String]) -> BTreeMap<Vec<u8>, u64> {
    let mut counts = BTreeMap::new();
    for text in texts {
        pretokenizer.pieces(text, |start, end| *counts.entry(text.as_bytes()[start..end].to_vec()).or_default() += 1);
    }
    counts
}

/// The same by batches of `size` bytes, in `memory` bytes, each text in parts of `part` characters.
fn in_batches(
    pretokenizer: &PreTokenizer,
    texts: &[String],
    (size, part, threads, memory): (usize, usize, usize, usize),
) -> (BTreeMap<Vec<u8>, u64>, bool) {
    let options = TrainOptions { threads, memory, ..TrainOptions::default() };
    let feed = |feed: &mut Feed<'_>| {
        for text in texts {
            let letters: Vec<char> = text.chars().collect();
            letters.chunks(part).for_each(|part| feed.part(&part.iter().collect::<String>()));
            feed.end();
        }
        Ok::<(), TrainError>(())
    };
    let counted = count_in_batches(size, pretokenizer, &options, &tempfile::tempfile, feed).unwrap();
    assert_eq!(counted.texts, texts.len() as u64);
    assert_eq!(counted.bytes, texts.iter().map(String::len).sum::<usize>() as u64);
    let on_disk = matches!(counted.words, Counts::Runs(_));
    let (mut counts, mut words) = (BTreeMap::new(), counted.words);
    words
        .each(&mut |word, count| {
            assert_eq!(counts.insert(word.to_vec(), count), None, "a word comes once");
        })
        .unwrap();
    (counts, on_disk)
}

/// Texts in which words end in every way.
fn texts() -> impl Strategy<Value = Vec<String>> {
    let piece = prop_oneof![
        "[ab]{1,7}",
        "[ \t\r\n]{1,4}",
        "[0-9½]{1,4}",
        "'(s|t|re|ve|m|ll|d|S|LL|x)",
        "[.,(){}'-]{1,4}",
        "[é中日🙂\u{301}\u{a0}\u{3000}]{1,3}",
    ];
    prop::collection::vec(prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat()), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Batches of a few bytes are cut nearly everywhere that they may be.
    #[test]
    fn batches_parts_threads_and_files_leave_no_trace(
        texts in texts(), pattern in 0usize..3, size in 1usize..60, part in 1usize..30, threads in 1usize..4, little: bool,
    ) {
        let pretokenizer = PreTokenizer::new(PATTERNS[pattern]);
        let memory = if little { 1 } else { usize::MAX };
        let (counts, on_disk) = in_batches(&pretokenizer, &texts, (size, part, threads, memory));
        prop_assert_eq!(&counts, &plainly(&pretokenizer, &texts));
        prop_assert_eq!(on_disk, little && !counts.is_empty());
    }
}

/// A text that can be cut nowhere waits until it ends.
#[test]
fn a_text_of_one_word() {
    for text in ["x".repeat(5000), "1".repeat(5000), " ".repeat(5000), "中".repeat(2000)] {
        let pretokenizer = PreTokenizer::new(Pattern::Gpt2Digits);
        let texts = [text.clone(), "a b".to_owned(), text];
        let (counts, _) = in_batches(&pretokenizer, &texts, (16, 7, 2, usize::MAX));
        assert_eq!(counts, plainly(&pretokenizer, &texts));
    }
}

/// Where a scratch file cannot be had, that is the error, and nobody waits for ever.
#[test]
fn no_scratch_file() {
    let pretokenizer = PreTokenizer::new(Pattern::Gpt2Digits);
    let options = TrainOptions { threads: 2, memory: 1, ..TrainOptions::default() };
    let scratch = || Err(std::io::Error::other("no place"));
    let feed = |feed: &mut Feed<'_>| {
        (0..1000).for_each(|_| feed.text("some text "));
        Ok(())
    };
    let error = count_in_batches::<TrainError>(8, &pretokenizer, &options, &scratch, feed).err().unwrap();
    assert_eq!(error.to_string(), "a scratch file for counts of words: no place");
}
