//! The normalizer and decoder of a SentencePiece vocabulary in `tokenizer.json`, as transformers writes it for Llama 2.

use serde_json::{Value, json};

use super::file::TokenizerJson;
use crate::TokenizerError;
use crate::char_bpe::CharBpe;
use crate::merges::Merges;
use crate::score_bpe::byte_token;
use crate::vocab::{Kind, Vocab};

/// Spaces become U+2581, with one before the text where `prefix` is set.
pub(crate) fn normalizer(prefix: bool) -> Value {
    let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    match prefix {
        true => json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace]}),
        false => replace,
    }
}

/// What [`normalizer`] did is undone, and byte tokens become their bytes.
pub(crate) fn decoder(prefix: bool) -> Value {
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefix {
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    json!({"type": "Sequence", "decoders": decoders})
}

/// Whether the file is of this form: characters and bytes instead of a byte-level alphabet.
pub(super) fn is_form_of(file: &TokenizerJson) -> bool {
    file.model.byte_fallback && file.pre_tokenizer.is_none()
}

/// Whether a space goes before the text. Normalizer and decoder must be those above and agree on it.
pub(super) fn prefix(name: &str, file: &TokenizerJson) -> Result<bool, TokenizerError> {
    let unsupported = |field: &str, value: Option<&Value>, supported: &str| {
        TokenizerError::unsupported(name, field, value.unwrap_or(&Value::Null), supported)
    };
    let known = file.normalizer.as_ref();
    let alone = || json!({"type": "Sequence", "normalizers": [normalizer(false)]});
    let prefix = known == Some(&normalizer(true));
    if !prefix && known != Some(&normalizer(false)) && known != Some(&alone()) {
        let supported = "with byte_fallback only Prepend \"▁\" and Replace \" \" by \"▁\" (Llama 2), or Replace alone";
        return Err(unsupported("normalizer", known, supported));
    }
    if file.decoder.as_ref() != Some(&decoder(prefix)) {
        let supported = match prefix {
            true => "with this normalizer only Replace, ByteFallback, Fuse and Strip of one space",
            false => "with this normalizer only Replace, ByteFallback and Fuse",
        };
        return Err(unsupported("decoder", file.decoder.as_ref(), supported));
    }
    if file.model.ignore_merges {
        return Err(unsupported("model.ignore_merges", Some(&true.into()), "with byte_fallback only false"));
    }
    // Such a token would be looked for with a space before it, and only in part of the places.
    if let Some(at) = file.added_tokens.iter().position(|token| token.normalized) {
        let field = format!("added_tokens[{at}].normalized");
        return Err(unsupported(&field, Some(&true.into()), "with a normalizer only false"));
    }
    Ok(prefix)
}

/// The model, and in the vocabulary which tokens are bytes.
pub(super) fn model(name: &str, vocab: &mut Vocab, merges: Merges, prefix: bool) -> Result<CharBpe, TokenizerError> {
    let model = CharBpe::new(vocab, merges, prefix).map_err(|byte| {
        let message = format!("byte_fallback needs a token for every byte, and {:?} is missing", byte_token(byte));
        TokenizerError::invalid(name, "model.vocab", message)
    })?;
    for byte in 0..=255 {
        if let Some(id) = vocab.id(&byte_token(byte)) {
            vocab.set_kind(id, Kind::Byte);
        }
    }
    Ok(model)
}
