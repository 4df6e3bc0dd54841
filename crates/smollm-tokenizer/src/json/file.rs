//! The top level of `tokenizer.json`.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use super::model::ModelJson;
use crate::TokenizerError;

/// `tokenizer.json`. The big parts are read straight into their tables, the small ones as JSON to be looked at.
pub(super) struct TokenizerJson {
    version: Option<Value>,
    pub(super) added_tokens: Vec<AddedTokenJson>,
    pub(super) normalizer: Option<Value>,
    pub(super) pre_tokenizer: Option<Value>,
    pub(super) post_processor: Option<Value>,
    pub(super) decoder: Option<Value>,
    pub(super) model: ModelJson,
    unknown: Vec<(String, Value)>,
}

/// An entry of `added_tokens`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddedTokenJson {
    pub(super) id: u32,
    pub(super) content: String,
    pub(super) single_word: bool,
    pub(super) lstrip: bool,
    pub(super) rstrip: bool,
    pub(super) normalized: bool,
    pub(super) special: bool,
}

impl TokenizerJson {
    /// Refuses what the rest of the program never looks at.
    pub(super) fn check(&self, name: &str) -> Result<(), TokenizerError> {
        if let Some((field, value)) = self.unknown.first() {
            return Err(TokenizerError::unsupported(name, field.as_str(), value, "no such field is known"));
        }
        if let Some(version) = self.version.as_ref().filter(|&v| v != "1.0") {
            return Err(TokenizerError::unsupported(name, "version", version, "only \"1.0\""));
        }
        self.model.check(name)
    }
}

impl<'de> Deserialize<'de> for TokenizerJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = TokenizerJson;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tokenizer")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut version, mut normalizer, mut pre_tokenizer) = (None, None, None);
                let (mut post_processor, mut decoder, mut model) = (None, None, None);
                let (mut added_tokens, mut unknown, mut seen) = (Vec::new(), Vec::new(), Vec::<String>::new());
                while let Some(key) = map.next_key::<String>()? {
                    if seen.contains(&key) {
                        return Err(Error::custom(format_args!("the field {key:?} appears twice")));
                    }
                    match key.as_str() {
                        "version" => version = map.next_value()?,
                        "truncation" | "padding" => drop(map.next_value::<serde::de::IgnoredAny>()?),
                        "added_tokens" => added_tokens = map.next_value()?,
                        "normalizer" => normalizer = map.next_value()?,
                        "pre_tokenizer" => pre_tokenizer = map.next_value()?,
                        "post_processor" => post_processor = map.next_value()?,
                        "decoder" => decoder = map.next_value()?,
                        "model" => model = Some(map.next_value()?),
                        _ => unknown.push((key.clone(), map.next_value()?)),
                    }
                    seen.push(key);
                }
                let model = model.ok_or_else(|| Error::missing_field("model"))?;
                Ok(TokenizerJson {
                    version,
                    added_tokens,
                    normalizer,
                    pre_tokenizer,
                    post_processor,
                    decoder,
                    model,
                    unknown,
                })
            }
        }

        deserializer.deserialize_map(Fields)
    }
}
