//! Tokens stand where they stand.

use crate::{Specials, Tokenizer};

fn small(name: &str) -> Tokenizer {
    Tokenizer::from_file(smollm_testkit::testdata().join("tokenizer").join(name).with_extension("json")).unwrap()
}

#[test]
fn ranges_cover_the_text_but_for_what_is_dropped() {
    let texts =
        ["", "Hello  world\n\n 123 naïve 你好 🙂", "<|im_start|>user\nhi<|im_end|>\n", "a\u{4}b", "\u{f0000}x\u{4}"];
    for name in ["smollm_small", "llama3_small", "flags_small"] {
        let tokenizer = small(name);
        for text in texts {
            let ids = tokenizer.encode(text, Specials::Parse);
            let ranges = tokenizer.ranges(text, &ids).unwrap_or_else(|| panic!("{name}: {text:?}"));
            let mut end = 0;
            for (id, range) in ids.iter().zip(&ranges) {
                assert!(range.start >= end, "{name}: {text:?}: {ranges:?}");
                assert_eq!(*tokenizer.token_bytes(*id).unwrap(), text.as_bytes()[range.clone()], "{name}: {text:?}");
                end = range.end;
            }
            let covered: usize = ranges.iter().map(ExactSizeIterator::len).sum();
            let spelt = text.bytes().filter(|&byte| tokenizer.byte_token(byte).is_some()).count();
            assert_eq!(covered, spelt, "{name}: {text:?}");
        }
    }
}

#[test]
fn a_space_that_encoding_puts_first_has_no_bytes() {
    let Some(stories) = smollm_testkit::stories260k::Stories260k::from_fixtures() else { return };
    let kinds = [2, 3, 3].into_iter().chain([6; 256]).chain(std::iter::repeat(1));
    let tokenizer = Tokenizer::from_gguf(crate::GgufVocab {
        model: "llama".to_owned(),
        token_types: Some(kinds.take(stories.pieces.len()).collect()),
        tokens: stories.pieces,
        scores: Some(stories.scores),
        bos: Some(1),
        eos: Some(2),
        unk: Some(0),
        ..crate::GgufVocab::default()
    })
    .unwrap();
    for text in ["Once upon", "\nOnce", " x", "é 🙂"] {
        let ids = tokenizer.encode(text, Specials::Parse);
        let ranges = tokenizer.ranges(text, &ids).unwrap_or_else(|| panic!("{text:?}"));
        assert_eq!(ranges.iter().map(ExactSizeIterator::len).sum::<usize>(), text.len(), "{text:?}");
    }
}

#[test]
fn ids_of_another_text_are_refused() {
    let tokenizer = small("smollm_small");
    let ids = tokenizer.encode("one two", Specials::Parse);
    for text in ["one", "one three", "one two!", ""] {
        assert_eq!(tokenizer.ranges(text, &ids), None, "{text:?}");
    }
    assert_eq!(tokenizer.ranges("x", &[u32::MAX]), None);
}
