//! `POST /completion`: prompts continued, in llama-server's own words.

mod telling;
mod wire;

pub(crate) use wire::{NativeCompletion, NativeEvent, NativeRequest};

use super::parameters::Parameters;
use crate::answer::{Answers, collect, tell};
use crate::app::{App, Shared};
use crate::ask::Ask;
use crate::body::Body;
use crate::call::Call;
use crate::deadline::Deadline;
use crate::error::{ApiError, ErrorBody};
use crate::sse;
use axum::extract::State;
use axum::response::Response;
use telling::{Part, Telling, Wanted};

/// Prompts continued; one answer is an object, several are a list.
#[utoipa::path(
    post, path = "/completion", tag = "llama-server", request_body = NativeRequest,
    responses(
        (status = 200, description = "The answer; with `stream` its pieces as server-sent events, each a NativeEvent, the last of which has `stop`",
         content((NativeCompletion = "application/json"), (NativeEvent = "text/event-stream"))),
        (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)
    )
)]
pub(crate) async fn completion(State(app): State<Shared>, body: Body<NativeRequest>) -> Result<Response, ApiError> {
    let deadline = Deadline::of(&app.settings);
    deadline.keep(answered(&app, body, deadline)).await
}

async fn answered(app: &App, body: Body<NativeRequest>, deadline: Deadline) -> Result<Response, ApiError> {
    let Body { value: NativeRequest { sampling, native, guidance }, ignored } = body;
    let lease = app.catalog.lease(sampling.model.as_deref()).await?;
    let ask = Ask {
        max_tokens: native.max_tokens()?,
        logprobs: native.n_probs.filter(|&n| n > 0),
        prompt_logprobs: None,
        conversation: false,
    };
    let (stops, seed, stream) = (sampling.stops()?, sampling.seed(&lease.model), sampling.stream == Some(true));
    let extras = sampling.extras(&ask);
    let ignore_eos = sampling.ignore_eos == Some(true);
    let request = sampling.request(&lease, &ask, seed)?;
    let mut submissions = Vec::new();
    let mut parts = Vec::new();
    for (_, ids) in native.prompt.clone().resolve(&lease, "prompt").await? {
        let mut submission = sampling.submission(&lease, ids, &ask, request.clone())?;
        if ignore_eos {
            // llama-server's `ignore_eos` keeps end tokens from coming at all
            let never = lease.model.ends(false).into_iter().map(|id| (id, f32::NEG_INFINITY));
            submission.request.sampling.logit_bias.extend(never);
        }
        let mut parameters = Parameters::of(&submission.request);
        (parameters.ignore_eos, parameters.stream) = (ignore_eos, stream);
        parameters.timings_per_token = extras.timings;
        parameters.grammar = guidance.grammar.clone().unwrap_or_default();
        parameters.stop = stops.strings().to_vec();
        parts.push(Part::new(Answers::new(&lease, &submission, &stops), submission.prompt.clone(), parameters));
        submissions.push(submission);
    }
    if let Some(guide) = guidance.compiled(app, &lease.model).await? {
        submissions.iter_mut().try_for_each(|submission| guide.bind(&lease.model, submission, None))?;
    }
    let call = Call::start(app, &lease.model.engine, submissions)?;
    let wanted =
        Wanted { tokens: native.return_tokens == Some(true), fields: native.response_fields.unwrap_or_default() };
    let mut telling = Telling::new(lease, parts, extras, wanted);
    let mut response = if stream {
        sse::stream(call, telling, app.settings.keep_alive, deadline)
    } else {
        let kept = collect(call, |index, event| telling.take(index, event)).await?;
        tell(kept, move || telling.completion()).await?
    };
    ignored.note(&mut response);
    Ok(response)
}
