//! `GET /health` and `/ready`: whether requests can be answered.

use crate::app::Shared;
use crate::error::{ApiError, ErrorBody};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// `{"status": "ok"}`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    status: &'static str,
}

/// Whether requests can be answered: 503 while the only model is being loaded, 500 if it cannot be loaded.
#[utoipa::path(
    get, path = "/health", tag = "server",
    responses((status = 200, body = Health), (status = 403, body = ErrorBody), (status = 500, body = ErrorBody),
        (status = 503, body = ErrorBody))
)]
pub(crate) async fn health(State(app): State<Shared>) -> Result<Json<Health>, ApiError> {
    app.ready().map(|()| Json(Health { status: "ok" }))
}

/// The same under the name that load balancers ask for.
#[utoipa::path(
    get, path = "/ready", tag = "server",
    responses((status = 200, body = Health), (status = 403, body = ErrorBody), (status = 500, body = ErrorBody),
        (status = 503, body = ErrorBody))
)]
pub(crate) async fn ready(state: State<Shared>) -> Result<Json<Health>, ApiError> {
    health(state).await
}
