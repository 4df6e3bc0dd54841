//! The columns of a row tell what it is: the forms in which people publish data to train on.

use super::preference::pair;
use super::sharegpt;
use super::{Chat, Record};
use serde_json::{Map, Value, json};
use smollm_tokenizer::tools::Tool;

/// The columns of a row, from which each reader takes what it knows.
pub(super) type Columns = Map<String, Value>;

/// The record that a row holds. With `text_column`, the text in that column.
///
/// # Errors
/// What is wrong with the row, without its place.
pub(super) fn record(row: Value, text_column: Option<&str>) -> Result<Record, String> {
    let Value::Object(mut row) = row else { return Err("not an object".into()) };
    if let Some(column) = text_column {
        return Ok(Record::Text(string(&mut row, column)?));
    }
    // An empty cell is no cell: tables have all columns of all rows.
    row.retain(|_, value| !value.is_null());
    let has = |column: &str| row.contains_key(column);
    if has("chosen") || has("rejected") {
        return pair(row);
    }
    if has("messages") {
        let chat = context(&mut row)?;
        let messages = row.remove("messages").unwrap_or_default();
        return Ok(Record::Chat(with_messages(chat, messages, "messages", true)?));
    }
    if has("conversations") {
        return Ok(Record::Chat(sharegpt::chat(row)?));
    }
    if has("instruction") && has("output") {
        return Ok(Record::Chat(alpaca(row)?));
    }
    if has("prompt") && has("completion") {
        return prompt_and_completion(row);
    }
    if has("text") {
        return Ok(Record::Text(string(&mut row, "text")?));
    }
    let columns: Vec<&str> = row.keys().map(String::as_str).collect();
    Err(format!(
        "no known form: its columns are {}; known are `messages`, `conversations`, `instruction` with `output`, `prompt` with \
         `completion`, `chosen` with `rejected`, `text`, or a column of text by name",
        super::error::shortened(&columns.join(", "))
    ))
}

/// The text of a column that must be there.
pub(super) fn string(row: &mut Columns, column: &str) -> Result<String, String> {
    match row.remove(column) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("`{column}` is not a string")),
        None => Err(format!("`{column}` is missing")),
    }
}

/// The text of a column that may be missing; an empty one counts as missing.
pub(super) fn optional(row: &mut Columns, column: &str) -> Result<Option<String>, String> {
    if !row.contains_key(column) {
        return Ok(None);
    }
    string(row, column).map(|text| Some(text).filter(|text| !text.is_empty()))
}

/// A conversation without messages yet: what else the row tells the template.
pub(super) fn context(row: &mut Columns) -> Result<Chat, String> {
    let tools = match row.remove("tools") {
        None => Vec::new(),
        Some(Value::String(text)) if text.trim().is_empty() => Vec::new(),
        // Tables often hold them as the text of the list.
        Some(Value::String(text)) => {
            tools(&serde_json::from_str(&text).map_err(|e| format!("`tools` is no JSON: {e}"))?)?
        }
        Some(value) => tools(&value)?,
    };
    let variables = match row.remove("chat_template_kwargs") {
        None => Map::new(),
        Some(Value::Object(mut variables)) => {
            variables.retain(|_, value| !value.is_null());
            variables
        }
        Some(_) => return Err("`chat_template_kwargs` is not an object".into()),
    };
    Ok(Chat { tools, variables, ..Chat::default() })
}

fn tools(list: &Value) -> Result<Vec<Tool>, String> {
    let list = list.as_array().ok_or("`tools` is not a list")?;
    let tool = |(index, given): (usize, &Value)| Tool::new(given).map_err(|e| format!("tools[{index}].{e}"));
    list.iter().enumerate().map(tool).collect()
}

/// `chat` with the messages of `list` behind its own, which are learnt if `trained`.
pub(super) fn with_messages(mut chat: Chat, list: Value, column: &str, trained: bool) -> Result<Chat, String> {
    let Value::Array(list) = list else { return Err(format!("`{column}` is not a list of messages")) };
    if list.is_empty() {
        return Err(format!("`{column}` is empty"));
    }
    for (index, message) in list.into_iter().enumerate() {
        let place = format!("{column}[{index}]");
        let (message, train) = message_of(message, &place)?;
        chat.push(message, trained && train);
    }
    Ok(chat)
}

/// A message without what is about training only, and whether it is learnt.
pub(super) fn message_of(message: Value, place: &str) -> Result<(Value, bool), String> {
    let Value::Object(mut message) = message else { return Err(format!("{place} is not an object")) };
    message.retain(|_, value| !value.is_null());
    let role = match message.get("role") {
        Some(Value::String(role)) => role.clone(),
        Some(_) => return Err(format!("{place}.role is not a string")),
        None => return Err(format!("{place} has no `role`")),
    };
    match message.get("content") {
        Some(Value::String(_) | Value::Array(_)) => {}
        Some(_) => return Err(format!("{place}.content is not a string or a list of parts")),
        None if role == "assistant" && message.contains_key("tool_calls") => {}
        None => return Err(format!("{place} has no `content`")),
    }
    let train = match message.remove("train") {
        None => true,
        Some(Value::Bool(true)) if role != "assistant" => {
            return Err(format!("{place}: only messages of the assistant can be trained, not those of {role:?}"));
        }
        Some(Value::Bool(train)) => train,
        Some(_) => return Err(format!("{place}.train is neither true nor false")),
    };
    Ok((Value::Object(message), train))
}

/// `instruction`, `input` and `output`, with `system` and earlier turns in `history`, as Alpaca and LLaMA-Factory have them.
fn alpaca(mut row: Columns) -> Result<Chat, String> {
    let mut chat = context(&mut row)?;
    if let Some(system) = optional(&mut row, "system")? {
        chat.push(json!({ "role": "system", "content": system }), false);
    }
    let history = match row.remove("history") {
        None => Vec::new(),
        Some(Value::Array(turns)) => turns,
        Some(_) => return Err("`history` is not a list of pairs".into()),
    };
    for (index, turn) in history.iter().enumerate() {
        let text = |at: usize| turn[at].as_str().ok_or_else(|| format!("history[{index}] is not a pair of texts"));
        chat.push(json!({ "role": "user", "content": text(0)? }), false);
        chat.push(json!({ "role": "assistant", "content": text(1)? }), true);
    }
    let instruction = string(&mut row, "instruction")?;
    let asked = match optional(&mut row, "input")? {
        Some(input) if instruction.is_empty() => input,
        Some(input) => format!("{instruction}\n{input}"),
        None => instruction,
    };
    chat.push(json!({ "role": "user", "content": asked }), false);
    chat.push(json!({ "role": "assistant", "content": string(&mut row, "output")? }), true);
    Ok(chat)
}

/// Two texts, or two lists of messages of which those of the prompt are not learnt.
fn prompt_and_completion(mut row: Columns) -> Result<Record, String> {
    let mut chat = context(&mut row)?;
    let (prompt, completion) = (row.remove("prompt").unwrap_or_default(), row.remove("completion").unwrap_or_default());
    match (prompt, completion) {
        (Value::String(prompt), Value::String(completion)) => Ok(Record::Completion { prompt, completion }),
        (prompt @ Value::Array(_), completion @ Value::Array(_)) => {
            chat = with_messages(chat, prompt, "prompt", false)?;
            Ok(Record::Chat(with_messages(chat, completion, "completion", true)?))
        }
        _ => Err("`prompt` and `completion` are neither two strings nor two lists of messages".into()),
    }
}
