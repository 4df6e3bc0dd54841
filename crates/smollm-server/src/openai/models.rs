//! `GET /v1/models`: which models there are.

use crate::app::Shared;
use crate::catalog::Entry;
use crate::error::{ApiError, ErrorBody};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// A list of models.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList {
    object: &'static str,
    data: Vec<ModelObject>,
}

/// A model, or one of its adapters.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelObject {
    /// What requests call it.
    id: String,
    object: &'static str,
    /// Seconds since 1970.
    created: u64,
    owned_by: &'static str,
    /// Whether it is in memory.
    loaded: bool,
    /// The model that an adapter belongs to.
    parent: Option<String>,
    /// Tokens of prompt and answer, of a loaded model.
    max_model_len: Option<usize>,
}

fn objects(entry: &Entry, created: u64) -> Vec<ModelObject> {
    let model = entry.peek();
    let object = |id: String, parent| ModelObject {
        id,
        object: "model",
        created,
        owned_by: "smollm",
        loaded: model.is_some(),
        parent,
        max_model_len: model.as_ref().map(|model| model.engine.limits().context()),
    };
    let name = &entry.source.name;
    let adapters = entry.adapters.names().into_iter().map(|a| object(format!("{name}+{a}"), Some(name.clone())));
    std::iter::once(object(name.clone(), None)).chain(adapters).collect()
}

/// All models, with their adapters.
#[utoipa::path(
    get, path = "/v1/models", tag = "OpenAI", operation_id = "list_models",
    responses((status = 200, body = ModelList), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody))
)]
pub(crate) async fn list(State(app): State<Shared>) -> Json<ModelList> {
    let data = app.catalog.entries().iter().flat_map(|entry| objects(entry, app.started)).collect();
    Json(ModelList { object: "list", data })
}

/// One model.
#[utoipa::path(
    get, path = "/v1/models/{model}", tag = "OpenAI", operation_id = "retrieve_model",
    params(("model" = String, Path, description = "Its name")),
    responses((status = 200, body = ModelObject), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(crate) async fn retrieve(State(app): State<Shared>, Path(id): Path<String>) -> Result<Json<ModelObject>, ApiError> {
    let mut all = app.catalog.entries().iter().flat_map(|entry| objects(entry, app.started));
    all.find(|object| object.id == id).map(Json).ok_or_else(|| {
        ApiError::new(StatusCode::NOT_FOUND, format!("there is no model `{id}`; /v1/models lists them"))
            .param("model")
            .code("model_not_found")
    })
}
