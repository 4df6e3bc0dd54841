//! Where a template and its special tokens come from: `tokenizer_config.json` and `chat_template.jinja`.

use super::TemplateError;
use serde_json::Value;

/// A template's text and the special tokens it may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateSource {
    /// The template; `None` for a base model.
    pub template: Option<String>,
    /// The template for conversations with tools, where there is one of its own.
    pub tool_use: Option<String>,
    /// `bos_token`, `eos_token`, ... with their texts.
    pub special_tokens: Vec<(String, String)>,
}

impl TemplateSource {
    /// From the bytes of `tokenizer_config.json`, if there is one, and the text of `chat_template.jinja`, which beats the
    /// template inside the former, as in `transformers`.
    ///
    /// A configuration may hold several named templates; those named `default` and `tool_use` are taken.
    ///
    /// # Errors
    /// The configuration is not JSON, or its `chat_template` is neither text nor a list with a default.
    pub fn new(config: Option<(&[u8], &str)>, jinja: Option<String>) -> Result<Self, TemplateError> {
        let Some((bytes, file)) = config else {
            return Ok(Self { template: jinja, ..Self::default() });
        };
        let refuse = |problem: String| TemplateError::Source { file: file.into(), problem };
        let config: Value = serde_json::from_slice(bytes).map_err(|e| refuse(format!("not valid JSON: {e}")))?;
        let named = |name: &str| {
            let entry = config["chat_template"].as_array()?.iter().find(|entry| entry["name"] == name)?;
            Some(entry["template"].as_str()?.to_owned())
        };
        let tool_use = if jinja.is_none() { named("tool_use") } else { None };
        let template = match (jinja, &config["chat_template"]) {
            (Some(text), _) => Some(text),
            (None, Value::Null) => None,
            (None, Value::String(text)) => Some(text.clone()),
            (None, Value::Array(_)) => {
                Some(named("default").ok_or_else(|| refuse("`chat_template` has no template named `default`".into()))?)
            }
            (None, _) => return Err(refuse("`chat_template` is neither text nor a list of named templates".into())),
        };
        Ok(Self { template, tool_use, special_tokens: special_tokens(&config) })
    }
}

/// The `*_token` keys of a `tokenizer_config.json`, as plain strings or as objects with `content`.
pub fn special_tokens(config: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| Some(value.as_str().or_else(|| value["content"].as_str())?.to_owned());
    let tokens = config.as_object().into_iter().flatten().filter(|(key, _)| key.ends_with("_token"));
    tokens.filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect()
}
