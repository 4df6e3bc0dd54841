//! `GET /props` and `/slots`: how the server is set up, and what it does, in llama-server's words.

use super::parameters::Parameters;
use crate::app::Shared;
use crate::error::{ApiError, ErrorBody};
use axum::Json;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which model is meant.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Name of the model; may be absent where there is one.
    pub(crate) model: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Which {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = Query::from_request_parts(parts, state).await;
        read.map(|Query(which)| which).map_err(|rejection| ApiError::bad(rejection.body_text()).param("model"))
    }
}

/// How a model is set up.
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

/// How a model is set up. It is loaded if it is not in memory.
#[utoipa::path(
    get, path = "/props", tag = "llama-server", params(Which),
    responses((status = 200, body = Props), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody))
)]
pub(crate) async fn props(State(app): State<Shared>, which: Which) -> Result<Json<Props>, ApiError> {
    let (entry, model) = app.catalog.look(which.model.as_deref()).await?;
    let params = Parameters::defaults(&model.sampling, model.seed, model.max_tokens);
    Ok(Json(Props {
        default_generation_settings: GenerationSettings { n_ctx: model.engine.limits().context(), params },
        total_slots: model.slots,
        model_alias: entry.source.name.clone(),
        model_path: model.path.clone(),
        chat_template: model.template.as_ref().map(|template| template.source().to_owned()).unwrap_or_default(),
        bos_token: model.spelling(model.tokenizer.bos()).to_owned(),
        eos_token: model.spelling(model.tokenizer.eos()).to_owned(),
        build_info: model.build.clone(),
        system_fingerprint: model.fingerprint(None),
    }))
}

/// One entry for each sequence that can run at once; none for a model that is not in memory.
#[utoipa::path(
    get, path = "/slots", tag = "llama-server", params(Which),
    responses((status = 200, body = Vec<Slot>), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody))
)]
pub(crate) async fn slots(State(app): State<Shared>, which: Which) -> Result<Json<Vec<Slot>>, ApiError> {
    if !app.settings.slots {
        return Err(ApiError::turned_off("/slots", "--no-slots"));
    }
    let entry = app.catalog.entry(which.model.as_deref())?;
    if app.catalog.only().is_some() {
        entry.ready()?;
    }
    let Some(model) = entry.peek() else { return Ok(Json(Vec::new())) };
    let n_ctx = model.engine.limits().context();
    let running = model.engine.stats().running;
    let slot = |id| Slot { id, n_ctx, is_processing: id < running };
    Ok(Json((0..model.slots).map(slot).collect()))
}
