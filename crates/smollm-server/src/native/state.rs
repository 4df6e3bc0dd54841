//! `GET /props` and `/slots`: how the server is set up, and what it does, in llama-server's words.

use super::parameters::Parameters;
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
    /// What applies where a request says nothing.
    params: Parameters,
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
    let params = Parameters::defaults(&model.sampling, model.seed, model.max_tokens);
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
    if !app.settings.slots {
        return Err(ApiError::turned_off("/slots", "--no-slots"));
    }
    let lease = app.catalog.lease(None).await?;
    let n_ctx = lease.model.engine.limits().context();
    let running = lease.model.engine.stats().running;
    let slot = |id| Slot { id, n_ctx, is_processing: id < running };
    Ok(Json((0..lease.model.slots).map(slot).collect()))
}
