//! Any text as a GBNF grammar: compiled or refused in one line, and if compiled, followed without a fault.
#![no_main]

mod following;

use libfuzzer_sys::fuzz_target;
use smollm_tokenizer::constrain::GrammarSource;

/// Steps of an answer that follows the grammar.
const STEPS: usize = 8;

fuzz_target!(|bytes: &[u8]| {
    // larger ones are taken, and take longer than there is time here
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1 << 11)]);
    if let Some(grammar) = following::compiled(&GrammarSource::Gbnf(text.into_owned())) {
        following::answer(&grammar, STEPS, |_| 0);
    }
});
