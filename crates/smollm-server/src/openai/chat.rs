//! `POST /v1/chat/completions`: a conversation, answered.

mod telling;
mod wire;

pub(crate) use wire::{Chat, ChatChunk, ChatCompletion, ChatRequest, InputTokens};

use super::messages::for_template;
use super::thinking;
use crate::answer::{Answers, collect};
use crate::app::{App, Shared};
use crate::ask::{Ask, token_limit};
use crate::body::Body;
use crate::call::{Call, admit};
use crate::catalog::Lease;
use crate::error::{ApiError, ErrorBody};
use crate::model::Render;
use crate::reasoning::ThinkingBudget;
use crate::sse;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use telling::Telling;

/// Bytes of messages above which their prompt is made on a thread that may take its time.
const LONG_PROMPT: usize = 1 << 15;
/// What a message counts beside its text.
const MESSAGE: usize = 64;
/// Variables of templates that are made of a request's own fields.
const OWN_VARIABLES: [&str; 4] = ["messages", "tools", "documents", "add_generation_prompt"];

/// A conversation, answered.
#[utoipa::path(
    post, path = "/v1/chat/completions", tag = "OpenAI", request_body = ChatRequest,
    responses(
        (status = 200, description = "The answer; with `stream` its pieces as server-sent events, each a ChatChunk, then `[DONE]`",
         content((ChatCompletion = "application/json"), (ChatChunk = "text/event-stream"))),
        (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)
    )
)]
pub(crate) async fn chat_completions(State(app): State<Shared>, body: Body<ChatRequest>) -> Result<Response, ApiError> {
    let Body { value: ChatRequest { sampling, chat, thinking }, ignored } = body;
    let lease = app.catalog.lease(sampling.model.as_deref()).await?;
    admit(&lease.model.engine, app.settings.queue_limit)?;
    let ask = Ask {
        max_tokens: match token_limit("max_completion_tokens", chat.max_completion_tokens)? {
            None => token_limit("max_tokens", chat.max_tokens)?,
            given => given,
        },
        logprobs: chat.logprobs_wanted()?,
        prompt_logprobs: None,
        conversation: true,
    };
    let budget = thinking.budget();
    let (text, ids) = prompt(&app, &lease, chat, &thinking).await?;
    let stops = sampling.stops()?;
    let request = sampling.request(&lease, &ask, sampling.seed(&lease.model))?;
    let mut submission = sampling.submission(&lease, ids, &ask, request)?;
    if let Some(budget) = budget.filter(|_| lease.model.can_think()) {
        submission.mask = Some(Box::new(ThinkingBudget::new(&lease.model, &text, budget)));
    }
    let answers = Answers::new(&lease, &submission, &stops);
    let extras = sampling.extras(&ask);
    let call = Call::start(&lease.model.engine, vec![submission], app.settings.queue_limit)?;
    let mut telling = Telling::new(lease, answers, &text, extras);
    let limit = app.settings.request_limit;
    let mut response = if sampling.stream == Some(true) {
        sse::stream(call, telling, app.settings.keep_alive, limit)
    } else {
        collect(call, limit, |_, event| telling.take(event)).await?;
        Json(telling.completion()).into_response()
    };
    ignored.note(&mut response);
    Ok(response)
}

/// How long the prompt of a conversation is, in tokens.
#[utoipa::path(
    post, path = "/v1/chat/completions/input_tokens", tag = "llama-server", request_body = ChatRequest,
    responses((status = 200, body = InputTokens), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody))
)]
pub(crate) async fn input_tokens(State(app): State<Shared>, body: Body<ChatRequest>) -> Result<Response, ApiError> {
    let Body { value: ChatRequest { sampling, chat, thinking }, ignored } = body;
    let lease = app.catalog.lease(sampling.model.as_deref()).await?;
    let (_, ids) = prompt(&app, &lease, chat, &thinking).await?;
    let mut response = Json(InputTokens { input_tokens: ids.len() }).into_response();
    ignored.note(&mut response);
    Ok(response)
}

/// The prompt of a conversation, as text and as ids.
pub(crate) async fn prompt(
    app: &App,
    lease: &Lease,
    chat: Chat,
    thinking: &thinking::Thinking,
) -> Result<(String, Vec<u32>), ApiError> {
    let wanted = thinking.wanted(lease.model.can_think(), app.settings.thinking)?;
    let size: usize =
        chat.messages.iter().enumerate().map(|(i, m)| MESSAGE + m.text(i).map_or(0, |text| text.len())).sum();
    let model = lease.model.clone();
    let make = move || {
        let mut render = Render { open_answer: true, ..Render::default() };
        let mut messages = chat.messages;
        if chat.continue_final_message == Some(true) {
            if chat.add_generation_prompt == Some(true) {
                let message = "add_generation_prompt and continue_final_message contradict each other";
                return Err(ApiError::bad(message).param("continue_final_message"));
            }
            match messages.pop() {
                Some(last) if last.role == "assistant" => render.prefill = last.text(messages.len())?,
                _ => {
                    let message = "continue_final_message: the last message must be the assistant's";
                    return Err(ApiError::bad(message).param("continue_final_message"));
                }
            }
        } else {
            render.open_answer = chat.add_generation_prompt.unwrap_or(true);
        }
        let given = chat.chat_template_kwargs.unwrap_or_default();
        if let Some(name) = OWN_VARIABLES.into_iter().find(|name| given.contains_key(*name)) {
            let message =
                format!("`{name}` is made of the request's own fields and cannot be given in chat_template_kwargs");
            return Err(ApiError::bad(message).param(format!("chat_template_kwargs.{name}")));
        }
        render.variables.extend(wanted.map(thinking::variable));
        render.variables.extend(given);
        let text = model.render(for_template(&messages)?, render)?;
        let ids = model.prompt_ids(&text);
        Ok((text, ids))
    };
    if size <= LONG_PROMPT {
        return make();
    }
    let made = tokio::task::spawn_blocking(make).await;
    made.unwrap_or_else(|_| Err(ApiError::internal("making the prompt failed unexpectedly")))
}
