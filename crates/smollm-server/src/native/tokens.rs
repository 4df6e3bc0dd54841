//! `POST /tokenize` and `/detokenize`: llama-server's names of fields, and vLLM's.

use crate::app::Shared;
use crate::body::{Body, Fields, Wire, beside};
use crate::error::{ApiError, ErrorBody};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use smollm_tokenizer::{Specials, Tokenizer};
use utoipa::ToSchema;

/// Bytes of text, and tokens, above which a thread that may take its time does the work.
const LONG_TEXT: usize = 1 << 16;
const MANY_TOKENS: usize = 1 << 14;

/// A text.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct TokenizeRequest {
    /// Name of the model.
    model: Option<String>,
    /// The text, in llama-server's words.
    content: Option<String>,
    /// The text, in vLLM's words.
    prompt: Option<String>,
    /// Put the token before it that the model expects (false where absent).
    #[serde(alias = "add_special_tokens")]
    add_special: Option<bool>,
    /// Recognise special tokens in the text (true where absent).
    parse_special: Option<bool>,
    /// Say how each token is spelled.
    with_pieces: Option<bool>,
}

/// The tokens of a text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenizeAnswer {
    /// Ids; with `with_pieces` objects of `id` and `piece`.
    tokens: Vec<TokenEntry>,
    count: usize,
    max_model_len: usize,
}

/// An id alone, or with its spelling.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum TokenEntry {
    Id(u32),
    Spelled { id: u32, piece: Piece },
}

/// Text, or the bytes of what is no text on its own.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Piece {
    Text(String),
    Bytes(Vec<u8>),
}

/// Token ids.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct DetokenizeRequest {
    /// Name of the model.
    model: Option<String>,
    tokens: Vec<u32>,
}

/// Their text, under both names.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DetokenizeAnswer {
    content: String,
    prompt: String,
}

impl Wire for TokenizeRequest {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ApiError> {
        fields.take()
    }
}

impl Wire for DetokenizeRequest {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ApiError> {
        fields.take()
    }
}

/// Text to token ids.
#[utoipa::path(
    post, path = "/tokenize", tag = "llama-server", request_body = TokenizeRequest,
    responses((status = 200, body = TokenizeAnswer), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody))
)]
pub(crate) async fn tokenize(State(app): State<Shared>, body: Body<TokenizeRequest>) -> Result<Response, ApiError> {
    let Body { value: request, ignored } = body;
    let lease = app.catalog.lease(request.model.as_deref()).await?;
    let text = match (request.content, request.prompt) {
        (Some(text), None) | (None, Some(text)) => text,
        _ => return Err(ApiError::bad("exactly one of `content` and `prompt` must be given").param("content")),
    };
    let specials = if request.parse_special.unwrap_or(true) { Specials::Parse } else { Specials::AsText };
    let max_model_len = lease.model.engine.limits().context();
    let (add_special, spelled) = (request.add_special == Some(true), request.with_pieces == Some(true));
    let (long, tokenizer) = (text.len() > LONG_TEXT, lease.model.tokenizer.clone());
    let answer = move || {
        let mut ids = tokenizer.encode(&text, specials);
        if let Some(bos) = tokenizer.bos().filter(|bos| add_special && tokenizer.add_bos() && ids.first() != Some(bos))
        {
            ids.insert(0, bos);
        }
        let count = ids.len();
        let entry = |id| match spelled {
            true => TokenEntry::Spelled { id, piece: piece(&tokenizer, id) },
            false => TokenEntry::Id(id),
        };
        let tokens = ids.into_iter().map(entry).collect();
        Ok(Json(TokenizeAnswer { tokens, count, max_model_len }).into_response())
    };
    let mut response = beside(long, "tokenising the text", answer).await?;
    ignored.note(&mut response);
    Ok(response)
}

fn piece(tokenizer: &Tokenizer, id: u32) -> Piece {
    let bytes = tokenizer.token_bytes(id).map(|bytes| bytes.into_owned()).unwrap_or_default();
    String::from_utf8(bytes).map_or_else(|error| Piece::Bytes(error.into_bytes()), Piece::Text)
}

/// Token ids to text.
#[utoipa::path(
    post, path = "/detokenize", tag = "llama-server", request_body = DetokenizeRequest,
    responses((status = 200, body = DetokenizeAnswer), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody))
)]
pub(crate) async fn detokenize(State(app): State<Shared>, body: Body<DetokenizeRequest>) -> Result<Response, ApiError> {
    let Body { value: request, ignored } = body;
    let lease = app.catalog.lease(request.model.as_deref()).await?;
    let size = lease.model.engine.limits().vocab_size();
    if let Some((index, id)) = request.tokens.iter().enumerate().find(|(_, id)| **id as usize >= size) {
        let message = format!("tokens[{index}] is {id}; it must be below {size}, the size of the vocabulary");
        return Err(ApiError::bad(message).param(format!("tokens[{index}]")));
    }
    let (tokens, tokenizer) = (request.tokens, lease.model.tokenizer.clone());
    let long = tokens.len() > MANY_TOKENS;
    let answer = move || {
        let content = tokenizer.decode(&tokens, false);
        Ok(Json(DetokenizeAnswer { prompt: content.clone(), content }).into_response())
    };
    let mut response = beside(long, "reading the tokens", answer).await?;
    ignored.note(&mut response);
    Ok(response)
}
