//! A conversation with calls and results, in the words that a template has for them.

use super::block::Call;
use super::prompt::system_prompt;
use super::tool::Tool;
use crate::template::{ChatTemplate, TemplateError, python_json};
use serde_json::{Value, json};

/// What a template is to be given.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    /// The messages.
    pub messages: Value,
    /// The variable `tools`, for a template that reads it.
    pub tools: Option<Value>,
}

/// Puts `tools` and what `messages` have of calls (`tool_calls` of the assistant, whose `function.arguments` are an object or the text of one; messages of the
/// role `tool`) into the words of `template`. What the template knows by itself is left to it.
///
/// Where it does not know tools, the system prompt of SmolLM2's card follows the system message. Calls are written as the model
/// writes them. Results become turns of the user between `<tool_response>` tags; one that is no text is written as JSON.
///
/// # Errors
/// A call that has no name or no arguments, a content that would have to be text, or a value that is nested too deeply.
pub fn conversation(template: &ChatTemplate, messages: &Value, tools: &[Tool]) -> Result<Conversation, TemplateError> {
    let (form, with_tools) = (template.call_form(), !tools.is_empty());
    let mut list = Vec::new();
    for (index, message) in messages.as_array().into_iter().flatten().enumerate() {
        let mut message = message.clone();
        let place = |call: usize| format!("messages[{index}].tool_calls[{call}].function");
        if let Some(calls) = message.as_object_mut().and_then(|keys| keys.remove("tool_calls")) {
            let calls: Vec<Value> = calls.as_array().cloned().unwrap_or_default();
            if template.writes_calls(with_tools) {
                let calls = calls.into_iter().enumerate().map(|(i, call)| with_object(call, &place(i)));
                message["tool_calls"] = calls.collect::<Result<_, _>>()?;
            } else if !calls.is_empty() {
                let calls = calls.iter().enumerate().map(|(i, call)| written(call, &place(i)));
                let calls = form.written(&calls.collect::<Result<Vec<_>, _>>()?);
                let said = text(&message, index)?;
                let space = if said.is_empty() || said.ends_with('\n') { "" } else { "\n" };
                message["content"] = format!("{said}{space}{calls}").into();
            }
        }
        if message["role"] == "tool" && !template.writes_results(with_tools) {
            let result = match &message["content"] {
                Value::String(_) | Value::Null => text(&message, index)?.to_owned(),
                other => python_json(other)?,
            };
            message = json!({ "role": "user", "content": format!("<tool_response>\n{result}\n</tool_response>") });
        }
        list.push(message);
    }
    if tools.is_empty() {
        return Ok(Conversation { messages: list.into(), tools: None });
    }
    if template.reads_tools() {
        let tools = tools.iter().map(|tool| tool.shown().clone()).collect();
        return Ok(Conversation { messages: list.into(), tools: Some(tools) });
    }
    let prompt = system_prompt(tools)?;
    match list.first_mut().filter(|first| first["role"] == "system") {
        Some(first) => {
            first["content"] = match text(first, 0)? {
                "" => prompt.into(),
                own => format!("{own}\n\n{prompt}").into(),
            };
        }
        None => list.insert(0, json!({ "role": "system", "content": prompt })),
    }
    Ok(Conversation { messages: list.into(), tools: None })
}

/// What a message says.
fn text(message: &Value, index: usize) -> Result<&str, TemplateError> {
    match &message["content"] {
        Value::String(text) => Ok(text),
        Value::Null => Ok(""),
        _ => Err(TemplateError::Messages { problem: format!("messages[{index}].content must be a string here") }),
    }
}

/// A call of the history as the model would have written it.
fn written(call: &Value, place: &str) -> Result<Call, TemplateError> {
    let function = &call["function"];
    let Some(name) = function["name"].as_str() else { return Err(wrong(place, "name", "must be a string")) };
    let arguments = match &function["arguments"] {
        Value::String(text) if object(text).is_some() => text.trim().to_owned(),
        Value::String(text) if text.trim().is_empty() => "{}".to_owned(),
        arguments @ Value::Object(_) => python_json(arguments)?,
        _ => return Err(wrong(place, "arguments", NO_OBJECT)),
    };
    Ok(Call { name: name.to_owned(), arguments })
}

/// A call whose arguments are an object: templates that write calls look into them.
fn with_object(mut call: Value, place: &str) -> Result<Value, TemplateError> {
    let Some(function) = call.get_mut("function").and_then(Value::as_object_mut) else {
        return Err(wrong(place, "arguments", NO_OBJECT));
    };
    let arguments = function.entry("arguments").or_insert(Value::Null);
    let read = match &*arguments {
        Value::String(text) if text.trim().is_empty() => Some(json!({})),
        Value::String(text) => object(text),
        given => given.is_object().then(|| given.clone()),
    };
    *arguments = read.ok_or_else(|| wrong(place, "arguments", NO_OBJECT))?;
    Ok(call)
}

const NO_OBJECT: &str = "must be a JSON object, or the text of one";

fn object(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(Value::is_object)
}

fn wrong(place: &str, field: &str, problem: &str) -> TemplateError {
    TemplateError::Messages { problem: format!("{place}.{field} {problem}") }
}
