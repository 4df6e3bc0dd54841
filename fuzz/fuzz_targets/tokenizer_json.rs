//! Any bytes as a `tokenizer.json`: an error, or a tokenizer that encodes and decodes any text without a panic, and whose
//! own file gives the same ids.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smollm_tokenizer::{Specials, Tokenizer};

fuzz_target!(|bytes: &[u8]| {
    match Tokenizer::from_json(bytes, "tokenizer.json") {
        Ok(tokenizer) => {
            let own = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
            for text in ["", " ab  ab1!\n<|im_start|>Ünï \u{1f600}\u{200d}a\u{301} \t", &own] {
                for specials in [Specials::Parse, Specials::AsText] {
                    let ids = tokenizer.encode(text, specials);
                    assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()));
                    let _ = (tokenizer.decode(&ids, true), tokenizer.decode(&ids, false));
                }
            }
            let _ = tokenizer.decode(&[0, u32::MAX, 1, 1 << 20], false);
            if let Err(error) = tokenizer.to_gguf() {
                one_line(&error);
            }
            match tokenizer.to_json() {
                Ok(json) => {
                    let again = Tokenizer::from_json(json.to_string().as_bytes(), "tokenizer.json").expect("our own");
                    assert_eq!(again.encode(&own, Specials::Parse), tokenizer.encode(&own, Specials::Parse));
                }
                Err(error) => one_line(&error),
            }
        }
        Err(error) => one_line(&error),
    }
});

fn one_line(error: &dyn std::error::Error) {
    assert!(!error.to_string().contains('\n'), "an error of several lines: {error}");
}
