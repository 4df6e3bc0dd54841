//! Which special tokens of a new tokenizer begin, end and fill texts.

use serde_json::{Map, Value};

/// The tokens with a role, each where it has one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenRoles {
    /// Begins a text.
    pub bos: Option<String>,
    /// Ends a text.
    pub eos: Option<String>,
    /// Stands for what has no token.
    pub unk: Option<String>,
    /// Fills a batch.
    pub pad: Option<String>,
}

impl TokenRoles {
    /// The roles of SmolLM2's tokens, as far as `specials` has them: those of a base model, or with a `chat` template those of an
    /// instruct model.
    pub fn of_smollm2(specials: &[String], chat: bool) -> Self {
        let known = |token: &str| specials.iter().find(|special| *special == token).cloned();
        let end = known("<|endoftext|>");
        if chat {
            Self { bos: known("<|im_start|>"), eos: known("<|im_end|>"), unk: end, pad: known("<|im_end|>") }
        } else {
            Self { bos: end.clone(), eos: end.clone(), unk: end, pad: None }
        }
    }

    /// These, and where there is none that of `others`.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            bos: self.bos.or(others.bos),
            eos: self.eos.or(others.eos),
            unk: self.unk.or(others.unk),
            pad: self.pad.or(others.pad),
        }
    }

    /// Names and tokens, as `tokenizer_config.json` has them.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let roles =
            [("bos_token", &self.bos), ("eos_token", &self.eos), ("unk_token", &self.unk), ("pad_token", &self.pad)];
        roles.into_iter().filter_map(|(name, token)| Some((name, token.as_deref()?)))
    }

    /// `special_tokens_map.json`: the roles, and the special tokens without one.
    pub(super) fn map(&self, specials: &[String]) -> Value {
        let mut map: Map<String, Value> = self.named().map(|(name, token)| (name.to_owned(), token.into())).collect();
        let further = specials.iter().filter(|special| self.named().all(|(_, token)| token != special.as_str()));
        map.insert("additional_special_tokens".into(), further.cloned().collect::<Vec<_>>().into());
        map.into()
    }
}
