//! The roles in `tokenizer_config.json`.

use serde_json::Value;

use crate::tokenizer::Tokenizer;
use crate::{TokenizerError, error};

impl Tokenizer {
    /// Takes the roles `bos_token`, `eos_token`, `unk_token` and `pad_token` from the text of a
    /// `tokenizer_config.json`; a role that it leaves out or sets to null stays as it was.
    ///
    /// Whether a token is put before the text is decided by `tokenizer.json` alone, as in transformers, which reads over
    /// `add_bos_token` here. Added tokens that `tokenizer.json` does not have are an error: they would have to be found
    /// in text.
    pub fn set_roles_from_config(&mut self, bytes: &[u8], name: &str) -> Result<(), TokenizerError> {
        let config: Value = serde_json::from_slice(bytes).map_err(|e| TokenizerError::json(name, &e))?;
        for (id, token) in config.get("added_tokens_decoder").and_then(Value::as_object).into_iter().flatten() {
            let content = content(token);
            if content.is_none_or(|content| id.parse().ok() != self.id_of(content)) {
                let field = format!("added_tokens_decoder.{}", error::shortened(id));
                return Err(TokenizerError::unsupported(name, field, token, "only tokens of tokenizer.json"));
            }
        }
        let mut roles = self.roles;
        for (field, role) in [
            ("bos_token", &mut roles.bos),
            ("eos_token", &mut roles.eos),
            ("unk_token", &mut roles.unk),
            ("pad_token", &mut roles.pad),
        ] {
            let Some(value) = config.get(field).filter(|v| !v.is_null()) else { continue };
            let Some(content) = content(value) else {
                return Err(TokenizerError::unsupported(name, field, value, "only a token or null"));
            };
            let Some(id) = self.id_of(content) else {
                let message = format!("{:?} is not in the vocabulary", error::shortened(content));
                return Err(TokenizerError::invalid(name, field, message));
            };
            *role = Some(id);
        }
        let adds = |adds: bool, before: Option<u32>, now: Option<u32>| adds && before != now;
        for (field, differs) in [
            ("bos_token", adds(roles.add_bos, self.roles.bos, roles.bos)),
            ("eos_token", adds(roles.add_eos, self.roles.eos, roles.eos)),
        ] {
            if differs {
                let message = "tokenizer.json puts another token around the text";
                return Err(TokenizerError::invalid(name, field, message));
            }
        }
        self.roles = roles;
        Ok(())
    }
}

/// A token as a string or as an object with a `content`.
fn content(token: &Value) -> Option<&str> {
    token.as_str().or_else(|| token.get("content")?.as_str())
}
