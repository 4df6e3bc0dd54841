//! The messages of a chat, from OpenAI's forms to what templates read.

use crate::body::weight;
use crate::error::ApiError;
use crate::openai::tools::FunctionWord;
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fmt::Formatter;
use utoipa::ToSchema;
use utoipa::openapi::{Object, Schema, Type};

/// One message.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct Message {
    /// `system`, `developer` (which is `system` here), `user`, `assistant` or `tool`; what else a template knows.
    pub(crate) role: String,
    /// Text, or parts that are text. (The description leaves out that it may be absent beside calls, `refusal` and thoughts.)
    #[schema(required = true, nullable = false)]
    pub(crate) content: Option<Content>,
    /// Who says it.
    pub(crate) name: Option<String>,
    /// What the assistant thought, as it was answered.
    pub(crate) reasoning_content: Option<String>,
    /// The same in the words of OpenRouter, and of vLLM since it renamed it.
    pub(crate) reasoning: Option<String>,
    /// Calls of functions that the assistant made.
    pub(crate) tool_calls: Option<Vec<EarlierCall>>,
    /// The older form of `tool_calls`, which is refused with 400 `unsupported_parameter`, never left out of the prompt.
    #[schema(schema_with = null)]
    pub(crate) function_call: Option<Value>,
    /// Said instead of `content`.
    pub(crate) refusal: Option<String>,
    /// The call that a message of the role `tool` answers.
    pub(crate) tool_call_id: Option<String>,
}

/// A call in the conversation.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct EarlierCall {
    pub(crate) id: Option<String>,
    /// `function`, the only type there is.
    #[serde(rename = "type")]
    _type: Option<FunctionWord>,
    function: EarlierFunction,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct EarlierFunction {
    name: String,
    /// A JSON object, as text (which OpenAI has) or as such; nothing and `""` are an empty one.
    #[schema(value_type = Option<String>)]
    arguments: Option<Value>,
}

#[derive(Debug, Clone, ToSchema)]
#[serde(untagged)]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

impl<'de> Deserialize<'de> for Content {
    /// By hand: what serde calls untagged is read twice, and the first reading forgets the places of unknown fields.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyContent)
    }
}

struct AnyContent;

impl<'de> Visitor<'de> for AnyContent {
    type Value = Content;

    fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string or a list of parts")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Content, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(parts)).map(Content::Parts)
    }
}

/// `{"type": "text", "text": "..."}`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct Part {
    #[schema(pattern = "^(text|input_text)$")]
    r#type: String,
    #[schema(required = true, nullable = false)]
    text: Option<String>,
    refusal: Option<String>,
}

/// The description of what must be absent or null.
fn null() -> Schema {
    Object::with_type(Type::Null).into()
}

/// The messages as a template reads them.
///
/// # Errors
/// 400 for what only other senses than text make sense of, and for calls where none can be.
pub(crate) fn for_template(messages: &[Message]) -> Result<Value, ApiError> {
    if messages.is_empty() {
        return Err(ApiError::bad("`messages` is empty").param("messages"));
    }
    let given: Result<Vec<Value>, _> =
        messages.iter().enumerate().map(|(index, message)| message.for_template(index)).collect();
    in_the_order_of_calls(messages, given?).map(Value::Array)
}

/// Results directly behind the calls that they are of, in the order of these: templates tell them apart by nothing else.
///
/// # Errors
/// 400 for a result of a call that is not among these, where all of them have ids.
fn in_the_order_of_calls(messages: &[Message], mut given: Vec<Value>) -> Result<Vec<Value>, ApiError> {
    let has_calls = |message: &Message| message.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty());
    let is_result = |message: &Message| message.role == "tool" && message.tool_call_id.is_some();
    let mut places: Option<HashMap<&str, usize>> = None;
    let mut end = 0;
    for run in messages.chunk_by(|one, next| has_calls(one) == has_calls(next) && is_result(one) == is_result(next)) {
        let first = end;
        end += run.len();
        if has_calls(&run[0]) {
            let calls = run.iter().flat_map(|message| message.tool_calls.iter().flatten());
            places = calls.enumerate().map(|(place, call)| Some((call.id.as_deref()?, place))).collect();
            continue;
        }
        let Some(places) = places.take().filter(|_| is_result(&run[0])) else { continue };
        let mut placed = Vec::with_capacity(run.len());
        for (index, message) in (first..end).zip(run) {
            let id = message.tool_call_id.as_deref().unwrap_or_default();
            let place = places.get(id).ok_or_else(|| {
                let param = format!("messages[{index}].tool_call_id");
                ApiError::bad(format!("{param}: none of the calls before it has this id")).param(param)
            })?;
            placed.push((*place, given[index].take()));
        }
        placed.sort_by_key(|(place, _)| *place); // results of one call stay in their order
        given[first..end].iter_mut().zip(placed).for_each(|(slot, (_, result))| *slot = result);
    }
    Ok(given)
}

