//! Any JSON as a JSON schema: compiled or refused in one line, and if compiled, what follows it is JSON.
#![no_main]

mod following;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use smollm_tokenizer::constrain::GrammarSource;

/// Tokens of an answer that follows the schema.
const STEPS: usize = 24;

fuzz_target!(|bytes: &[u8]| {
    // larger ones are taken, and take longer than there is time here
    let Some(bytes) = bytes.get(..bytes.len().min(1 << 11)) else { return };
    // the rest of the input chooses among what is allowed
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    let Some(Ok(schema)) = values.next() else { return };
    let mut choices = bytes[values.byte_offset()..].iter();
    let Some(grammar) = following::compiled(&GrammarSource::JsonSchema(schema.clone())) else { return };
    let pick = |_| choices.next().map_or(0, |byte| usize::from(*byte));
    if let Some(text) = following::answer(&grammar, STEPS, pick) {
        let read = serde_json::from_slice::<Value>(&text);
        assert!(read.is_ok(), "{:?} under {schema}", String::from_utf8_lossy(&text));
    }
});
