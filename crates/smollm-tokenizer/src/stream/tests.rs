//! Any way of cutting a text into pieces gives the same text.

use super::*;
use proptest::prelude::*;

/// A byte-level vocabulary in which every byte is a token and its id.
fn bytes_tokenizer() -> Tokenizer {
    let vocab: serde_json::Map<String, serde_json::Value> =
        (0..=255_u8).map(|byte| (crate::byte_alphabet::byte_to_char(byte).to_string(), byte.into())).collect();
    let json = serde_json::json!({
        "added_tokens": [{"id": 256, "content": "<end>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}],
        "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": []},
    });
    Tokenizer::from_json(json.to_string().as_bytes(), "test").unwrap()
}

fn watched(stops: &[&str], pieces: &[&str]) -> (String, Option<String>) {
    let mut watch = StopStrings::new(stops);
    let mut text = String::new();
    for piece in pieces {
        let step = watch.push(piece);
        text.push_str(&step.emit);
        if step.stopped.is_some() {
            return (text, step.stopped);
        }
    }
    text.push_str(&watch.finish());
    (text, None)
}

#[test]
fn stop_strings_are_found_across_pieces() {
    type Case<'a> = (&'a [&'a str], &'a [&'a str], &'a str, Option<&'a str>);
    let cases: [Case<'_>; 7] = [
        (&["END"], &["a E", "N", "D b"], "a ", Some("END")),
        (&["END"], &["a E", "N", "b"], "a ENb", None),
        (&["aab"], &["aa", "aab"], "aa", Some("aab")),
        (&["xyz", "yz"], &["w", "x", "y", "z"], "w", Some("xyz")),
        (&["b", "ab"], &["xab"], "x", Some("ab")),
        (&["é!"], &["caf", "é", "!"], "caf", Some("é!")),
        (&[""], &["text"], "text", None),
    ];
    for (stops, pieces, text, stopped) in cases {
        assert_eq!(watched(stops, pieces), (text.to_owned(), stopped.map(str::to_owned)), "{stops:?} {pieces:?}");
    }
}

#[test]
fn nothing_is_held_back_without_need() {
    let mut watch = StopStrings::new(&["</s>"]);
    assert_eq!(watch.push("hello").emit, "hello");
    assert_eq!(watch.push(" a <").emit, " a ");
    assert_eq!(watch.push("b").emit, "<b");
}

#[test]
fn special_tokens_are_left_out_unless_asked_for() {
    let tokenizer = bytes_tokenizer();
    let text =
        |mut stream: TextStream<&Tokenizer>| [104, 105, 256].map(|id| stream.push(id)).concat() + &stream.finish();
    assert_eq!(text(TextStream::new(&tokenizer)), "hi");
    assert_eq!(text(TextStream::new(&tokenizer).with_special()), "hi<end>");
}

proptest! {
    #[test]
    fn a_stream_of_bytes_is_the_text(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let tokenizer = bytes_tokenizer();
        let mut stream = TextStream::new(&tokenizer);
        let mut text: String = bytes.iter().map(|&b| stream.push(b.into())).collect();
        text.push_str(&stream.finish());
        prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_character_is_split(text in "\\PC{0,20}") {
        let tokenizer = bytes_tokenizer();
        let mut stream = TextStream::new(&tokenizer);
        let pieces: Vec<String> = text.bytes().map(|b| stream.push(b.into())).collect();
        // A split character would show as U+FFFD, so the text itself must be the same with as many of them.
        prop_assert_eq!(pieces.concat(), text);
    }

    #[test]
    fn cutting_does_not_matter(text in "[ab<]{0,30}", cuts in proptest::collection::vec(1_usize..5, 1..30)) {
        let stops = ["aab", "b<b", "<<"];
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (piece, tail) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        prop_assert_eq!(watched(&stops, &pieces), watched(&stops, &[&text]));
    }
}
