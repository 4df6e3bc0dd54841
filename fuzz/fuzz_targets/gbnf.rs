//! Any text as a GBNF grammar: compiled or refused in one line, and if compiled, followed without a fault.
#![no_main]

use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::constrain::{GrammarSource, Grammars};

/// Steps of an answer that follows the grammar.
const STEPS: usize = 8;

fuzz_target!(|bytes: &[u8]| {
    // larger ones are taken, and take longer than there is time here
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1 << 11)]);
    let grammar = match grammars().compile(&GrammarSource::Gbnf(text.into_owned())) {
        Ok(grammar) => grammar,
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains('\n') && message.len() < 2000, "{message}");
            return;
        }
    };
    let mut constraint = grammar.begin();
    for _ in 0..STEPS {
        let Ok(allowed) = constraint.allowed() else { return }; // too much work at this place
        let Some(id) = (0..allowed.end()).find(|&id| allowed.contains(id)) else {
            assert!(allowed.may_end(), "nothing is allowed");
            return;
        };
        if constraint.accept(id).is_err() || constraint.has_ended() {
            return;
        }
    }
});

/// For a vocabulary of the 256 bytes.
fn grammars() -> &'static Grammars {
    static GRAMMARS: OnceLock<Grammars> = OnceLock::new();
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
        Grammars::new(Arc::new(tokenizer))
    })
}
