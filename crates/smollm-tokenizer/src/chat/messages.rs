//! Messages at the edge: what transformers accepts and what it changes before a template sees them.

use serde_json::{Map, Value};

use super::{RenderOptions, TemplateError};
use crate::chat::jinja::is_space;

/// Fields under which a message's reasoning is passed; the first is what templates read.
const REASONING: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];
/// Stands at the end of a message that is to be continued, until the prompt is cut there.
const TAG: &str = "CONTINUE_FINAL_MESSAGE_TAG ";

fn wrong<T>(place: impl Into<String>, message: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError::Messages { place: place.into(), message: message.into() })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Checks messages, tools and documents, and gives the messages as transformers passes them on, with about how many
/// bytes everything is as text.
pub(super) fn prepare(messages: &Value, options: &RenderOptions) -> Result<(Vec<Value>, usize), TemplateError> {
    let Value::Array(messages) = messages else {
        return wrong("messages", format!("expected an array of messages, got {}", kind(messages)));
    };
    if options.continue_final_message && options.add_generation_prompt {
        return wrong("options", "a message to continue and a generation prompt exclude each other");
    }
    let mut size = 0_usize;
    for (what, value) in [("tools", &options.tools), ("documents", &options.documents)] {
        if let Some(value) = value {
            objects(what, value)?;
            size = size.saturating_add(text_size(value));
        }
    }
    size = options.extra.values().fold(size, |size, value| size.saturating_add(text_size(value)));
    let mut prepared = Vec::with_capacity(messages.len());
    for (at, message) in messages.iter().enumerate() {
        size = size.saturating_add(text_size(message));
        prepared.push(Value::Object(check(at, message)?));
    }
    Ok((prepared, size))
}

/// An array of objects, or null.
fn objects(what: &str, value: &Value) -> Result<(), TemplateError> {
    let items = match value {
        Value::Null => return Ok(()),
        Value::Array(items) => items,
        other => return wrong(what, format!("expected an array of objects, got {}", kind(other))),
    };
    match items.iter().enumerate().find(|(_, item)| !item.is_object()) {
        Some((at, item)) => wrong(format!("{what}[{at}]"), format!("expected an object, got {}", kind(item))),
        None => Ok(()),
    }
}

/// One message: checked, without its null fields, with its reasoning under the names that templates read.
fn check(at: usize, message: &Value) -> Result<Map<String, Value>, TemplateError> {
    let place = || format!("messages[{at}]");
    let Value::Object(message) = message else {
        return wrong(place(), format!("expected an object with role and content, got {}", kind(message)));
    };
    match message.get("role") {
        Some(Value::String(_)) => {}
        Some(other) => return wrong(format!("{}.role", place()), format!("expected a string, got {}", kind(other))),
        None => return wrong(place(), "has no role"),
    }
    match message.get("content") {
        None | Some(Value::Null | Value::String(_)) => {}
        Some(Value::Array(parts)) => {
            let wrong_part = parts.iter().enumerate().find(|(_, part)| !part.is_object() && !part.is_string());
            if let Some((part, value)) = wrong_part {
                let place = format!("{}.content[{part}]", place());
                return wrong(place, format!("expected an object or a string, got {}", kind(value)));
            }
        }
        Some(other) => {
            let message = format!("expected a string, null or an array of parts, got {}", kind(other));
            return wrong(format!("{}.content", place()), message);
        }
    }
    let mut kept: Map<String, Value> =
        message.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), value.clone())).collect();
    if let Some(reasoning) = REASONING.iter().find_map(|field| kept.get(*field)).cloned() {
        // {"thinking": reasoning, **message, "reasoning_content": reasoning}: the order of the keys shows in `tojson`.
        let mut aliased = Map::with_capacity(kept.len() + 2);
        aliased.insert("thinking".to_owned(), reasoning.clone());
        aliased.extend(kept);
        aliased.insert("reasoning_content".to_owned(), reasoning);
        kept = aliased;
    }
    Ok(kept)
}

/// About the length of a value as text; without recursion, as values may nest deeply.
fn text_size(value: &Value) -> usize {
    let mut size = 0_usize;
    let mut todo = vec![value];
    while let Some(value) = todo.pop() {
        size = size.saturating_add(match value {
            Value::String(text) => text.len(),
            Value::Array(items) => {
                todo.extend(items);
                2
            }
            Value::Object(map) => {
                todo.extend(map.values());
                map.keys().map(|key| key.len() + 4).sum()
            }
            _ => 8,
        });
    }
    size
}

/// The text of the message that is to be continued.
pub(super) struct Last {
    text: String,
}

/// Marks the end of the last message's content.
pub(super) fn open_last(messages: &mut [Value], template: &str) -> Result<Last, TemplateError> {
    let Some(last) = messages.last_mut() else {
        return wrong("messages", "there is no final message to continue");
    };
    if !template.contains("content") {
        return wrong("messages", "this template does not use the content of messages: none can be continued");
    }
    let text = match last.get_mut("content") {
        Some(Value::String(text)) => Some(text),
        Some(Value::Array(parts)) => parts.iter_mut().rev().find_map(|part| match part.get_mut("text") {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }),
        _ => None,
    };
    let Some(text) = text else { return wrong("messages", "the final message has no text to continue") };
    let last = Last { text: text.clone() };
    text.push_str(TAG);
    Ok(last)
}

/// Cuts the prompt at the mark.
pub(super) fn close_last(mut prompt: String, last: &Last) -> Result<String, TemplateError> {
    let at = prompt.rfind(TAG.trim_end());
    let (Some(at), true) = (at, prompt.contains(last.text.trim_matches(is_space))) else {
        return wrong("messages", "the final message cannot be continued: the template does not show it unchanged");
    };
    let kept = prompt[at..].starts_with(TAG);
    prompt.truncate(at);
    if !kept {
        // The template has trimmed the message.
        prompt.truncate(prompt.trim_end_matches(is_space).len());
    }
    Ok(prompt)
}
