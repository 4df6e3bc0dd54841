//! `POST /apply-template`: messages to prompt.

use crate::app::Shared;
use crate::body::{Body, Fields, Wire};
use crate::error::{ApiError, ErrorBody};
use crate::openai::chat::{Chat, prompt};
use crate::openai::thinking::Thinking;
use crate::openai::tools::ToolFields;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A conversation, with what else the template reads.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct TemplateRequest {
    #[serde(flatten)]
    model: ModelName,
    #[serde(flatten)]
    chat: Chat,
    #[serde(flatten)]
    tools: ToolFields,
    #[serde(flatten)]
    thinking: Thinking,
}

#[derive(Debug, Deserialize, ToSchema)]
struct ModelName {
    /// Name of the model.
    model: Option<String>,
}

/// The prompt.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TemplateAnswer {
    prompt: String,
}

impl Wire for TemplateRequest {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ApiError> {
        Ok(Self { model: fields.take()?, chat: fields.take()?, tools: fields.take()?, thinking: fields.take()? })
    }
}

/// The prompt that a conversation becomes.
#[utoipa::path(
    post, path = "/apply-template", tag = "llama-server", request_body = TemplateRequest,
    responses((status = 200, body = TemplateAnswer), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody))
)]
pub(crate) async fn apply_template(
    State(app): State<Shared>,
    body: Body<TemplateRequest>,
) -> Result<Response, ApiError> {
    let TemplateRequest { model: ModelName { model }, chat, tools, thinking } = body.value;
    let lease = app.catalog.lease(model.as_deref()).await?;
    let prompt = prompt(&lease, chat, tools.resolved().await?.shown, &thinking).await?.text;
    let mut response = Json(TemplateAnswer { prompt }).into_response();
    body.ignored.note(&mut response);
    Ok(response)
}
