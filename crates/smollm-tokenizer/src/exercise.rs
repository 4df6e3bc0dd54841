//! What the fuzz target and the fault tests do with bytes that may be a `tokenizer.json`.

use crate::{Specials, Tokenizer};

/// Reads `bytes` as a `tokenizer.json` and, where that works, puts the tokenizer through everything it can do.
///
/// # Panics
/// When the tokenizer contradicts itself: that is a mistake in this crate.
#[doc(hidden)]
pub fn exercise(bytes: &[u8]) {
    let Ok(tokenizer) = Tokenizer::from_json(bytes, "tokenizer.json") else { return };
    let long = "a".repeat(3000);
    for text in ["", " ", "a b ab aab", "The 12 <s> b\u{3000}x \u{1f600}\n\n\té", &long] {
        for specials in [Specials::Parse, Specials::AsText] {
            let ids = tokenizer.encode(text, specials);
            assert!(ids.iter().all(|&id| tokenizer.token_bytes(id).is_some()), "an id beyond the vocabulary");
            assert_eq!(ids, tokenizer.encode(text, specials), "the second time differs");
            tokenizer.decode(&ids, specials == Specials::Parse);
        }
    }
    tokenizer.decode(&[0, 1, 2, u32::MAX], false);
    if let Ok(gguf) = tokenizer.to_gguf() {
        let again = Tokenizer::from_gguf(gguf);
        assert!(again.is_ok(), "what was written cannot be read: {again:?}");
    }
}
