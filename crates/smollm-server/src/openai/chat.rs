//! `POST /v1/chat/completions`: a conversation, answered.

mod prompt;
mod telling;
mod wire;

pub(crate) use prompt::prompt;
pub(crate) use wire::{Chat, ChatChunk, ChatCompletion, ChatRequest, InputTokens};

use crate::answer::{Answers, collect, tell};
use crate::app::{App, Shared};
use crate::ask::Ask;
use crate::body::Body;
use crate::call::{Call, admit};
use crate::deadline::Deadline;
use crate::error::{ApiError, ErrorBody};
use crate::reasoning::AfterThoughts;
use crate::sse;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use prompt::Prompt;
use smollm_tokenizer::tools::{CallReader, Calls};
use telling::{Reading, Telling};

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
    let deadline = Deadline::of(&app.settings);
    deadline.keep(answered(&app, body, deadline)).await
}

async fn answered(app: &App, body: Body<ChatRequest>, deadline: Deadline) -> Result<Response, ApiError> {
    let Body { value: ChatRequest { sampling, chat, tools, thinking, guidance }, ignored } = body;
    let lease = app.catalog.lease(sampling.model.as_deref()).await?;
    admit(&lease.model.engine, app.settings.queue_limit)?;
    let ask = Ask {
        max_tokens: chat.max_tokens()?,
        logprobs: chat.logprobs_wanted()?,
        prompt_logprobs: None,
        conversation: true,
    };
    let (budget, off) = (thinking.budget(), chat.turns_thinking_off(&thinking, &lease.model)?);
    let tools = tools.resolved().await?;
    let reader = (tools.calls != Calls::None).then(CallReader::bound);
    let Prompt { ids, mut splitter, .. } = prompt(&lease, chat, tools.shown.clone(), &thinking).await?;
    let stops = sampling.stops()?;
    let request = sampling.request(&lease, &ask, sampling.seed(&lease.model))?;
    let mut submission = sampling.submission(&lease, ids, &ask, request)?;
    // an answer under a rule has no thoughts where they are off; a free one may say that it has none
    let thoughts = if off { Some(0) } else { budget };
    if let Some(bound) = tools.rule(app, &lease.model, &guidance).await? {
        bound.bind(&lease.model, &mut submission, splitter.may_think().then_some((&splitter, thoughts)))?;
    } else if let Some(guide) = guidance.compiled(app, &lease.model).await? {
        splitter = splitter.keeping_space(); // before the mask has it: space behind a tag is space of the grammar
        guide.bind(&lease.model, &mut submission, splitter.may_think().then_some((&splitter, thoughts)))?;
    } else if let Some(budget) = budget.filter(|_| splitter.may_think()) {
        submission.mask = Some(Box::new(AfterThoughts::free(&lease.model, splitter.clone(), budget)));
    }
    let mut answers = Answers::new(&lease, &submission, &stops);
    if reader.is_some() {
        answers.expect_calls(&splitter);
    }
    let extras = sampling.extras(&ask);
    let call = Call::start(app, &lease.model.engine, vec![submission])?;
    let mut telling = Telling::new(lease, answers, &Reading { splitter, calls: reader }, extras);
    let mut response = if sampling.stream == Some(true) {
        sse::stream(call, telling, app.settings.keep_alive, deadline)
    } else {
        let kept = collect(call, |_, event| telling.take(event)).await?;
        tell(kept, move || telling.completion()).await?
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
    let Body { value: ChatRequest { sampling, chat, tools, thinking, .. }, ignored } = body;
    let lease = app.catalog.lease(sampling.model.as_deref()).await?;
    let Prompt { ids, .. } = prompt(&lease, chat, tools.resolved().await?.shown, &thinking).await?;
    let mut response = Json(InputTokens { input_tokens: ids.len() }).into_response();
    ignored.note(&mut response);
    Ok(response)
}
