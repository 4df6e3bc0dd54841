//! Prompts of chat templates, byte for byte those of transformers' `apply_chat_template` (reference/template_golden.py).

use serde_json::Value;
use sha2::{Digest, Sha256};
use smollm_tokenizer::template::{ChatTemplate, DateTime, RenderOptions, TemplateError};
use std::ops::Range;
use std::path::Path;

fn golden(name: &str) -> Value {
    let path = smollm_testkit::testdata().join("templates").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// A template of the fixtures: a tokenizer_config.json, a training recipe, or the text itself.
fn template_text(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => serde_json::from_str::<Value>(&text).unwrap()["chat_template"].as_str().unwrap().to_owned(),
        Some("yaml") => {
            // The recipes write it on one line between double quotes, with JSON's escapes.
            let line = text.lines().find_map(|line| line.strip_prefix("chat_template: ")).unwrap();
            serde_json::from_str(line).unwrap()
        }
        _ => text,
    }
}

/// The only place where these tests touch the interface.
fn rendered(
    template: &str,
    conversation: &Value,
    special: &[(String, String)],
    now: DateTime,
) -> Result<(String, Vec<Range<usize>>), TemplateError> {
    let is = |key: &str| conversation[key] == Value::Bool(true);
    let options = RenderOptions {
        add_generation_prompt: is("add_generation_prompt"),
        tools: conversation.get("tools").cloned(),
        documents: conversation.get("documents").cloned(),
        extra: conversation.get("extra").and_then(Value::as_object).cloned().unwrap_or_default(),
        now,
    };
    let template = ChatTemplate::new(template, special)?;
    if is("continue_final_message") {
        return Ok((template.render_begun(&conversation["messages"], &options)?, Vec::new()));
    }
    template.render_with_spans(&conversation["messages"], &options)
}

/// What is wrong with `got`, if anything.
fn difference(expected: &Value, got: Result<(String, Vec<Range<usize>>), TemplateError>) -> Option<String> {
    let (prompt, spans) = match (expected.get("error"), got) {
        (Some(_), Err(_)) => return None,
        (Some(error), Ok((prompt, _))) => return Some(format!("Python says {error}, this {prompt:?}")),
        (None, Err(error)) => return Some(format!("fails: {error}")),
        (None, Ok(rendered)) => rendered,
    };
    let right = match &expected["text"] {
        Value::String(text) => *text == prompt,
        _ => {
            let digest: String = Sha256::digest(prompt.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
            expected["bytes"] == prompt.len() && expected["sha256"] == digest
        }
    };
    if !right {
        return Some(format!("gives {prompt:?}, expected {}", expected["text"]));
    }
    let expected_spans: Vec<Range<usize>> = expected["spans"].as_array().map_or_else(Vec::new, |spans| {
        spans.iter().map(|span| span[0].as_u64().unwrap() as usize..span[1].as_u64().unwrap() as usize).collect()
    });
    (spans != expected_spans).then(|| format!("spans {spans:?}, expected {expected_spans:?}"))
}

fn now_and_special(conversations: &Value) -> (DateTime, Vec<(String, String)>) {
    let part = |at: usize| conversations["now"][at].as_i64().unwrap();
    let small = |at: usize| part(at) as i8;
    let now = DateTime::constant(part(0) as i16, small(1), small(2), small(3), small(4), small(5), 0);
    let special = conversations["special"].as_object().unwrap();
    (now, special.iter().map(|(name, token)| (name.clone(), token.as_str().unwrap().to_owned())).collect())
}

#[test]
fn the_templates_of_the_models() {
    let Some(fixtures) = smollm_testkit::fixtures() else { return };
    let conversations = golden("conversations.json");
    let (now, special) = now_and_special(&conversations);
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (name, expected) in golden("prompts.json").as_object().unwrap() {
        let template = template_text(&fixtures.join(expected["path"].as_str().unwrap()));
        let digest: String = Sha256::digest(template.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(expected["sha256"], digest, "{name}: the template of the fixtures is another one");
        for (title, expected) in expected["prompts"].as_object().unwrap() {
            let got = rendered(&template, &conversations["conversations"][title], &special, now);
            wrong.extend(difference(expected, got).map(|what| format!("{name}, {title}: {what}")));
            compared += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 450, "only {compared}");
}
