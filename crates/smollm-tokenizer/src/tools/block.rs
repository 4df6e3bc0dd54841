//! What stands between the tags of a call: JSON, or no call.

use super::{CLOSE, OPEN};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A call of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The function.
    pub name: String,
    /// Its arguments by name: a JSON object, as the model wrote it.
    pub arguments: String,
}

/// The calls in what a model said, by the rule of SmolLM2's card: what stands between the first pair of tags, if it is a list of calls.
/// If it is a single call, those of further pairs follow, as SmolLM3 writes them. A closing tag that is missing at the end is
/// tolerated. `None` where there are no tags, or no calls between them: the text then is an answer.
pub fn calls_in(text: &str) -> Option<Vec<Call>> {
    let (_, rest) = text.split_once(OPEN)?;
    let (body, mut rest) = rest.split_once(CLOSE).unwrap_or((rest, ""));
    let mut calls = match block(body)? {
        Block::List(calls) => return Some(calls),
        Block::One(call) => vec![call],
    };
    while let Some((_, after)) = rest.split_once(OPEN) {
        let (body, further) = after.split_once(CLOSE).unwrap_or((after, ""));
        match block(body) {
            Some(Block::One(call)) => calls.push(call),
            Some(Block::List(_)) | None => break,
        }
        rest = further;
    }
    Some(calls)
}

/// What a pair of tags holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block {
    List(Vec<Call>),
    One(Call),
}

#[derive(Deserialize)]
struct Written<'t> {
    name: String,
    /// A function without parameters may be called without any.
    #[serde(borrow)]
    arguments: Option<&'t RawValue>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Several<'t>(#[serde(borrow)] Vec<Written<'t>>);

/// Reads what stands between two tags; `None` if it is no call.
pub(super) fn block(body: &str) -> Option<Block> {
    let body = body.trim();
    if body.starts_with('[') {
        let Several(list) = serde_json::from_str(body).ok()?;
        return list.into_iter().map(call).collect::<Option<_>>().map(Block::List);
    }
    if !body.starts_with('{') {
        return None; // serde would take a list of its fields for an object
    }
    call(serde_json::from_str(body).ok()?).map(Block::One)
}

fn call(Written { name, arguments }: Written<'_>) -> Option<Call> {
    let arguments = arguments.map_or("{}", RawValue::get);
    // text that is JSON in form only, such as the number 1e999, could not be read by whoever is called
    let is_object = serde_json::from_str::<Map<String, Value>>(arguments).is_ok();
    is_object.then(|| Call { name, arguments: arguments.into() })
}
