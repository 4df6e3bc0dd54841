//! What a client is told when a request cannot be answered, in OpenAI's shape.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use smollm_engine::{EngineError, MaskError};
use smollm_tokenizer::template::TemplateError;
use utoipa::ToSchema;

/// A refusal, with its status.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// The field at fault.
    pub(crate) param: Option<String>,
    /// A word for programs.
    pub(crate) code: Option<&'static str>,
    /// Seconds after which to try again.
    pub(crate) retry_after: Option<u64>,
    /// Tokens of a prompt that is too long, and of the context.
    pub(crate) too_long: Option<(usize, usize)>,
}

/// The body of every answer that is no success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorDetail {
    /// What is wrong and where, in one line.
    message: String,
    /// `invalid_request_error`, `authentication_error`, `exceed_context_size_error`, `rate_limit_error`, `not_supported_error` or
    /// `server_error`.
    r#type: &'static str,
    /// The field at fault.
    param: Option<String>,
    /// A word for programs, such as `context_length_exceeded` or `unsupported_parameter`.
    code: Option<&'static str>,
    /// Tokens of a prompt that is too long, and of the context: llama-server's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    n_prompt_tokens: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n_ctx: Option<usize>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), param: None, code: None, retry_after: None, too_long: None }
    }

    /// 400.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 400 for a field that is known, would change the answer, and is not supported.
    pub(crate) fn unsupported(param: &str, message: impl Into<String>) -> Self {
        Self::bad(message).param(param).code("unsupported_parameter")
    }

    /// 400 for a prompt that does not fit.
    pub(crate) fn too_long(prompt: usize, context: usize, message: String) -> Self {
        Self { too_long: Some((prompt, context)), ..Self::bad(message).code("context_length_exceeded") }
    }

    /// 501 for an endpoint that the operator has turned off.
    pub(crate) fn turned_off(path: &str, option: &str) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, format!("{path} is turned off on this server ({option})"))
            .code("turned_off")
    }

    /// 500.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    pub(crate) fn param(self, param: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..self }
    }

    pub(crate) fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    pub(crate) fn body(&self) -> ErrorBody {
        let r#type = match self.status {
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::NOT_IMPLEMENTED => "not_supported_error",
            _ if self.too_long.is_some() => "exceed_context_size_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        let Self { message, param, code, too_long, .. } = self.clone();
        let (n_prompt_tokens, n_ctx) = too_long.unzip();
        ErrorBody { error: ErrorDetail { message, r#type, param, code, n_prompt_tokens, n_ctx } }
    }
}

/// The beginning of what a client wrote, for an error that tells it again.
pub(crate) fn brief(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match error {
            EngineError::PromptTooLong { prompt, context, .. } => Self::too_long(prompt, context, message),
            EngineError::Sampling(sampling) => {
                Self::bad(message).param(sampling.name.split(' ').next().unwrap_or(sampling.name))
            }
            EngineError::Choices { .. } => Self::bad(message).param("n"),
            EngineError::EmptyPrompt | EngineError::TokenOutOfRange { .. } => Self::bad(message).param("prompt"),
            EngineError::Mask(MaskError::Unmet(_)) => Self::bad(message).code("invalid_grammar"),
            EngineError::Mask(MaskError::TooCostly(_)) => Self::bad(message).code("grammar_too_costly"),
            // a grammar that was taken and then could not be followed is no fault of whoever sent it
            EngineError::Mask(MaskError::Broken(_)) => Self::internal(message),
            EngineError::NothingAllowed { .. } => Self::bad(message).param("logit_bias"),
            EngineError::ForeignAdapter => Self::bad(message),
            EngineError::QueueFull { .. } => {
                Self { retry_after: Some(1), ..Self::new(StatusCode::TOO_MANY_REQUESTS, message).code("queue_full") }
            }
            _ => Self::internal(message),
        }
    }
}

impl From<TemplateError> for ApiError {
    fn from(error: TemplateError) -> Self {
        Self::bad(error.to_string()).param("messages")
    }
}
