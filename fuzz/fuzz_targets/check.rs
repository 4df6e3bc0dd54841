//! Any text as the check of an item, and what follows a NUL byte as an answer: refused in words, or a check that survives being written and
//! read again, and says of any answer the same each time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smollm_verify::{Check, refuses};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let (check, answer) = text.split_once('\0').unwrap_or((&text, ""));
    let check: Check = match serde_json::from_str(check) {
        Ok(check) => check,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let written = serde_json::to_string(&check).expect("checks are JSON");
    let again: Check = serde_json::from_str(&written).expect("it is our own");
    // serde_json may read a fraction that it wrote as its neighbour, and arguments of calls may have some
    assert!(again == check || has_calls(&check));
    assert_eq!(again.fault(), check.fault());
    // a search takes time in proportion to pattern and text, and is made once for each place that is found
    let answer: String = answer.chars().take(2048).collect();
    let passed = check.passes_text(&answer);
    assert!(again.passes_text(&answer) == passed || has_calls(&check));
    if matches!(check, Check::Refuses) {
        assert_eq!(passed, refuses(&answer));
    }
    // as a message: the same text, and calls in the form of an API
    check.passes(&serde_json::json!({ "role": "assistant", "content": answer }));
    if let Ok(message) = serde_json::from_str(&answer) {
        check.passes(&message);
    }
    if let Check::Instructions { instructions } = &check {
        for instruction in instructions {
            assert!(instruction.passes_loosely(&answer) || !instruction.passes(&answer));
        }
    }
});

fn has_calls(check: &Check) -> bool {
    match check {
        Check::Calls { .. } => true,
        Check::All { checks } | Check::Any { checks } => checks.iter().any(has_calls),
        _ => false,
    }
}