impl Message {
    fn for_template(&self, index: usize) -> Result<Value, ApiError> {
        let at = |field: &str| format!("messages[{index}].{field}");
        let older = [("function_call", self.function_call.is_some()), ("role", self.role == "function")];
        if let Some((field, _)) = older.into_iter().find(|(_, present)| *present) {
            let message = format!("{}: `functions` are not supported; use `tools`", at(field));
            return Err(ApiError::unsupported(&at(field), message));
        }
        let calls = self.tool_calls.as_deref().unwrap_or_default();
        let misplaced = [
            ("tool_calls", !calls.is_empty() && self.role != "assistant", "assistant"),
            ("tool_call_id", self.tool_call_id.is_some() && self.role != "tool", "tool"),
        ];
        if let Some((field, _, role)) = misplaced.into_iter().find(|(_, wrong, _)| *wrong) {
            let message = format!("{} belongs to a message of the role `{role}`", at(field));
            return Err(ApiError::bad(message).param(at(field)));
        }
        let role = if self.role == "developer" { "system" } else { &self.role };
        let mut value = json!({ "role": role, "content": self.text(index)? });
        if let Some(name) = &self.name {
            value["name"] = name.as_str().into();
        }
        if let Some(thoughts) = self.reasoning_content.as_ref().or(self.reasoning.as_ref()) {
            value["reasoning_content"] = thoughts.as_str().into();
        }
        if let Some(id) = &self.tool_call_id {
            value["tool_call_id"] = id.as_str().into();
        }
        if !calls.is_empty() {
            value["tool_calls"] = calls
                .iter()
                .enumerate()
                .map(|(number, call)| call.for_template(&format!("{}[{number}]", at("tool_calls"))))
                .collect::<Result<_, _>>()?;
        }
        Ok(value)
    }

    /// About how many bytes its calls have.
    pub(crate) fn size_of_calls(&self) -> usize {
        let calls = self.tool_calls.iter().flatten();
        calls.map(|call| call.function.name.len() + call.function.arguments.as_ref().map_or(0, weight)).sum()
    }

    /// The text of the content; parts are lines of their own, as vLLM and llama-server have them.
    pub(crate) fn text(&self, index: usize) -> Result<String, ApiError> {
        let parts = match &self.content {
            None => {
                let thoughts = self.reasoning_content.as_ref().or(self.reasoning.as_ref());
                let calls = self.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty());
                let instead = self.refusal.clone().or_else(|| (calls || thoughts.is_some()).then(String::new));
                return instead.ok_or_else(|| {
                    ApiError::bad(format!("messages[{index}] has no content"))
                        .param(format!("messages[{index}].content"))
                });
            }
            Some(Content::Text(text)) => return Ok(text.clone()),
            Some(Content::Parts(parts)) => parts,
        };
        let mut texts = Vec::with_capacity(parts.len());
        for (number, part) in parts.iter().enumerate() {
            match (part.r#type.as_str(), &part.text, &part.refusal) {
                ("text" | "input_text", Some(text), _) | ("refusal", _, Some(text)) => texts.push(text.as_str()),
                (kind, ..) => {
                    let place = format!("messages[{index}].content[{number}]");
                    let message = format!("{place}: a part of type `{kind}` is not supported; only text is");
                    return Err(ApiError::unsupported(&place, message));
                }
            }
        }
        Ok(texts.join("\n"))
    }
}

