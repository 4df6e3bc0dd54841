//! ShareGPT's form: `conversations` of `from` and `value`, with the calls and results of tools that LLaMA-Factory adds.

use super::Chat;
use super::row::{Columns, context, message_of, optional};
use serde_json::{Value, json};

/// The conversation of a row.
pub(super) fn chat(mut row: Columns) -> Result<Chat, String> {
    let mut chat = context(&mut row)?;
    let system = optional(&mut row, "system")?;
    let Some(Value::Array(turns)) = row.remove("conversations") else {
        return Err("`conversations` is not a list of turns".into());
    };
    if turns.is_empty() {
        return Err("`conversations` is empty".into());
    }
    if let Some(system) = system {
        chat.push(json!({ "role": "system", "content": system }), false);
    }
    for (index, turn) in turns.into_iter().enumerate() {
        let (message, train) = message(turn, &format!("conversations[{index}]"))?;
        chat.push(message, train);
    }
    Ok(chat)
}

/// The message that a turn is, and whether it is learnt.
pub(super) fn message(mut turn: Value, place: &str) -> Result<(Value, bool), String> {
    // Some sets write messages of the common form under the same name.
    if turn.get("from").is_none() && turn.get("role").is_some() {
        return message_of(turn, place);
    }
    let from = turn["from"].as_str().ok_or_else(|| format!("{place} has no text in `from`"))?;
    let role = match from {
        "human" | "user" => "user",
        "gpt" | "assistant" | "chatgpt" | "model" | "function_call" => "assistant",
        "system" => "system",
        "observation" | "tool" | "function_response" => "tool",
        other => {
            return Err(format!("{place}.from is {:?}, which is no known speaker", super::error::shortened(other)));
        }
    };
    let calls = from == "function_call";
    let Some(Value::String(value)) = turn.get_mut("value").map(Value::take) else {
        return Err(format!("{place} has no text in `value`"));
    };
    let mut message = if calls {
        json!({ "role": role, "content": "", "tool_calls": tool_calls(&value).map_err(|e| format!("{place}.value: {e}"))? })
    } else {
        json!({ "role": role, "content": value })
    };
    if let Some(train) = turn.get_mut("train") {
        message["train"] = train.take();
    }
    message_of(message, place)
}

/// One call or a list of them, each `{"name", "arguments"}`, in the form of messages.
fn tool_calls(text: &str) -> Result<Value, String> {
    let calls: Value = serde_json::from_str(text).map_err(|e| format!("no JSON: {e}"))?;
    let calls = match calls {
        Value::Array(calls) => calls,
        one => vec![one],
    };
    let call = |call: Value| match (&call["name"], &call["arguments"]) {
        (Value::String(_), Value::Object(_) | Value::String(_)) => Ok(json!({ "type": "function", "function": call })),
        _ => Err("not a call with `name` and `arguments`".to_owned()),
    };
    calls.into_iter().map(call).collect::<Result<Vec<_>, _>>().map(Value::Array)
}
