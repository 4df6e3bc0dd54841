//! Which path leads to which handler, and what every request passes on its way.

use crate::app::Shared;
use crate::edge::{AccessLog, cors, keys::require_key, log_access, require_host};
use crate::error::ApiError;
use crate::openapi::openapi;
use crate::{native, openai};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

/// The whole server as one service.
pub(crate) fn router(app: &Shared, log: AccessLog) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(openai::chat::chat_completions))
        .route("/chat/completions", post(openai::chat::chat_completions))
        .route("/v1/completions", post(openai::completions::completions))
        .route("/v1/embeddings", post(openai::embeddings::embeddings))
        .route("/embeddings", post(openai::embeddings::embeddings))
        .route("/v1/models", get(openai::models::list))
        .route("/models", get(openai::models::list))
        .route("/v1/models/{*model}", get(openai::models::retrieve))
        .route("/v1/chat/completions/input_tokens", post(openai::chat::input_tokens))
        .route("/chat/completions/input_tokens", post(openai::chat::input_tokens))
        .route("/completion", post(native::completion::completion))
        .route("/completions", post(native::completion::completion))
        .route("/v1/load_lora_adapter", post(native::lora::load))
        .route("/v1/unload_lora_adapter", post(native::lora::unload))
        .route("/tokenize", post(native::tokens::tokenize))
        .route("/detokenize", post(native::tokens::detokenize))
        .route("/tokenizer_info", get(native::tokenizer_info::tokenizer_info))
        .route("/apply-template", post(native::template::apply_template))
        .route("/props", get(native::state::props))
        .route("/slots", get(native::state::slots))
        .route("/health", get(native::health::health))
        .route("/v1/health", get(native::health::health))
        .route("/ready", get(native::health::ready))
        .route("/metrics", get(native::prometheus::metrics))
        .route("/openapi.json", get(openapi))
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(app.settings.max_body))
        .layer(from_fn_with_state(app.clone(), require_key))
        .layer(cors(&app.settings.cors_origins)) // before the keys: a browser asks for permission without one
        .layer(from_fn_with_state(app.clone(), require_host))
        .layer(from_fn(log_access))
        .layer(Extension(log))
        .with_state(app.clone())
}

async fn nowhere(uri: Uri) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, format!("there is nothing at {}; see /openapi.json", uri.path()))
        .code("not_found")
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not allowed for {}", uri.path()))
        .code("method_not_allowed")
}
