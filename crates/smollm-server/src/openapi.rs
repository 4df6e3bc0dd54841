//! The description of the API, OpenAPI 3.1, made from the types that requests and answers really have.

use crate::{native, openai};
use axum::Json;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(title = "smollm", description = "SmolLM on this machine, in the words of OpenAI, llama-server and vLLM."),
    paths(
        openai::chat::chat_completions,
        openai::chat::input_tokens,
        openai::completions::completions,
        openai::embeddings::embeddings,
        openai::models::list,
        openai::models::retrieve,
        native::completion::completion,
        native::lora::load,
        native::lora::unload,
        native::tokens::tokenize,
        native::tokens::detokenize,
        native::tokenizer_info::tokenizer_info,
        native::template::apply_template,
        native::state::props,
        native::state::slots,
        native::health::health,
        native::health::ready,
        native::prometheus::metrics,
    ),
    // What the events of streams hold, which the document can only call text.
    components(schemas(openai::chat::ChatChunk, native::completion::NativePiece))
)]
struct Document;

/// The document as `/openapi.json` shows it.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// `GET /openapi.json`.
pub(crate) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}
