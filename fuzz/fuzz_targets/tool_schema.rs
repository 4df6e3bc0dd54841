//! Any text as a Python file of tools and as JSON of tools: refused in one line, or tools that are tools when they are read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;

// The module itself and not the facade, whose terminal, server and client would be built for it.
#[path = "../../crates/smollm/src"]
#[allow(dead_code, unused_imports, reason = "the facade uses more of it")]
mod facade {
    pub mod tool_schema;
}
use facade::tool_schema::{ToolSchemaError, of_json, of_python};

fuzz_target!(|bytes: &[u8]| {
    // the stack of a longer file takes memory that there is not here
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1 << 12)]);
    check(of_python(&text, &[]));
    check(of_json(&text).map(|converted| converted.tools));
});

fn check(tools: Result<Vec<Value>, ToolSchemaError>) {
    match tools {
        Ok(tools) => {
            let again = of_json(&Value::from(tools).to_string());
            assert!(again.is_ok(), "{again:?}");
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains('\n') && message.len() < 6000, "{message}");
        }
    }
}
