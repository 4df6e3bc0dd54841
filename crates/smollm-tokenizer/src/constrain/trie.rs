//! The tokens of a vocabulary by their bytes, as grammars need them.

use std::sync::Arc;

use toktrie::{TokRxInfo, TokTrie, TokenId, TokenizerEnv};

use crate::tokenizer::Model;
use crate::{Specials, Tokenizer};

/// A tokenizer with its tokens in a tree of bytes. One more token than the vocabulary has stands for the end of the text.
pub(super) struct TokenTrie {
    tokenizer: Arc<Tokenizer>,
    trie: TokTrie,
}

impl TokenTrie {
    pub(super) fn new(tokenizer: Arc<Tokenizer>) -> Self {
        let end = tokenizer.vocab_size() as u32;
        let words: Vec<Vec<u8>> = (0..end).map(|id| word(&tokenizer, id)).chain([special("<|end of text|>")]).collect();
        let info = TokRxInfo {
            vocab_size: end + 1,
            tok_eos: end,
            tok_bos: None,
            tok_pad: None,
            tok_unk: None,
            tok_end_of_turn: None,
        };
        Self { tokenizer, trie: TokTrie::from(&info, &words) }
    }
}

/// What a token stands for in text. Special tokens are marked, so that no text spells them.
fn word(tokenizer: &Tokenizer, id: u32) -> Vec<u8> {
    match tokenizer.token_bytes(id) {
        Some(_) if tokenizer.is_special(id) => special(tokenizer.token_str(id).unwrap_or_default()),
        // the marker itself is no part of any UTF-8
        Some(bytes) if bytes.contains(&TokTrie::SPECIAL_TOKEN_MARKER) => Vec::new(),
        Some(bytes) => bytes.into_owned(),
        None => Vec::new(),
    }
}

fn special(spelling: &str) -> Vec<u8> {
    let mut word = vec![TokTrie::SPECIAL_TOKEN_MARKER];
    word.extend_from_slice(spelling.as_bytes());
    word
}

impl TokenizerEnv for TokenTrie {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        let ids = self.trie.tokenize_with_greedy_fallback(bytes, |text| self.tokenizer.encode(text, Specials::AsText));
        // what the vocabulary cannot spell is left out by `encode`, and must not be here
        match self.trie.decode_raw(&ids) == bytes {
            true => ids,
            false => self.trie.greedy_tokenize(bytes),
        }
    }

    /// Where text is cut into tokens without regard to what is before it, as byte-level vocabularies do, the tokens of forced
    /// text are known. SentencePiece puts a space before a text.
    fn tokenize_is_canonical(&self) -> bool {
        matches!(self.tokenizer.model, Model::Bytes(_))
    }
}
