//! `POST /v1/completions`: texts or token ids, continued.

mod telling;
mod wire;

pub(crate) use wire::{Completion, CompletionRequest, Prompt};

use crate::answer::{Answers, collect};
use crate::app::Shared;
use crate::ask::{Ask, token_limit};
use crate::body::Body;
use crate::call::{Call, admit};
use crate::catalog::Lease;
use crate::error::{ApiError, ErrorBody};
use crate::sse;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use telling::{Extras, Part, Telling};

/// OpenAI's limit where a request has none.
const DEFAULT_MAX_TOKENS: usize = 16;
/// Prompts of one request.
const MOST_PROMPTS: usize = 2048;
/// Bytes of prompts above which they are tokenised on a thread that may take its time.
const LONG_PROMPT: usize = 1 << 16;

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
    let Body { value: CompletionRequest { sampling, completion }, ignored } = body;
    let lease = app.catalog.lease(sampling.model.as_deref()).await?;
    admit(&lease.model.engine, app.settings.queue_limit)?;
    let echo = completion.echo.unwrap_or(false);
    let ask = Ask {
        max_tokens: Some(token_limit("max_tokens", completion.max_tokens)?.unwrap_or(DEFAULT_MAX_TOKENS)),
        logprobs: completion.logprobs,
        prompt_logprobs: completion.logprobs.filter(|_| echo),
        conversation: false,
    };
    let stops = sampling.stops()?;
    let seed = sampling.seed();
    let mut submissions = Vec::new();
    let mut parts = Vec::new();
    for (text, ids) in prompts(&lease, completion.prompt, "prompt").await? {
        let echoed = echo.then(|| text.unwrap_or_else(|| lease.model.tokenizer.decode(&ids, false)));
        let submission = sampling.submission(&lease, ids, &ask, seed)?;
        let answers = Answers::new(&lease, &submission, &stops);
        parts.push(Part::new(answers, submission.prompt.clone(), echoed));
        submissions.push(submission);
    }
    let call = Call::start(&lease.model.engine, submissions, app.settings.queue_limit)?;
    let extras = Extras {
        logprobs: ask.logprobs.is_some(),
        usage: sampling.wants_usage(),
        progress: sampling.return_progress == Some(true),
    };
    let mut telling = Telling::new(lease, parts, extras);
    let limit = app.settings.request_limit;
    let mut response = if sampling.stream == Some(true) {
        sse::stream(call, telling, app.settings.keep_alive, limit)
    } else {
        collect(call, limit, |index, event| telling.take(index, event)).await?;
        Json(telling.completion()).into_response()
    };
    ignored.note(&mut response);
    Ok(response)
}

/// The prompts as ids, and as text where they came as text. `param` is the field that they came in.
pub(crate) async fn prompts(
    lease: &Lease,
    prompt: Prompt,
    param: &str,
) -> Result<Vec<(Option<String>, Vec<u32>)>, ApiError> {
    let texts = match prompt {
        Prompt::Ids(ids) => return Ok(vec![(None, ids)]),
        Prompt::IdLists(lists) => {
            bounded(lists.len(), param)?;
            return Ok(lists.into_iter().map(|ids| (None, ids)).collect());
        }
        Prompt::Text(text) => vec![text],
        Prompt::Texts(texts) => texts,
    };
    bounded(texts.len(), param)?;
    let size: usize = texts.iter().map(String::len).sum();
    let model = lease.model.clone();
    let tokenise = move || {
        let ids = |text: String| {
            let ids = model.prompt_ids(&text);
            (Some(text), ids)
        };
        texts.into_iter().map(ids).collect()
    };
    if size <= LONG_PROMPT {
        return Ok(tokenise());
    }
    let made = tokio::task::spawn_blocking(tokenise).await;
    made.map_err(|_| ApiError::internal("tokenising the prompts failed unexpectedly"))
}

fn bounded(prompts: usize, param: &str) -> Result<(), ApiError> {
    match prompts {
        1..=MOST_PROMPTS => Ok(()),
        _ => {
            let message = format!("there are {prompts} prompts; there may be 1 to {MOST_PROMPTS}");
            Err(ApiError::bad(message).param(param))
        }
    }
}
