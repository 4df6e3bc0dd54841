//! `POST /v1/completions`: texts or token ids, continued.

mod telling;
mod wire;

pub(crate) use wire::{Completion, CompletionRequest};

use crate::answer::{Answers, collect, tell};
use crate::app::{App, Shared};
use crate::ask::Ask;
use crate::body::Body;
use crate::call::{Call, admit};
use crate::deadline::Deadline;
use crate::error::{ApiError, ErrorBody};
use crate::sse;
use axum::extract::State;
use axum::response::Response;
use telling::{Part, Telling};

/// OpenAI's limit where a request has none.
const DEFAULT_MAX_TOKENS: usize = 16;

/// Texts or token ids, continued.
#[utoipa::path(
    post, path = "/v1/completions", tag = "OpenAI", request_body = CompletionRequest,
    responses(
        (status = 200, description = "The answer; with `stream` its pieces as server-sent events, then `[DONE]`",
         content((Completion = "application/json"), (Completion = "text/event-stream"))),
        (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)
    )
)]
pub(crate) async fn completions(
    State(app): State<Shared>,
    body: Body<CompletionRequest>,
) -> Result<Response, ApiError> {
    let deadline = Deadline::of(&app.settings);
    deadline.keep(answered(&app, body, deadline)).await
}

async fn answered(app: &App, body: Body<CompletionRequest>, deadline: Deadline) -> Result<Response, ApiError> {
    let Body { value: CompletionRequest { sampling, completion, guidance }, ignored } = body;
    let lease = app.catalog.lease(sampling.model.as_deref()).await?;
    admit(&lease.model.engine, app.settings.queue_limit)?;
    let echo = completion.echo.unwrap_or(false);
    let ask = Ask {
        max_tokens: Some(completion.max_tokens()?.unwrap_or(DEFAULT_MAX_TOKENS)),
        logprobs: completion.logprobs,
        prompt_logprobs: completion.logprobs.filter(|_| echo),
        conversation: false,
    };
    let stops = sampling.stops()?;
    let request = sampling.request(&lease, &ask, sampling.seed(&lease.model))?;
    let mut submissions = Vec::new();
    let mut parts = Vec::new();
    for (text, ids) in completion.prompt.resolve(&lease, "prompt").await? {
        let echoed = echo.then(|| text.unwrap_or_else(|| lease.model.tokenizer.decode(&ids, false)));
        let submission = sampling.submission(&lease, ids, &ask, request.clone())?;
        let answers = Answers::new(&lease, &submission, &stops);
        parts.push(Part::new(answers, submission.prompt.clone(), echoed));
        submissions.push(submission);
    }
    if let Some(guide) = guidance.compiled(app, &lease.model).await? {
        submissions.iter_mut().try_for_each(|submission| guide.bind(&lease.model, submission, None))?;
    }
    let call = Call::start(app, &lease.model.engine, submissions)?;
    let extras = sampling.extras(&ask);
    let mut telling = Telling::new(lease, parts, extras);
    let mut response = if sampling.stream == Some(true) {
        sse::stream(call, telling, app.settings.keep_alive, deadline)
    } else {
        let kept = collect(call, |index, event| telling.take(index, event)).await?;
        tell(kept, move || telling.completion()).await?
    };
    ignored.note(&mut response);
    Ok(response)
}
