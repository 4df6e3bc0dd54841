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

/// `GET /openapi.json`.
pub(crate) async fn openapi() -> Json<Value> {
    Json(document())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_described_as_what_they_carry_and_keys_as_they_are_sent() {
        let document = document();
        let answer = &document["paths"]["/v1/chat/completions"]["post"]["responses"]["200"]["content"];
        assert_eq!(answer["application/json"]["schema"]["$ref"], "#/components/schemas/ChatCompletion");
        let data = &answer["text/event-stream"]["schema"]["properties"]["data"]["anyOf"];
        assert_eq!(data[0]["const"], "[DONE]");
        assert_eq!(data[1]["contentSchema"]["anyOf"][0]["$ref"], "#/components/schemas/ChatChunk");
        assert!(document["components"]["schemas"]["ErrorBody"].is_object());
        assert_eq!(document["components"]["securitySchemes"]["key"]["scheme"], "bearer");
    }
}
