//! Any text as a grammar, of the kind that its first letter says (`r` a regular expression, `l` Lark, `g` GBNF): compiled or refused in one
//! line, and if compiled, followed without a fault.
#![no_main]

mod following;

use libfuzzer_sys::fuzz_target;
use smollm_tokenizer::constrain::GrammarSource;

/// Tokens of an answer that follows the grammar.
const STEPS: usize = 8;

fuzz_target!(|bytes: &[u8]| {
    // larger ones are taken, and take longer than there is time here
    let Some((kind, text)) = bytes[..bytes.len().min(1 << 11)].split_first() else { return };
    let text = String::from_utf8_lossy(text).into_owned();
    let source = match kind {
        b'r' => GrammarSource::Regex(text),
        b'l' => GrammarSource::Lark(text),
        b'g' => GrammarSource::Gbnf(text),
        _ => return,
    };
    if let Some(grammar) = following::compiled(&source) {
        following::answer(&grammar, STEPS, |_| 0);
    }
});
