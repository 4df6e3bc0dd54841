//! The messages of a chat, from OpenAI's forms to what templates read.

use crate::error::ApiError;
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde_json::{Value, json};
use std::fmt::Formatter;
use utoipa::ToSchema;
use utoipa::openapi::{Object, Schema, Type};

/// One message.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct Message {
    /// `system`, `developer` (which is `system` here), `user` or `assistant`; what else a template knows.
    pub(crate) role: String,
    /// Text, or parts that are text. (The description leaves out that it may be absent beside `refusal` and thoughts.)
    #[schema(required = true, nullable = false)]
    pub(crate) content: Option<Content>,
    /// Who says it.
    pub(crate) name: Option<String>,
    /// What the assistant thought, as it was answered.
    pub(crate) reasoning_content: Option<String>,
    /// The same in the words of OpenRouter, and of vLLM since it renamed it.
    pub(crate) reasoning: Option<String>,
    /// Calls of functions, which this server does not make: any is refused with 400 `unsupported_parameter`, never left out of the prompt.
    #[schema(value_type = Option<Vec<Object>>, max_items = 0)]
    pub(crate) tool_calls: Option<Vec<Value>>,
    /// The older form of `tool_calls`, refused likewise.
    #[schema(schema_with = null)]
    pub(crate) function_call: Option<Value>,
    /// Said instead of `content`.
    pub(crate) refusal: Option<String>,
    /// The call that a message answers, refused likewise.
    #[schema(schema_with = null)]
    pub(crate) tool_call_id: Option<String>,
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
/// 400 for what only tools or other senses than text make sense of.
pub(crate) fn for_template(messages: &[Message]) -> Result<Value, ApiError> {
    if messages.is_empty() {
        return Err(ApiError::bad("`messages` is empty").param("messages"));
    }
    messages.iter().enumerate().map(|(index, message)| message.for_template(index)).collect()
}

impl Message {
    fn for_template(&self, index: usize) -> Result<Value, ApiError> {
        let at = |field: &str| format!("messages[{index}].{field}");
        let tools = [
            ("tool_calls", self.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty())),
            ("function_call", self.function_call.is_some()),
            ("tool_call_id", self.tool_call_id.is_some()),
            ("role", self.role == "tool" || self.role == "function"),
        ];
        if let Some((field, _)) = tools.into_iter().find(|(_, present)| *present) {
            return Err(ApiError::unsupported(&at(field), format!("{}: tools are not supported", at(field))));
        }
        let role = if self.role == "developer" { "system" } else { &self.role };
        let mut value = json!({ "role": role, "content": self.text(index)? });
        if let Some(name) = &self.name {
            value["name"] = name.as_str().into();
        }
        if let Some(thoughts) = self.reasoning_content.as_ref().or(self.reasoning.as_ref()) {
            value["reasoning_content"] = thoughts.as_str().into();
        }
        Ok(value)
    }

    /// The text of the content; parts are lines of their own, as vLLM and llama-server have them.
    pub(crate) fn text(&self, index: usize) -> Result<String, ApiError> {
        let parts = match &self.content {
            None => {
                let thoughts = self.reasoning_content.as_ref().or(self.reasoning.as_ref());
                let instead = self.refusal.clone().or_else(|| thoughts.map(|_| String::new()));
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
        check(json!([{"role": "tool", "content": "4"}]), Err("messages[0].role"));
        check(json!([{"role": "assistant", "content": "", "tool_calls": [{}]}]), Err("messages[0].tool_calls"));
    }
}
