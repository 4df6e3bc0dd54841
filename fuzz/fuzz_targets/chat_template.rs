//! Any text as a chat template: an error with its line, or a prompt, in bounded time, and spans that lie within it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use smollm_tokenizer::template::{ChatTemplate, RenderOptions, TemplateError};

fuzz_target!(
    // libFuzzer's own hook ends the process at any panic; one that the renderer catches and reports is not a fault.
    init: std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))),
    |bytes: &[u8]| {
        let source = String::from_utf8_lossy(bytes);
        let specials = [("bos_token".to_owned(), "<s>".to_owned()), ("eos_token".to_owned(), "</s>".to_owned())];
        let Some(template) = said(ChatTemplate::new(&source, &specials)) else { return };
        let messages = json!([
            {"role": "system", "content": "Be brief. /no_think"},
            {"role": "user", "content": "What is 2 × 3?"},
            {"role": "assistant", "content": "<think>\n2 × 3\n</think>\n6", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1.5}}}]},
        ]);
        let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]);
        for (messages, tools) in [(&messages, Some(tools)), (&json!([{"role": "user", "content": ""}]), None)] {
            let options = RenderOptions { add_generation_prompt: tools.is_some(), tools, ..RenderOptions::default() };
            if let Some((prompt, spans)) = said(template.render_with_spans(messages, &options)) {
                assert!(spans.iter().all(|span| prompt.get(span.clone()).is_some()), "{spans:?} of {}", prompt.len());
            }
        }
    }
);

/// The value; an error must be one line.
fn said<T>(result: Result<T, TemplateError>) -> Option<T> {
    result.map_err(|error| assert!(!error.to_string().contains('\n'), "an error of several lines: {error}")).ok()
}
