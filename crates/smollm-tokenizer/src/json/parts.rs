//! The pre-tokenizer, post-processor and decoder of `tokenizer.json`: the shapes that are known, and no others.

use serde_json::{Map, Value};

use super::file::TokenizerJson;
use crate::TokenizerError;
use crate::pretokenize::{GPT2_PATTERN, LLAMA3_PATTERN, Pattern};

/// What a post-processor puts before and after the text: content and id.
#[derive(Default)]
pub(super) struct Around {
    pub(super) before: Option<(String, u32)>,
    pub(super) after: Option<(String, u32)>,
}

/// One object of the file, with its path for errors.
struct Part<'a> {
    name: &'a str,
    path: String,
    fields: &'a Map<String, Value>,
}

impl<'a> Part<'a> {
    fn new(name: &'a str, path: impl Into<String>, value: &'a Value) -> Result<Self, TokenizerError> {
        let path = path.into();
        match value.as_object() {
            Some(fields) => Ok(Self { name, path, fields }),
            None => Err(TokenizerError::invalid(name, path, "this is not an object")),
        }
    }

    fn kind(&self) -> &str {
        self.fields.get("type").and_then(Value::as_str).unwrap_or("")
    }

    fn error_at(&self, field: &str, supported: &str) -> TokenizerError {
        let value = self.fields.get(field).unwrap_or(&Value::Null);
        TokenizerError::unsupported(self.name, format!("{}.{field}", self.path), value, supported)
    }

    /// The field must be there and be `expected`.
    fn must_be(&self, field: &str, expected: impl Into<Value>) -> Result<(), TokenizerError> {
        let expected = expected.into();
        if self.fields.get(field) == Some(&expected) {
            return Ok(());
        }
        Err(self.error_at(field, &format!("only {expected}")))
    }

    /// Every field must be one of `fields` or `type`.
    fn only(&self, fields: &[&str]) -> Result<(), TokenizerError> {
        match self.fields.keys().find(|&key| key != "type" && !fields.contains(&key.as_str())) {
            Some(key) => Err(self.error_at(key, "no such field is known")),
            None => Ok(()),
        }
    }

    /// The objects of a list.
    fn list(&self, field: &str) -> Result<Vec<Self>, TokenizerError> {
        let Some(items) = self.fields.get(field).and_then(Value::as_array) else {
            return Err(TokenizerError::invalid(self.name, format!("{}.{field}", self.path), "this is not a list"));
        };
        let of = |(i, item)| Self::new(self.name, format!("{}.{field}[{i}]", self.path), item);
        items.iter().enumerate().map(of).collect()
    }

    /// This part, or those of a `Sequence`.
    fn flat(self, list: &str) -> Result<Vec<Self>, TokenizerError> {
        if self.kind() != "Sequence" {
            return Ok(vec![self]);
        }
        self.only(&[list])?;
        self.list(list)
    }
}

/// The pattern of a pre-tokenizer.
pub(super) fn pattern(name: &str, value: Option<&Value>) -> Result<Pattern, TokenizerError> {
    const KNOWN: &str = "only ByteLevel, Digits and ByteLevel (SmolLM), or Split and ByteLevel (Llama 3)";
    let unknown = || {
        let value = value.unwrap_or(&Value::Null);
        Err(TokenizerError::unsupported(name, "pre_tokenizer", value, KNOWN))
    };
    let Some(whole) = value else { return unknown() };
    let parts = Part::new(name, "pre_tokenizer", whole)?.flat("pretokenizers")?;
    let (first, byte_level) = match parts.as_slice() {
        [byte_level] => (None, byte_level),
        [first, byte_level] => (Some(first), byte_level),
        _ => return unknown(),
    };
    if byte_level.kind() != "ByteLevel" {
        return unknown();
    }
    byte_level.only(&["add_prefix_space", "trim_offsets", "use_regex"])?;
    byte_level.must_be("add_prefix_space", false)?;
    let splits = byte_level.fields.get("use_regex").unwrap_or(&Value::Bool(true)) == true;
    match first.map(|part| (part, part.kind())) {
        None if splits => Ok(Pattern::Gpt2),
        Some((digits, "Digits")) if splits => {
            digits.only(&["individual_digits"])?;
            digits.must_be("individual_digits", true)?;
            Ok(Pattern::Gpt2Digits)
        }
        Some((split, "Split")) if !splits => {
            split.only(&["pattern", "behavior", "invert"])?;
            split.must_be("behavior", "Isolated")?;
            split.must_be("invert", false)?;
            match split.fields.get("pattern").and_then(|p| p.get("Regex")).and_then(Value::as_str) {
                Some(LLAMA3_PATTERN) => Ok(Pattern::Llama3),
                Some(GPT2_PATTERN) => Ok(Pattern::Gpt2),
                _ => Err(split.error_at("pattern", "only the regular expressions of GPT-2 and Llama 3")),
            }
        }
        _ => unknown(),
    }
}

