//! Preference pairs: `chosen` and `rejected`, as texts or as messages, with or without a prompt of their own.

use super::row::{Columns, context, message_of, with_messages};
use super::sharegpt;
use super::{Chat, Pair, Record};
use serde_json::{Value, json};

/// The pair of a row that has `chosen` or `rejected`.
pub(super) fn pair(mut row: Columns) -> Result<Record, String> {
    let mut take = |column: &str| row.remove(column).ok_or_else(|| format!("`{column}` is missing"));
    let (chosen, rejected) = (take("chosen")?, take("rejected")?);
    match (chosen, rejected) {
        (Value::String(chosen), Value::String(rejected)) => texts(row, chosen, rejected),
        (Value::Array(chosen), Value::Array(rejected)) => messages(row, chosen, rejected),
        (chosen @ Value::Object(_), rejected @ Value::Object(_)) => {
            let one = |turn: Value, column: &str| sharegpt::message(turn, column).map(|(message, _)| vec![message]);
            let (chosen, rejected) = (one(chosen, "chosen")?, one(rejected, "rejected")?);
            let prompt = if row.contains_key("conversations") { sharegpt::chat(row)? } else { prompt_of(&mut row)? };
            finished(prompt, chosen, rejected)
        }
        _ => Err("`chosen` and `rejected` are neither two strings nor two lists of messages".into()),
    }
}

/// Two texts behind a prompt: of plain text, or, as answers of the assistant, of messages.
fn texts(mut row: Columns, chosen: String, rejected: String) -> Result<Record, String> {
    if let Some(Value::String(_)) = row.get("prompt") {
        let prompt = super::row::string(&mut row, "prompt")?;
        return Ok(Record::TextPair { prompt, chosen, rejected });
    }
    let prompt = if row.contains_key("conversations") { sharegpt::chat(row)? } else { prompt_of(&mut row)? };
    let answer = |text: String| vec![json!({ "role": "assistant", "content": text })];
    finished(prompt, answer(chosen), answer(rejected))
}

/// Two lists of messages. What they share at the beginning is the prompt, behind the one that the row has by itself; a prompt that is a
/// text and the first thing said in both lists is the same one.
fn messages(mut row: Columns, chosen: Vec<Value>, rejected: Vec<Value>) -> Result<Record, String> {
    let read = |list: Vec<Value>, column: &str| -> Result<Vec<Value>, String> {
        let read = |(index, message)| Ok(message_of(message, &format!("{column}[{index}]"))?.0);
        list.into_iter().enumerate().map(read).collect()
    };
    let (mut chosen, mut rejected) = (read(chosen, "chosen")?, read(rejected, "rejected")?);
    let shared = chosen.iter().zip(&rejected).take_while(|(a, b)| a == b).count();
    let whole = |list: &[Value]| list.iter().any(|message| message["role"] == "user");
    let mut prompt = match row.get("prompt") {
        Some(Value::String(_)) if whole(&chosen) => context(&mut row)?,
        None => context(&mut row)?,
        Some(_) => prompt_of(&mut row)?,
    };
    if !prompt.messages.is_empty() && whole(&chosen[..shared]) {
        return Err("`chosen` and `rejected` begin with a conversation although `prompt` is one".into());
    }
    rejected.drain(..shared);
    for message in chosen.drain(..shared) {
        prompt.push(message, false);
    }
    if chosen.is_empty() && rejected.is_empty() {
        return Err("`chosen` and `rejected` are the same".into());
    }
    finished(prompt, chosen, rejected)
}

/// The conversation in `prompt`: messages, or what the user says.
fn prompt_of(row: &mut Columns) -> Result<Chat, String> {
    let mut chat = context(row)?;
    match row.remove("prompt") {
        Some(Value::String(text)) => chat.push(json!({ "role": "user", "content": text }), false),
        Some(list) => chat = with_messages(chat, list, "prompt", false)?,
        None => return Err("`prompt` is missing".into()),
    }
    Ok(chat)
}

/// A pair whose parts fit: a prompt, and the assistant on both sides.
fn finished(mut prompt: Chat, chosen: Vec<Value>, rejected: Vec<Value>) -> Result<Record, String> {
    if prompt.messages.is_empty() {
        return Err("`chosen` and `rejected` have no prompt in common".into());
    }
    for (list, column) in [(&chosen, "chosen"), (&rejected, "rejected")] {
        if list.first().is_none_or(|message| message["role"] != "assistant") {
            return Err(format!("`{column}` does not go on with a message of the assistant"));
        }
    }
    if chosen == rejected {
        return Err("`chosen` and `rejected` are the same".into());
    }
    prompt.trained.fill(false);
    Ok(Record::Pair(Pair { prompt, chosen, rejected }))
}
