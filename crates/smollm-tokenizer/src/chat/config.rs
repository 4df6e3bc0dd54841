//! The templates and special tokens of a model folder: `tokenizer_config.json` and `chat_template.jinja`.

use serde_json::{Map, Value};

use super::{ChatTemplate, TemplateError};

const FILE: &str = "tokenizer_config.json";

/// The templates of one model by name, mostly just `default`.
#[derive(Debug)]
pub struct TemplateSet {
    templates: Vec<(String, ChatTemplate)>,
}

impl TemplateSet {
    /// The template transformers takes: `tool_use` where there are tools and such a template, else `default`.
    pub fn choose(&self, with_tools: bool) -> Option<&ChatTemplate> {
        let named = |wanted: &str| self.templates.iter().find(|(name, _)| name == wanted).map(|(_, template)| template);
        named("tool_use").filter(|_| with_tools).or_else(|| named("default"))
    }

    /// Names and templates.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ChatTemplate)> {
        self.templates.iter().map(|(name, template)| (name.as_str(), template))
    }

    /// A set of one, from a text such as GGUF metadata has.
    ///
    /// # Errors
    /// As [`ChatTemplate::new`].
    pub fn single(source: &str, special_tokens: Map<String, Value>) -> Result<Self, TemplateError> {
        let template = ChatTemplate::new(source, special_tokens)?;
        Ok(Self { templates: vec![("default".to_owned(), template)] })
    }
}

fn wrong<T>(message: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError::Config { file: FILE.to_owned(), message: message.into() })
}

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, TemplateError> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(config)) => Ok(config),
        Ok(_) => wrong("expected an object"),
        Err(error) => wrong(error.to_string()),
    }
}

/// The templates of a model: from the bytes of its `tokenizer_config.json` and, where the model has one, the text of its
/// `chat_template.jinja`, which takes the place of everything in the config. `None` where there is no template at all.
///
/// # Errors
/// [`TemplateError::Config`] where the config is not what transformers writes, and what [`ChatTemplate::new`] finds.
pub fn template_from_tokenizer_config(
    config: &[u8],
    chat_template_jinja: Option<&str>,
) -> Result<Option<TemplateSet>, TemplateError> {
    let config = parse(config)?;
    let tokens = tokens_of(&config)?;
    if let Some(source) = chat_template_jinja {
        return TemplateSet::single(source, tokens).map(Some);
    }
    let sources: Vec<(String, String)> = match config.get("chat_template") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(source)) => vec![("default".to_owned(), source.clone())],
        Some(Value::Array(named)) => {
            let pair = |(at, entry): (usize, &Value)| {
                let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
                match (text("name"), text("template")) {
                    (Some(name), Some(template)) => Ok((name, template)),
                    _ => wrong(format!("chat_template[{at}]: expected an object with name and template")),
                }
            };
            named.iter().enumerate().map(pair).collect::<Result<_, _>>()?
        }
        Some(Value::Object(named)) => {
            let pair = |(name, source): (&String, &Value)| match source {
                Value::String(source) => Ok((name.clone(), source.clone())),
                _ => wrong(format!("chat_template.{name}: expected a string")),
            };
            named.iter().map(pair).collect::<Result<_, _>>()?
        }
        Some(_) => return wrong("chat_template: expected a string or an array of named templates"),
    };
    if sources.is_empty() {
        return Ok(None);
    }
    let templates = sources.into_iter().map(|(name, source)| {
        let template = ChatTemplate::named(&name, &source, tokens.clone())?;
        Ok((name, template))
    });
    Ok(Some(TemplateSet { templates: templates.collect::<Result<_, TemplateError>>()? }))
}

/// The special tokens in the bytes of a `tokenizer_config.json` that templates see as variables: `bos_token` and every
/// other `…_token`, each a string or an `AddedToken` object.
///
/// # Errors
/// [`TemplateError::Config`].
pub fn special_tokens(config: &[u8]) -> Result<Map<String, Value>, TemplateError> {
    tokens_of(&parse(config)?)
}

fn tokens_of(config: &Map<String, Value>) -> Result<Map<String, Value>, TemplateError> {
    const STANDARD: [&str; 7] =
        ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];
    let mut tokens = Map::new();
    for (key, value) in config.iter().filter(|(key, _)| key.ends_with("_token")) {
        let text = match value {
            Value::String(text) => Some(text.as_str()),
            Value::Object(token) => token.get("content").and_then(Value::as_str),
            _ => None,
        };
        match text {
            Some(text) => {
                tokens.insert(key.clone(), Value::String(text.to_owned()));
            }
            None if STANDARD.contains(&key.as_str()) && !value.is_null() => {
                return wrong(format!("{key}: expected a string or an AddedToken object"));
            }
            None => {}
        }
    }
    // The older list form of model-specific tokens has no names; the newer one is an object of them.
    if let Some(Value::Object(named)) = config.get("extra_special_tokens") {
        let named = named.iter().filter(|(_, value)| value.is_string());
        tokens.extend(named.map(|(key, value)| (key.clone(), value.clone())));
    }
    Ok(tokens)
}
