//! `GET /props` and `/slots`: how the server is set up, and what it does, in llama-server's words.

use crate::app::Shared;
use crate::error::{ApiError, ErrorBody};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// How the only model is set up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Props {
    default_generation_settings: GenerationSettings,
    /// Sequences that run at once.
    total_slots: usize,
    model_alias: String,
    model_path: String,
    /// Empty for a base model.
    chat_template: String,
    bos_token: String,
    eos_token: String,
    build_info: String,
    system_fingerprint: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct GenerationSettings {
    /// Tokens of prompt and answer.
    n_ctx: usize,
    params: Params,
}

/// What applies where a request says nothing.
#[derive(Debug, Serialize, ToSchema)]
struct Params {
    temperature: f32,
    top_k: usize,
    top_p: f32,
    min_p: f32,
    repeat_penalty: f32,
    presence_penalty: f32,
    frequency_penalty: f32,
    /// -1 is no limit.
    n_predict: i64,
}

/// A place for one sequence.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Slot {
    id: usize,
    n_ctx: usize,
    is_processing: bool,
}

/// How the only model is set up.
#[utoipa::path(
    get, path = "/props", tag = "llama-server",
    responses((status = 200, body = Props), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody))
)]
pub(crate) async fn props(State(app): State<Shared>) -> Result<Json<Props>, ApiError> {
    let lease = app.catalog.lease(None).await?;
    let model = &lease.model;
    let sampling = &model.sampling;
    let params = Params {
        temperature: sampling.temperature,
        top_k: sampling.top_k,
        top_p: sampling.top_p,
        min_p: sampling.min_p,
        repeat_penalty: sampling.repetition_penalty,
        presence_penalty: sampling.presence_penalty,
        frequency_penalty: sampling.frequency_penalty,
        n_predict: model.max_tokens.map_or(-1, |max| i64::try_from(max).unwrap_or(-1)),
    };
    Ok(Json(Props {
        default_generation_settings: GenerationSettings { n_ctx: model.engine.limits().context(), params },
        total_slots: model.slots,
        model_alias: lease.name.clone(),
        model_path: model.path.clone(),
        chat_template: model.template.as_ref().map(|template| template.source().to_owned()).unwrap_or_default(),
        bos_token: model.spelling(model.tokenizer.bos()).to_owned(),
        eos_token: model.spelling(model.tokenizer.eos()).to_owned(),
        build_info: model.build.clone(),
        system_fingerprint: model.fingerprint(None),
    }))
}

/// One entry for each sequence that can run at once.
#[utoipa::path(
    get, path = "/slots", tag = "llama-server",
    responses((status = 200, body = Vec<Slot>), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody))
)]
pub(crate) async fn slots(State(app): State<Shared>) -> Result<Json<Vec<Slot>>, ApiError> {
    let lease = app.catalog.lease(None).await?;
    let n_ctx = lease.model.engine.limits().context();
    let running = lease.model.engine.stats().running;
    let slot = |id| Slot { id, n_ctx, is_processing: id < running };
    Ok(Json((0..lease.model.slots).map(slot).collect()))
}
