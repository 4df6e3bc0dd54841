//! Log-probabilities as OpenAI words them, in the chat and in the older form.

use serde::Serialize;
use serde_json::{Map, Value};
use smollm_engine::Token;
use smollm_tokenizer::Tokenizer;
use utoipa::ToSchema;

/// What JSON has no word for: OpenAI, too, says -9999 for a token that is as good as impossible.
const IMPOSSIBLE: f32 = -9999.0;

/// The form of chats.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ChatLogprobs {
    pub(crate) content: Vec<ChatToken>,
    /// Always null: no refusals are told apart.
    refusal: Option<Vec<ChatToken>>,
}

/// A token, and the likeliest in its place.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatToken {
    id: u32,
    token: String,
    logprob: f32,
    bytes: Vec<u8>,
    top_logprobs: Vec<TopToken>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TopToken {
    id: u32,
    token: String,
    logprob: f32,
    bytes: Vec<u8>,
}

/// The form of completions: four lists of equal length.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Logprobs {
    tokens: Vec<String>,
    /// The first of an echoed prompt has none.
    token_logprobs: Vec<Option<f32>>,
    #[schema(value_type = Vec<Option<std::collections::BTreeMap<String, f32>>>)]
    top_logprobs: Vec<Option<Map<String, Value>>>,
    /// Where each begins in prompt and answer together, in characters.
    text_offset: Vec<usize>,
}

fn finite(logprob: f32) -> f32 {
    if logprob.is_finite() { logprob } else { IMPOSSIBLE }
}

/// The bytes of a token; special tokens are spelled.
fn bytes(tokenizer: &Tokenizer, id: u32) -> Vec<u8> {
    tokenizer.token_bytes(id).map(|bytes| bytes.into_owned()).unwrap_or_default()
}

impl ChatLogprobs {
    /// Of these tokens.
    pub(crate) fn of(tokenizer: &Tokenizer, tokens: &[Token]) -> Self {
        let text = |id| String::from_utf8_lossy(&bytes(tokenizer, id)).into_owned();
        let entry = |token: &Token| ChatToken {
            id: token.id,
            token: text(token.id),
            logprob: finite(token.logprob.unwrap_or(f32::NAN)),
            bytes: bytes(tokenizer, token.id),
            top_logprobs: token
                .top
                .iter()
                .map(|&(id, logprob)| TopToken {
                    id,
                    token: text(id),
                    logprob: finite(logprob),
                    bytes: bytes(tokenizer, id),
                })
                .collect(),
        };
        Self { content: tokens.iter().map(entry).collect(), refusal: None }
    }
}

impl Logprobs {
    /// A token without a probability, as the first of a prompt.
    pub(crate) fn push_first(&mut self, tokenizer: &Tokenizer, id: u32, offset: usize) {
        self.tokens.push(spelled(tokenizer, id));
        self.token_logprobs.push(None);
        self.top_logprobs.push(None);
        self.text_offset.push(offset);
    }

    /// The next token, which begins at character `offset`.
    pub(crate) fn push(&mut self, tokenizer: &Tokenizer, token: &Token, offset: usize) {
        let logprob = finite(token.logprob.unwrap_or(f32::NAN));
        // two tokens may be spelled alike: the likelier one, which comes first, stays
        let mut top = Map::new();
        for &(id, logprob) in &token.top {
            top.entry(spelled(tokenizer, id)).or_insert_with(|| finite(logprob).into());
        }
        let own = spelled(tokenizer, token.id);
        if !token.top.is_empty() {
            top.entry(own.clone()).or_insert_with(|| logprob.into());
        }
        self.tokens.push(own);
        self.token_logprobs.push(Some(logprob));
        self.top_logprobs.push((!top.is_empty()).then_some(top));
        self.text_offset.push(offset);
    }
}

/// The text of a token; bytes that are no characters on their own as OpenAI writes them, `bytes:\xe2\x82`.
fn spelled(tokenizer: &Tokenizer, id: u32) -> String {
    let bytes = bytes(tokenizer, id);
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => error.as_bytes().iter().fold("bytes:".to_owned(), |text, byte| format!("{text}\\x{byte:02x}")),
    }
}

/// Characters of the text of some tokens, one after the other: where each begins.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    /// Characters that are complete, and the bytes of one that is not.
    characters: usize,
    begun: Vec<u8>,
}

impl Offsets {
    /// Begins after so many characters.
    pub(crate) fn from(characters: usize) -> Self {
        Self { characters, begun: Vec::new() }
    }

    /// Where the next token begins.
    pub(crate) fn next(&mut self, tokenizer: &Tokenizer, id: u32, shown: bool) -> usize {
        let at = self.characters;
        if shown {
            self.begun.extend(bytes(tokenizer, id));
            let whole = match std::str::from_utf8(&self.begun) {
                Ok(text) => Some(text.chars().count()),
                Err(error) if error.error_len().is_none() => None, // more bytes may complete it
                Err(_) => Some(String::from_utf8_lossy(&self.begun).chars().count()),
            };
            if let Some(characters) = whole {
                self.characters += characters;
                self.begun.clear();
            }
        }
        at
    }
}
