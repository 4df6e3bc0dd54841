//! The description of the API, OpenAPI 3.1, made from the types that requests and answers really have.

use crate::{native, openai};
use axum::Json;
use serde_json::{Value, json};
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "smollm",
        description = "SmolLM on this machine, in the words of OpenAI, llama-server and vLLM. Each endpoint has one path here; \
            `/chat/completions`, `/embeddings` and `/models` are the same as with `/v1`, `/v1/health` is `/health`, and \
            `/completions` is `/completion`."
    ),
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
    )
)]
struct Document;

/// The document as `/openapi.json` shows it.
pub fn document() -> Value {
    let mut document = serde_json::to_value(Document::openapi()).expect("keys of the document are text");
    let_forms_overlap(&mut document);
    describe_events(&mut document);
    describe_keys(&mut document);
    document
}

/// Says how keys are sent, to a server that wants them.
fn describe_keys(document: &mut Value) {
    document["components"]["securitySchemes"] = json!({"key": {"type": "http", "scheme": "bearer"}});
    document["security"] = json!([{}, {"key": []}]);
}

/// Says of every stream what its events are. Before version 3.2 OpenAPI has no word for it; what reads streams takes the schema of
/// `text/event-stream` for that of one event, and finds what is in its `data` by JSON Schema's `contentSchema`.
fn describe_events(value: &mut Value) {
    match value {
        Value::Object(keys) => {
            if let Some(piece) = keys.get_mut("text/event-stream").and_then(|stream| stream.get_mut("schema")) {
                let what = json!({"anyOf": [piece.take(), {"$ref": "#/components/schemas/ErrorBody"}]});
                let json = json!({"type": "string", "contentMediaType": "application/json", "contentSchema": what});
                let data = json!({"anyOf": [{"const": "[DONE]"}, json]});
                *piece = json!({"type": "object", "required": ["data"], "properties": {"data": data}});
            }
            keys.values_mut().for_each(describe_events);
        }
        Value::Array(list) => list.iter_mut().for_each(describe_events),
        _ => {}
    }
}

/// Lets a value fit several of its forms, of which the first that fits is read: `[1, 2]` is a prompt as a list of ids, and one as a list
/// of elements that may be ids.
fn let_forms_overlap(value: &mut Value) {
    match value {
        Value::Object(keys) => {
            if let Some(forms) = keys.shift_remove("oneOf") {
                keys.insert("anyOf".into(), forms);
            }
            keys.values_mut().for_each(let_forms_overlap);
        }
        Value::Array(list) => list.iter_mut().for_each(let_forms_overlap),
        _ => {}
    }
}

/// `GET /openapi.json`.
pub(crate) async fn openapi() -> Json<Value> {
    Json(document())
}

#[cfg(test)]
mod tests;
