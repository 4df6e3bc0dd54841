//! `logit_bias` in OpenAI's form, token id to number, and in those of llama-server: texts for ids, pairs for an object, `false` for never.

use crate::error::ApiError;
use serde::Deserialize;
use smollm_tokenizer::{Specials, Tokenizer};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Bytes of ids and texts at most.
const MOST_TEXT: usize = 64 * 1024;

/// What is added to which logits.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged, expecting = "must be an object of token ids and numbers, or a list of pairs of them")]
pub(crate) enum LogitBias {
    /// Token id as text, or a text whose tokens are meant.
    Object(BTreeMap<String, Bias>),
    /// Pairs of the same, in which ids may be numbers.
    Pairs(Vec<(BiasTarget, Bias)>),
}

/// A token, or a text whose tokens are meant.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum BiasTarget {
    Id(u32),
    Text(String),
}

/// A number to add, or `false` for a token that must not come.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Bias {
    Number(f32),
    Switch(bool),
}

impl BiasTarget {
    fn len(&self) -> usize {
        match self {
            Self::Id(_) => size_of::<u32>(),
            Self::Text(text) => text.len(),
        }
    }
}

impl LogitBias {
    /// That it can be resolved while others wait.
    ///
    /// # Errors
    /// It names more text than can be meant.
    pub(super) fn check_size(&self) -> Result<(), ApiError> {
        let bytes: usize = match self {
            Self::Object(object) => object.keys().map(String::len).sum(),
            Self::Pairs(pairs) => pairs.iter().map(|(biased, _)| biased.len()).sum(),
        };
        if bytes > MOST_TEXT {
            let message = format!("logit_bias names {bytes} bytes of text; it may name {MOST_TEXT}");
            return Err(ApiError::bad(message).param("logit_bias"));
        }
        Ok(())
    }

    /// As the engine has it.
    ///
    /// # Errors
    /// A bias is `true`.
    pub(super) fn resolve(&self, tokenizer: &Tokenizer) -> Result<Vec<(u32, f32)>, ApiError> {
        let mut entries = Vec::new();
        match self {
            Self::Object(object) => {
                for (key, bias) in object {
                    match key.parse() {
                        Ok(id) => entries.push((id, bias.number()?)),
                        Err(_) => push_text(key, bias.number()?, tokenizer, &mut entries),
                    }
                }
            }
            Self::Pairs(pairs) => {
                for (biased, bias) in pairs {
                    match biased {
                        BiasTarget::Id(id) => entries.push((*id, bias.number()?)),
                        BiasTarget::Text(text) => push_text(text, bias.number()?, tokenizer, &mut entries),
                    }
                }
            }
        }
        Ok(entries)
    }
}

fn push_text(text: &str, bias: f32, tokenizer: &Tokenizer, entries: &mut Vec<(u32, f32)>) {
    entries.extend(tokenizer.encode(text, Specials::AsText).into_iter().map(|id| (id, bias)));
}

impl Bias {
    fn number(self) -> Result<f32, ApiError> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Switch(false) => Ok(f32::NEG_INFINITY),
            Self::Switch(true) => {
                Err(ApiError::bad("logit_bias: `true` is no bias; `false` is, for a token that must not come")
                    .param("logit_bias"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use smollm_testkit::byte_level::tokenizer_json;

    fn tokenizer() -> Tokenizer {
        Tokenizer::from_json(tokenizer_json(320).to_string().as_bytes(), "tokenizer.json").expect("a tokenizer")
    }

    #[track_caller]
    fn check(given: Value, expected: &[(u32, f32)]) {
        let bias: LogitBias = serde_json::from_value(given).expect("a bias");
        assert_eq!(bias.resolve(&tokenizer()), Ok(expected.to_vec()));
    }

    #[test]
    fn more_text_than_can_be_meant_is_refused() {
        let bias = |text: String| -> LogitBias { serde_json::from_value(json!([[text, 1], [7, 1]])).expect("a bias") };
        assert_eq!(bias("a".repeat(MOST_TEXT - 4)).check_size(), Ok(()));
        assert!(bias("a".repeat(MOST_TEXT)).check_size().is_err());
    }

    #[test]
    fn all_forms() {
        let tokens = |text: &str| tokenizer().encode(text, Specials::AsText).into_iter();
        let never = |text: &str| tokens(text).map(|id| (id, f32::NEG_INFINITY)).collect::<Vec<_>>();
        check(json!({"7": -100, "8": 1.5}), &[(7, -100.0), (8, 1.5)]);
        check(json!([[7, -100], ["8", false]]), &[&[(7, -100.0)], &*never("8")].concat());
        check(json!([["no", false]]), &never("no"));
        check(json!({"no": false}), &never("no"));
    }

    #[test]
    fn true_is_no_bias() {
        let bias: LogitBias = serde_json::from_value(json!([[7, true]])).expect("a bias");
        assert_eq!(bias.resolve(&tokenizer()).expect_err("refused").param.as_deref(), Some("logit_bias"));
    }
}
