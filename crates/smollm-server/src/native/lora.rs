//! `POST /v1/load_lora_adapter` and `/v1/unload_lora_adapter`, as in vLLM: adapters come and go while the server runs.
//!
//! Loading opens files that a request names, so it takes an API key, or an operator who said that none is needed.

use crate::adapters::{AdapterSource, taken};
use crate::app::{App, Shared};
use crate::body::{Body, Fields, Wire};
use crate::error::{ApiError, ErrorBody};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

/// The longest name of an adapter, in bytes.
const LONGEST_NAME: usize = 128;

/// A LoRA adapter to be loaded.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct LoadLora {
    /// Name of the model that it belongs to, where there are several.
    model: Option<String>,
    /// What requests will call it: `lora_name`, or `model+lora_name`.
    #[schema(min_length = 1, max_length = 128)]
    lora_name: String,
    /// A folder on the server in PEFT form.
    #[schema(min_length = 1)]
    lora_path: String,
    /// Whether it takes the place of an adapter of the same name. Requests under way keep theirs.
    load_inplace: Option<bool>,
}

/// A LoRA adapter to be forgotten.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UnloadLora {
    /// Name of the model that it belongs to, where there are several.
    model: Option<String>,
    /// What requests call it.
    lora_name: String,
    /// vLLM's number of it: names are enough here.
    #[serde(rename = "lora_int_id")]
    _lora_int_id: Option<i64>,
}

impl Wire for LoadLora {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ApiError> {
        fields.take()
    }
}

impl Wire for UnloadLora {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ApiError> {
        fields.take()
    }
}

/// Loads a LoRA adapter, which requests then name as the model.
#[utoipa::path(
    post, path = "/v1/load_lora_adapter", tag = "vLLM", operation_id = "load_lora_adapter", request_body = LoadLora,
    responses(
        (status = 200, description = "It is loaded", body = String, content_type = "text/plain"),
        (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)
    )
)]
pub(crate) async fn load(State(app): State<Shared>, body: Body<LoadLora>) -> Result<Response, ApiError> {
    allowed(&app)?;
    let LoadLora { model, lora_name: name, lora_path: location, load_inplace } = body.value;
    let replace = load_inplace.unwrap_or(false);
    if name.is_empty() || name.len() > LONGEST_NAME || name.contains(|c: char| c == '+' || c.is_control()) {
        let message = format!("lora_name must have 1 to {LONGEST_NAME} bytes, and neither `+` nor control characters");
        return Err(ApiError::bad(message).param("lora_name"));
    }
    let (entry, model) = app.catalog.look(model.as_deref()).await?;
    if !replace && entry.adapters.knows(&name) {
        return Err(taken(&name));
    }
    let source = AdapterSource { name: name.clone(), location };
    let opened = {
        let (loader, location) = (model.open_adapter.clone(), source.location.clone());
        tokio::task::spawn_blocking(move || loader(&location)).await
    };
    let opened = opened.map_err(|_| ApiError::internal("loading the adapter failed unexpectedly"))?;
    let weights = opened.map_err(|reason| ApiError::bad(reason).param("lora_path").code("adapter_not_loaded"))?;
    entry.adapters.add(source, weights, replace)?;
    let mut response = format!("Success: LoRA adapter '{name}' added successfully.").into_response();
    body.ignored.note(&mut response);
    Ok(response)
}

/// Forgets a LoRA adapter. Requests under way keep it.
#[utoipa::path(
    post, path = "/v1/unload_lora_adapter", tag = "vLLM", operation_id = "unload_lora_adapter", request_body = UnloadLora,
    responses(
        (status = 200, description = "It is gone", body = String, content_type = "text/plain"),
        (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)
    )
)]
pub(crate) async fn unload(State(app): State<Shared>, body: Body<UnloadLora>) -> Result<Response, ApiError> {
    allowed(&app)?;
    let UnloadLora { model, lora_name: name, .. } = body.value;
    if !app.catalog.entry(model.as_deref())?.adapters.remove(&name) {
        return Err(ApiError::new(
            StatusCode::NOT_FOUND,
            format!("there is no adapter `{name}`; /v1/models lists them"),
        )
        .param("lora_name")
        .code("adapter_not_found"));
    }
    let mut response = format!("Success: LoRA adapter '{name}' removed successfully.").into_response();
    body.ignored.note(&mut response);
    Ok(response)
}

fn allowed(app: &App) -> Result<(), ApiError> {
    if app.keys.is_some() || app.settings.adapter_updates {
        return Ok(());
    }
    let message =
        "adapters may come and go over HTTP only where API keys are asked for (--key-file), or with --adapter-updates";
    Err(ApiError::new(StatusCode::FORBIDDEN, message).code("adapter_updates_off"))
}
