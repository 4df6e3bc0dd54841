//! What is read from bodies, what is refused, and what is reported as ignored.

use super::*;
use crate::openai::chat::ChatRequest;
use serde_json::json;

#[track_caller]
fn ignored(body: Value) -> String {
    let read: Body<ChatRequest> = read(body.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error:?}"));
    let mut response = Response::default();
    read.ignored.note(&mut response);
    response.headers().get(IGNORED_HEADER).map(|value| value.to_str().expect("text").to_owned()).unwrap_or_default()
}

#[track_caller]
fn refused(body: &str, param: Option<&str>, message: &str) {
    let Err(error) = read::<ChatRequest>(body.as_bytes()) else { panic!("accepted") };
    assert_eq!((error.status, error.param.as_deref()), (StatusCode::BAD_REQUEST, param), "{error:?}");
    assert!(error.message.starts_with(message), "{error:?}");
}

#[test]
fn unknown_fields_are_reported_wherever_they_stand() {
    let messages = json!([{"role": "user", "content": "x"}]);
    assert_eq!(ignored(json!({"messages": messages, "temperature": 1, "user": "u", "max_tokens": null})), "");
    assert_eq!(ignored(json!({"messages": messages, "temprature": 1, "ä b": 2})), "temprature, __b");
    let nested = json!({"messages": [{"role": "user", "content": "x", "cache_control": {}}],
                        "stream_options": {"include_usage": true, "colour": 1}});
    assert_eq!(ignored(nested), "messages.0.cache_control, stream_options.colour");
}

#[test]
fn what_is_wrong_is_named() {
    refused("{", None, "the body is no JSON: EOF");
    refused("[]", None, "the body must be a JSON object");
    refused("{}", Some("messages"), "missing field `messages`");
    refused(
        r#"{"messages": ["hi"]}"#,
        Some("messages[0]"),
        "messages[0]: invalid type: string \"hi\", expected an object",
    );
    let hot = "temperature: invalid type: string \"hot\", expected a number";
    refused(r#"{"messages": [], "temperature": "hot"}"#, Some("temperature"), hot);
    refused(r#"{"messages": [{"role": 5}]}"#, Some("messages[0].role"), "messages[0].role: invalid type");
    refused(r#"{"messages": [], "stop": 5}"#, Some("stop"), "stop: must be a string or a list of strings");
    refused(r#"{"messages": [], "tools": [{}]}"#, Some("tools"), "`tools` is not supported");
}

#[test]
fn whole_numbers_may_be_written_with_a_point() {
    let body = r#"{"messages": [{"role": "user", "content": "x"}], "max_tokens": 16.0, "stop_token_ids": [2.0],
                   "chat_template_kwargs": {"x": 1.0}}"#;
    let read: Body<ChatRequest> = read(body.as_bytes()).unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!((read.value.chat.max_tokens, read.value.sampling.stop_token_ids), (Some(16), Some(vec![2])));
    let handed_on = read.value.chat.chat_template_kwargs.expect("variables");
    assert!(handed_on["x"].is_f64());
    refused(r#"{"messages": [], "max_tokens": 16.5}"#, Some("max_tokens"), "max_tokens: invalid type: floating point");
    refused(r#"{"messages": [], "max_tokens": 1e300}"#, Some("max_tokens"), "max_tokens: invalid type: floating point");
}
