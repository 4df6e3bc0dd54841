//! What is read from bodies, what is refused, and what is reported as ignored.

use super::*;
use crate::native::completion::NativeRequest;
use crate::openai::chat::ChatRequest;
use crate::openai::completions::CompletionRequest;
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
fn unknown_fields_are_reported_in_the_parts_of_a_message() {
    let parts = json!([{"type": "text", "text": "x"}, {"type": "text", "text": "y", "cache_control": {}}]);
    let body = json!({"messages": [{"role": "user", "content": parts}]});
    assert_eq!(ignored(body), "messages.0.content.1.cache_control");
    let prompt = json!([{"prompt_string": "x", "colour": 1}, {"content": [{"type": "text", "text": "y", "size": 2}]}]);
    let read: Body<CompletionRequest> =
        read(json!({"prompt": prompt}).to_string().as_bytes()).unwrap_or_else(|error| panic!("{error:?}"));
    let list: Vec<&str> = read.ignored.0.iter().map(String::as_str).collect();
    assert_eq!(list, ["prompt.0.colour", "prompt.1.content.0.size"]);
    refused(
        r#"{"messages": [{"role": "user", "content": [{"type": 5}]}]}"#,
        Some("messages[0].content[0].type"),
        "messages[0].content[0].type: invalid type: integer",
    );
    let expected = "messages[0].content: invalid type: integer `5`, expected a string or a list of parts";
    refused(r#"{"messages": [{"role": "user", "content": 5}]}"#, Some("messages[0].content"), expected);
}

#[test]
fn fields_that_an_endpoint_does_not_read_are_refused_where_they_would_change_the_answer() {
    #[track_caller]
    fn check<T: Wire>(mut body: Value, more: &[Value]) {
        for field in more {
            let (name, value) = field.as_object().and_then(|object| object.iter().next()).expect("a field");
            body[name] = value.clone();
            let inner = value.as_object().and_then(|object| object.keys().next());
            let path = inner.map_or(name.clone(), |inner| format!("{name}.{inner}"));
            let Err(error) = read::<T>(body.to_string().as_bytes()) else { panic!("{field} is accepted") };
            assert_eq!((error.param.as_deref(), error.code), (Some(&*path), Some("unsupported_parameter")), "{field}");
            body[name] = Value::Null;
            assert!(read::<T>(body.to_string().as_bytes()).is_ok(), "{name}: null");
        }
    }
    let chat = json!({"messages": [{"role": "user", "content": "x"}]});
    let unread = [
        json!({"n_probs": 3}),
        json!({"prompt_logprobs": 0}),
        json!({"echo": true}),
        json!({"reasoning_format": "none"}),
        json!({"include_reasoning": false}),
        json!({"reasoning": {"exclude": true}}),
        json!({"stream_options": {"continuous_usage_stats": true}}),
    ];
    check::<ChatRequest>(chat, &unread);
    let unread = [json!({"top_logprobs": 3}), json!({"n_probs": 3}), json!({"max_completion_tokens": 3})];
    check::<CompletionRequest>(json!({"prompt": "x"}), &unread);
    check::<NativeRequest>(json!({"prompt": "x"}), &[json!({"logprobs": true}), json!({"echo": true})]);
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
    refused(r#"{"messages": [], "functions": [{}]}"#, Some("functions"), "`functions` is not supported");
    let choice = "tool_choice: must be `none`, `auto`, `required`, or an object that names functions";
    refused(r#"{"messages": [], "tool_choice": "some"}"#, Some("tool_choice"), choice);
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
