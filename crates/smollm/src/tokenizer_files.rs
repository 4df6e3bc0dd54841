//! The tokenizer files of a Hugging Face directory, made from a tokenizer: one that a GGUF file carries, or a new one.

use crate::error::Error;
use crate::outputs::{SmallFile, json_file};
use crate::text_parts::{TextParts, special_tokens};
use serde_json::{Map, Value, json};
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::template::ChatTemplate;

/// [`of`] a model; nothing without a tokenizer.
pub(crate) fn made_from(text: &TextParts) -> Result<Vec<SmallFile>, Error> {
    text.tokenizer.as_ref().map_or_else(|| Ok(Vec::new()), |tokenizer| of(tokenizer, text.template.as_ref()))
}

/// `tokenizer.json`, and `tokenizer_config.json` with the chat template, if there is one.
pub(crate) fn of(tokenizer: &Tokenizer, template: Option<&ChatTemplate>) -> Result<Vec<SmallFile>, Error> {
    let mut config = Map::new();
    config.insert("add_bos_token".into(), tokenizer.add_bos().into());
    config.insert("add_eos_token".into(), tokenizer.add_eos().into());
    for (name, token) in special_tokens(Some(tokenizer)) {
        config.insert(name, token.into());
    }
    if let Some(template) = template {
        config.insert("chat_template".into(), template.source().into());
    }
    config.insert("clean_up_tokenization_spaces".into(), false.into());
    config.insert("tokenizer_class".into(), json!("PreTrainedTokenizerFast"));
    Ok(vec![
        json_file("tokenizer.json", &tokenizer.to_json()?),
        json_file("tokenizer_config.json", &Value::Object(config)),
    ])
}
