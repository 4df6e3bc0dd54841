//! `GET /tokenizer_info`: what a client needs to know of the tokenizer beside `/tokenize`, as vLLM tells it and `lm_eval` asks.

use crate::app::Shared;
use crate::error::{ApiError, ErrorBody};
use crate::native::state::Which;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// The roles in a `tokenizer_config.json`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenizerInfo {
    bos_token: Option<String>,
    eos_token: Option<String>,
    unk_token: Option<String>,
    pad_token: Option<String>,
    /// Whether a text begins with `bos_token`.
    add_bos_token: bool,
    add_eos_token: bool,
    /// Tokens of context.
    model_max_length: usize,
    /// Null for a base model.
    chat_template: Option<String>,
}

/// The tokenizer of a model: its special tokens and its template.
#[utoipa::path(
    get, path = "/tokenizer_info", tag = "vLLM", params(Which),
    responses((status = 200, body = TokenizerInfo), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody))
)]
pub(crate) async fn tokenizer_info(State(app): State<Shared>, which: Which) -> Result<Json<TokenizerInfo>, ApiError> {
    let (_, model) = app.catalog.look(which.model.as_deref()).await?;
    let tokenizer = &model.tokenizer;
    let spelling = |id: Option<u32>| id.and_then(|id| tokenizer.token_str(id)).map(str::to_owned);
    Ok(Json(TokenizerInfo {
        bos_token: spelling(tokenizer.bos()),
        eos_token: spelling(tokenizer.eos()),
        unk_token: spelling(tokenizer.unk()),
        pad_token: spelling(tokenizer.pad()),
        add_bos_token: tokenizer.add_bos(),
        add_eos_token: tokenizer.add_eos(),
        model_max_length: model.engine.limits().context(),
        chat_template: model.template.as_ref().map(|template| template.source().to_owned()),
    }))
}
