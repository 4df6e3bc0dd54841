//! Grammars compiled for a vocabulary of the 256 bytes, and answers that follow them.

use std::sync::{Arc, OnceLock};

use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::constrain::{Grammar, GrammarSource, Grammars};

/// The grammar; none if it was refused, in one line.
pub fn compiled(source: &GrammarSource) -> Option<Grammar> {
    match grammars().1.compile(source) {
        Ok(grammar) => Some(grammar),
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains('\n') && message.len() < 2000, "{message}");
            None
        }
    }
}

/// An answer of at most so many tokens, at each of which `pick` chooses one of those that are allowed, by its place among so many; none where
/// it is not whole by then, or becomes too much work.
pub fn answer(grammar: &Grammar, most: usize, mut pick: impl FnMut(usize) -> usize) -> Option<Vec<u8>> {
    let mut constraint = grammar.begin();
    let mut text = Vec::new();
    for _ in 0..most {
        let allowed = constraint.allowed().ok()?;
        let ids: Vec<u32> = (0..allowed.end()).filter(|&id| allowed.contains(id)).collect();
        if ids.is_empty() {
            assert!(allowed.may_end(), "nothing is allowed");
            return Some(text);
        }
        let id = ids[pick(ids.len()) % ids.len()];
        constraint.accept(id).ok()?;
        text.extend(grammars().0.token_bytes(id).unwrap_or_default().iter());
        if constraint.has_ended() {
            return Some(text);
        }
    }
    None
}

/// For a vocabulary of the 256 bytes.
fn grammars() -> &'static (Arc<Tokenizer>, Grammars) {
    static GRAMMARS: OnceLock<(Arc<Tokenizer>, Grammars)> = OnceLock::new();
    GRAMMARS.get_or_init(|| {
        let printable = |byte: &u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
        let others = (0..256).filter(|byte| !printable(byte)).zip(256..);
        let letters = (0..256).filter(printable).map(|byte| (byte, byte)).chain(others);
        let vocabulary: serde_json::Map<String, serde_json::Value> = letters
            .map(|(byte, letter)| (char::from_u32(letter).expect("a letter").to_string(), byte.into()))
            .collect();
        let byte_level = serde_json::json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
        let file = serde_json::json!({"version": "1.0", "added_tokens": [], "pre_tokenizer": byte_level, "decoder": byte_level,
            "model": {"type": "BPE", "vocab": vocabulary, "merges": []}});
        let tokenizer = Tokenizer::from_json(file.to_string().as_bytes(), "tokenizer.json").expect("a tokenizer");
        let tokenizer = Arc::new(tokenizer);
        (tokenizer.clone(), Grammars::new(tokenizer))
    })
}