/// What else belongs to byte-level tokens: their decoder, no normalizer, and bytes without tokens of their own.
pub(super) fn check_byte_level(name: &str, file: &TokenizerJson) -> Result<(), TokenizerError> {
    if let Some(normalizer) = &file.normalizer {
        return Err(TokenizerError::unsupported(name, "normalizer", normalizer, "only null"));
    }
    if file.model.byte_fallback {
        return Err(TokenizerError::unsupported(name, "model.byte_fallback", true, "only false"));
    }
    let value = file.decoder.as_ref();
    let known = value.is_some_and(|value| value.get("type").is_some_and(|kind| kind == "ByteLevel"));
    if known {
        return Ok(());
    }
    Err(TokenizerError::unsupported(name, "decoder", value.unwrap_or(&Value::Null), "only ByteLevel"))
}

/// What a post-processor puts around one text.
pub(super) fn around(name: &str, value: Option<&Value>) -> Result<Around, TokenizerError> {
    let mut around = Around::default();
    let Some(whole) = value else { return Ok(around) };
    let mut templates = 0;
    for part in Part::new(name, "post_processor", whole)?.flat("processors")? {
        match part.kind() {
            "ByteLevel" => (), // offsets only
            "TemplateProcessing" if templates == 0 => {
                around = template(&part)?;
                templates += 1;
            }
            _ => {
                let value = Value::Object(part.fields.clone());
                let supported = "only ByteLevel and one TemplateProcessing";
                return Err(TokenizerError::unsupported(name, part.path, value, supported));
            }
        }
    }
    Ok(around)
}

/// At most one special token before the text and one after it.
fn template(part: &Part<'_>) -> Result<Around, TokenizerError> {
    const SUPPORTED: &str = "only one special token before $A and one after it";
    part.only(&["single", "pair", "special_tokens"])?;
    let unsupported = || part.error_at("single", SUPPORTED);
    let mut around = Around::default();
    let mut texts = 0;
    for item in part.list("single")? {
        if let Some(text) = item.fields.get("Sequence") {
            if texts > 0 || text.get("id").is_none_or(|id| id != "A") {
                return Err(unsupported());
            }
            texts += 1;
            continue;
        }
        let content = item.fields.get("SpecialToken").and_then(|t| t.get("id")).and_then(Value::as_str);
        let content = content.ok_or_else(unsupported)?;
        let place = if texts == 0 { &mut around.before } else { &mut around.after };
        if place.is_some() {
            return Err(unsupported());
        }
        *place = Some((content.to_owned(), special_id(part, content)?));
    }
    if texts == 1 { Ok(around) } else { Err(unsupported()) }
}

/// The id that a template gives its special token.
fn special_id(part: &Part<'_>, content: &str) -> Result<u32, TokenizerError> {
    let ids = part.fields.get("special_tokens").and_then(|t| t.get(content)).and_then(|t| t.get("ids"));
    let one = ids.and_then(Value::as_array).filter(|ids| ids.len() == 1).and_then(|ids| ids[0].as_u64());
    one.and_then(|id| u32::try_from(id).ok())
        .ok_or_else(|| part.error_at("special_tokens", &format!("one id for {content:?}")))
}
