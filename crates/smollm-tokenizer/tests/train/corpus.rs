//! Texts to train on.

use proptest::prelude::*;

/// Texts of few letters, so that counts are equal, tokens are made in several ways, and runs of one letter overlap themselves.
pub(super) fn few_letters() -> impl Strategy<Value = Vec<String>> {
    let word = "[ab]{1,9}|[abc]{1,6}|a{1,12}|[a-e]{2,5}";
    let text = prop::collection::vec((word, prop::sample::select(vec![" ", " ", "\n", "  ", "'s ", "1", "."])), 0..60);
    let joined = text.prop_map(|words| words.into_iter().map(|(word, end)| word + end).collect::<String>());
    prop::collection::vec(joined, 1..6)
}

/// Texts of many kinds of characters.
pub(super) fn any_letters() -> impl Strategy<Value = Vec<String>> {
    let piece = prop_oneof![
        "[a-z]{1,6}",
        "[ \t\r\n]{1,4}",
        "[0-9]{1,5}",
        "'(s|t|re|ve|m|ll|d|S|LL)",
        "[.,;:!?(){}<>|'\"_-]{1,4}",
        "[éüß中文日本🙂½٣\u{301}\u{a0}\u{3000}]{1,3}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(prop::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat()), 1..5)
}
