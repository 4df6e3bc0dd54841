//! The check of messages at the door: what no template can render is refused with the place named.

use super::TemplateError;
use serde_json::Value;

/// `messages` is a list of objects with a `role` and, where it is there, a `content` of a known form.
pub(super) fn checked(messages: &Value) -> Result<(), TemplateError> {
    let refuse = |problem: String| Err(TemplateError::Messages { problem });
    let Some(list) = messages.as_array() else {
        return refuse("messages must be a list of objects with `role` and `content`".into());
    };
    for (i, message) in list.iter().enumerate() {
        let Some(keys) = message.as_object() else {
            return refuse(format!("messages[{i}] must be an object with `role` and `content`"));
        };
        match keys.get("role") {
            Some(Value::String(_)) => {}
            Some(_) => return refuse(format!("messages[{i}].role must be a string")),
            None => return refuse(format!("messages[{i}] has no `role`")),
        }
        match keys.get("content") {
            None | Some(Value::Null | Value::String(_)) => {}
            Some(Value::Array(parts)) if parts.iter().all(Value::is_object) => {}
            Some(_) => return refuse(format!("messages[{i}].content must be a string or a list of parts")),
        }
    }
    Ok(())
}
