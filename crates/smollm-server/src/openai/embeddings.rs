//! `POST /v1/embeddings`: refused until the engine gives out hidden states.

use crate::error::{ApiError, ErrorBody};
use axum::http::StatusCode;

/// Not there yet.
#[utoipa::path(
    post, path = "/v1/embeddings", tag = "OpenAI",
    responses((status = 501, body = ErrorBody), (status = 401, body = ErrorBody))
)]
pub(crate) async fn embeddings() -> ApiError {
    ApiError::new(
        StatusCode::NOT_IMPLEMENTED,
        "embeddings are not supported: the engine does not give out hidden states",
    )
    .code("unsupported_endpoint")
}
