//! The tokenizer files of a Hugging Face directory, made from what a GGUF file carries.

use crate::error::Error;
use crate::outputs::write_json;
use crate::text_parts::{TextParts, special_tokens};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Writes `tokenizer.json` and `tokenizer_config.json` (with the chat template, if there is one) to `directory`.
pub(crate) fn write(text: &TextParts, directory: &Path) -> Result<(), Error> {
    let Some(tokenizer) = &text.tokenizer else { return Ok(()) };
    write_json(&directory.join("tokenizer.json"), &tokenizer.to_json()?)?;
    let mut config = Map::new();
    config.insert("add_bos_token".into(), tokenizer.add_bos().into());
    config.insert("add_eos_token".into(), tokenizer.add_eos().into());
    for (name, token) in special_tokens(Some(tokenizer)) {
        config.insert(name, token.into());
    }
    if let Some(template) = &text.template {
        config.insert("chat_template".into(), template.source().into());
    }
    config.insert("clean_up_tokenization_spaces".into(), false.into());
    config.insert("tokenizer_class".into(), json!("PreTrainedTokenizerFast"));
    write_json(&directory.join("tokenizer_config.json"), &Value::Object(config))
}
