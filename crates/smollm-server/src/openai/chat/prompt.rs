//! From a conversation to its prompt: what the template is given, and what of the answer stands in the prompt already.

use super::Chat;
use crate::body::{beside, weight};
use crate::catalog::Lease;
use crate::error::ApiError;
use crate::model::{End, Model, Render};
use crate::openai::messages::{Message, for_template};
use crate::openai::thinking::{self, Thinking};
use crate::reasoning::{Splitter, begun_thoughts, ends_with_thoughts};
use serde_json::Value;
use smollm_tokenizer::Specials;
use smollm_tokenizer::tools::Tool;

/// Bytes of messages above which their prompt is made on a thread that may take its time.
const LONG_PROMPT: usize = 1 << 15;
/// What a message counts beside its text.
const MESSAGE: usize = 64;
/// Variables of templates that are made of a request's own fields.
const OWN_VARIABLES: [&str; 4] = ["messages", "tools", "documents", "add_generation_prompt"];

/// What a conversation becomes.
pub(crate) struct Prompt {
    pub(crate) text: String,
    pub(crate) ids: Vec<u32>,
    /// Tells thoughts from answer in what follows.
    pub(super) splitter: Splitter,
}

impl Chat {
    /// Whether the model is not to think, by a variable of its template, a field of the request, or the operator's wish.
    ///
    /// # Errors
    /// As [`Thinking::wanted`].
    pub(crate) fn turns_thinking_off(&self, thinking: &Thinking, model: &Model) -> Result<bool, ApiError> {
        let variable = self.chat_template_kwargs.as_ref().and_then(|given| given.get(thinking::VARIABLE)?.as_bool());
        let wanted = thinking.wanted(model.can_think(), model.thinking)?;
        Ok(variable.or(wanted) == Some(false))
    }
}

/// The prompt of a conversation.
///
/// # Errors
/// The messages make no sense, or the template refuses them.
pub(crate) async fn prompt(
    lease: &Lease,
    chat: Chat,
    tools: Vec<Tool>,
    thinking: &Thinking,
) -> Result<Prompt, ApiError> {
    let wanted = thinking.wanted(lease.model.can_think(), lease.model.thinking)?;
    let message = |(i, message): (usize, &Message)| {
        MESSAGE + message.text(i).map_or(0, |text| text.len()) + message.size_of_calls()
    };
    let size: usize = chat.messages.iter().enumerate().map(message).sum();
    let size = size + tools.iter().map(|tool| weight(tool.shown())).sum::<usize>();
    let model = lease.model.clone();
    beside(size > LONG_PROMPT, "making the prompt", move || make(&model, chat, tools, wanted)).await
}

fn make(model: &Model, chat: Chat, tools: Vec<Tool>, thinks: Option<bool>) -> Result<Prompt, ApiError> {
    let given = chat.chat_template_kwargs.unwrap_or_default();
    if let Some(name) = OWN_VARIABLES.into_iter().find(|name| given.contains_key(*name)) {
        let message =
            format!("`{name}` is made of the request's own fields and cannot be given in chat_template_kwargs");
        return Err(ApiError::bad(message).param(format!("chat_template_kwargs.{name}")));
    }
    let variables = thinks.map(thinking::variable).into_iter().chain(given).collect();
    let mut messages = for_template(&chat.messages)?;
    let (mut end, mut begun) = (End::OpenAnswer, Begun::default());
    if chat.continue_final_message == Some(true) {
        if chat.add_generation_prompt == Some(true) {
            let message = "add_generation_prompt and continue_final_message contradict each other";
            return Err(ApiError::bad(message).param("continue_final_message"));
        }
        if !tools.is_empty() {
            let message =
                "continue_final_message: an answer that may have calls cannot be begun; `tool_choice` may be `none`";
            return Err(ApiError::unsupported("continue_final_message", message));
        }
        begun = Begun::of(model, &mut messages)?;
        end = End::InLastMessage;
    } else if chat.add_generation_prompt == Some(false) {
        end = End::AsTheyAre;
    }
    let text = model.render(&messages, Render { end, variables, tools })?;
    if let Some(param) = begun.thoughts
        && ends_with_thoughts(text.trim_end().strip_suffix(begun.text.trim()).unwrap_or_default())
    {
        let message = format!("{param}: thinking is off, so that the prompt has ended the thoughts already");
        return Err(ApiError::bad(message).param(param));
    }
    let ids = match chat.add_special_tokens {
        Some(false) => model.tokenizer.encode(&text, Specials::Parse),
        _ => model.prompt_ids(&text),
    };
    let splitter = Splitter::new(&text, &begun.text, model.can_think());
    Ok(Prompt { text, ids, splitter })
}

/// The beginning of an answer.
#[derive(Debug, Default)]
struct Begun {
    text: String,
    /// Where its thoughts stood, if it has any.
    thoughts: Option<String>,
}

impl Begun {
    /// Takes the last message for it; thoughts beside the text become part of the text, where a model has them.
    fn of(model: &Model, messages: &mut Value) -> Result<Self, ApiError> {
        let messages =
            messages.as_array_mut().filter(|list| list.last().is_some_and(|last| last["role"] == "assistant"));
        let Some((last, before)) = messages.and_then(|list| list.split_last_mut()) else {
            let message = "continue_final_message: the last message must be the assistant's";
            return Err(ApiError::bad(message).param("continue_final_message"));
        };
        let mut text = last["content"].as_str().unwrap_or_default().to_owned();
        let thoughts = last.as_object_mut().and_then(|last| last.remove("reasoning_content"));
        let Some(thoughts) = thoughts.as_ref().and_then(Value::as_str).filter(|thoughts| !thoughts.is_empty()) else {
            return Ok(Self { text, thoughts: None });
        };
        let param = format!("messages[{}].reasoning_content", before.len());
        if !model.can_think() {
            let message =
                format!("{param}: this model has no thinking mode (SmolLM3 has), so it cannot go on with thoughts");
            return Err(ApiError::unsupported(&param, message));
        }
        text = begun_thoughts(thoughts, &text);
        last["content"] = text.as_str().into();
        Ok(Self { text, thoughts: Some(param) })
    }
}
