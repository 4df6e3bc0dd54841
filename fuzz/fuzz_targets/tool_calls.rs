//! Any text as what a model said: calls or none, the same however it comes, and a name and an object for each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smollm_tokenizer::tools::{CallReader, Said, calls_in};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let calls = calls_in(&text);
    for call in calls.iter().flatten() {
        let arguments: serde_json::Value = serde_json::from_str(&call.arguments).expect("arguments are JSON");
        assert!(arguments.is_object());
    }
    let whole = read(CallReader::free(), [&*text]);
    let letters = || text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]);
    assert_eq!(read(CallReader::free(), letters()), whole);
    assert_eq!(whole.1.len(), calls.map_or(0, |calls| calls.len()));
    assert_eq!(read(CallReader::bound(), letters()), read(CallReader::bound(), [&*text]));
});

/// The text, and name and arguments of each call.
fn read<'t>(mut reader: CallReader, pieces: impl IntoIterator<Item = &'t str>) -> (String, Vec<(String, String)>) {
    let mut said: Vec<Said> = pieces.into_iter().flat_map(|piece| reader.push(piece)).collect();
    said.extend(reader.finish());
    let (mut text, mut calls) = (String::new(), Vec::<(String, String)>::new());
    for said in said {
        match said {
            Said::Text(more) => text.push_str(&more),
            Said::Call(name) => calls.push((name, String::new())),
            Said::Arguments(more) => calls.last_mut().expect("a call").1.push_str(&more),
        }
    }
    (text, calls)
}
