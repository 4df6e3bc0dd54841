//! `GET /metrics`.

use crate::app::Shared;
use crate::error::{ApiError, ErrorBody};
use crate::metrics::{Subject, exposition};
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;

/// The numbers of all loaded models, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "server",
    responses((status = 200, body = String, content_type = "text/plain"), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 501, body = ErrorBody))
)]
pub(crate) async fn metrics(State(app): State<Shared>) -> Result<impl IntoResponse, ApiError> {
    if !app.settings.metrics {
        return Err(ApiError::turned_off("/metrics", "--no-metrics"));
    }
    let loaded = app.catalog.entries().iter().filter_map(|entry| Some((entry, entry.peek()?)));
    let subject = |(entry, model)| {
        let entry: &std::sync::Arc<crate::catalog::Entry> = entry;
        let model: std::sync::Arc<crate::model::Model> = model;
        Subject { name: &entry.source.name, stats: model.engine.stats(), metrics: &entry.metrics }
    };
    let text = exposition(&loaded.map(subject).collect::<Vec<_>>());
    let started = HeaderName::from_static("process-start-time-unix"); // llama-server's
    let kind = "text/plain; version=0.0.4; charset=utf-8".to_owned();
    Ok(([(header::CONTENT_TYPE, kind), (started, app.started.to_string())], text))
}