impl EarlierCall {
    /// `place` names the call in an error.
    fn for_template(&self, place: &str) -> Result<Value, ApiError> {
        let EarlierFunction { name, arguments } = &self.function;
        let arguments = match arguments {
            None | Some(Value::Null) => Value::from("{}"),
            Some(Value::String(text)) if text.trim().is_empty() => Value::from("{}"),
            Some(Value::String(text)) if serde_json::from_str::<Map<String, Value>>(text).is_ok() => {
                text.as_str().into()
            }
            Some(object @ Value::Object(_)) => object.clone(),
            Some(_) => {
                let param = format!("{place}.function.arguments");
                return Err(ApiError::bad(format!("{param} must be the text of a JSON object")).param(param));
            }
        };
        let mut call = json!({ "type": "function", "function": { "name": name, "arguments": arguments } });
        if let Some(id) = &self.id {
            call["id"] = id.as_str().into();
        }
        Ok(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(messages: Value, expected: Result<Value, &str>) {
        let messages: Vec<Message> = serde_json::from_value(messages).expect("messages");
        let got = for_template(&messages);
        match expected {
            Ok(value) => assert_eq!(got, Ok(value)),
            Err(param) => assert_eq!(got.expect_err("refused").param.as_deref(), Some(param)),
        }
    }

    #[test]
    fn forms_of_content() {
        let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
        check(
            json!([{"role": "developer", "content": "s"}, {"role": "user", "content": parts}]),
            Ok(json!([{"role": "system", "content": "s"}, {"role": "user", "content": "a\nb"}])),
        );
        check(
            json!([{"role": "assistant", "content": null, "refusal": "no", "tool_calls": []}]),
            Ok(json!([{"role": "assistant", "content": "no"}])),
        );
    }

    #[test]
    fn earlier_thoughts_have_two_names() {
        for name in ["reasoning_content", "reasoning"] {
            let message = json!({"role": "assistant", "content": "4", name: "2 and 2"});
            check(json!([message]), Ok(json!([{"role": "assistant", "content": "4", "reasoning_content": "2 and 2"}])));
        }
    }

    #[test]
    fn thoughts_may_stand_alone() {
        let message = json!({"role": "assistant", "content": null, "reasoning": "hm"});
        check(json!([message]), Ok(json!([{"role": "assistant", "content": "", "reasoning_content": "hm"}])));
    }

    #[test]
    fn what_is_not_text_is_refused() {
        check(json!([]), Err("messages"));
        check(json!([{"role": "user"}]), Err("messages[0].content"));
        check(json!([{"role": "user", "content": [{"type": "image_url"}]}]), Err("messages[0].content[0]"));
        check(json!([{"role": "function", "content": "4"}]), Err("messages[0].role"));
        check(json!([{"role": "tool"}]), Err("messages[0].content"));
        let call = json!({"name": "f", "arguments": "{}"});
        check(json!([{"role": "assistant", "content": "", "function_call": call}]), Err("messages[0].function_call"));
    }

    #[test]
    fn calls_and_results_stay_in_the_conversation() {
        let call = |arguments: Value| json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}});
        let asked = |calls: Value| json!({"role": "assistant", "content": null, "tool_calls": calls});
        let given = |calls: Value| json!({"role": "assistant", "content": "", "tool_calls": calls});
        let result = json!({"role": "tool", "content": "4", "tool_call_id": "1"});
        for (arguments, kept) in [
            (json!("{\"a\":1}"), json!("{\"a\":1}")),
            (json!(""), json!("{}")),
            (Value::Null, json!("{}")),
            (json!({"a": 1}), json!({"a": 1})),
        ] {
            check(json!([asked(json!([call(arguments)])), result]), Ok(json!([given(json!([call(kept)])), result])));
        }
        let calls = json!(
            ["1", "2"].map(|id| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}}))
        );
        let of = |id: &str| json!({"role": "tool", "content": id, "tool_call_id": id});
        let user = json!({"role": "user", "content": "a"});
        check(
            json!([user, asked(calls.clone()), of("2"), of("1"), user]),
            Ok(json!([user, given(calls.clone()), of("1"), of("2"), user])),
        );
        check(json!([asked(calls.clone()), of("1"), of("3")]), Err("messages[2].tool_call_id"));
        let apart = |place: usize| given(json!([calls[place]]));
        check(json!([apart(0), apart(1), of("2"), of("1")]), Ok(json!([apart(0), apart(1), of("1"), of("2")])));
        check(json!([user, of("3")]), Ok(json!([user, of("3")])));
        for arguments in [json!("["), json!("[]"), json!(7), json!("{")] {
            let param = "messages[0].tool_calls[0].function.arguments";
            check(json!([asked(json!([call(arguments)]))]), Err(param));
        }
        let user = json!({"role": "user", "content": "a", "tool_calls": [call(json!("{}"))]});
        check(json!([user]), Err("messages[0].tool_calls"));
        check(json!([{"role": "user", "content": "a", "tool_call_id": "1"}]), Err("messages[0].tool_call_id"));
    }
}
