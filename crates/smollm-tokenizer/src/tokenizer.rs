//! The tokenizer: text to ids and back, whatever file it came from.

use std::borrow::Cow;
use std::fmt;

use crate::added::{AddedTokens, Part};
use crate::byte_alphabet::unspell;
use crate::byte_bpe::ByteBpe;
use crate::char_bpe::CharBpe;
use crate::roles::Roles;
use crate::score_bpe::{SPACE, ScoreBpe, token_byte};
use crate::vocab::{Kind, Vocab};

/// What the text of a special token (`<|im_start|>`) in the input means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Specials {
    /// The token: for templates and for text that is trusted.
    Parse,
    /// The characters that it is written with: for text of users.
    AsText,
}

/// A tokenizer, read from `tokenizer.json` or from the metadata of a GGUF file.
///
/// Encoding gives the ids that the Python `tokenizers` gives for the same file, without what its post-processor adds
/// (see [`Self::add_bos`]). It can be used from many threads at once.
pub struct Tokenizer {
    pub(crate) vocab: Vocab,
    pub(crate) added: AddedTokens,
    pub(crate) model: Model,
    pub(crate) roles: Roles,
}

/// How text without added tokens becomes ids.
pub(crate) enum Model {
    Bytes(ByteBpe),
    Scores(ScoreBpe),
    Characters(CharBpe),
}

impl Tokenizer {
    /// The ids of `text`. Nothing is added before or after it.
    ///
    /// Bytes that the vocabulary does not have leave no trace, as in the Python `tokenizers`: SmolLM and SmolLM2 lack
    /// six control characters and what spells planes 4 to 16 of Unicode.
    pub fn encode(&self, text: &str, specials: Specials) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 4 + 1);
        match &self.model {
            Model::Bytes(model) => {
                let mut scratch = model.take_scratch();
                self.added.split(text, specials, &mut |part| match part {
                    Part::Text(text) => model.encode(&self.vocab, text, &mut scratch, &mut ids),
                    Part::Token(id) => ids.push(id),
                });
                model.give_scratch(scratch);
            }
            Model::Scores(model) => {
                let mut opens = true;
                self.added.split(text, specials, &mut |part| match part {
                    Part::Text(text) => {
                        model.encode(&self.vocab, text, opens, &mut ids);
                        opens = false;
                    }
                    Part::Token(id) => {
                        ids.push(id);
                        opens = true;
                    }
                });
            }
            Model::Characters(model) => self.added.split(text, specials, &mut |part| match part {
                Part::Text(text) => model.encode(&self.vocab, text, &mut ids),
                Part::Token(id) => ids.push(id),
            }),
        }
        ids
    }

    /// The text of `ids`; with `skip_special` without special tokens. Ids beyond the vocabulary have no text.
    ///
    /// Bytes that are no UTF-8 become U+FFFD as in [`String::from_utf8_lossy`]. Where encoding puts a space before the
    /// text (SentencePiece), one space is taken away at the beginning.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> String {
        let mut bytes = Vec::with_capacity(4 * ids.len());
        let known = ids.iter().copied().filter(|&id| (id as usize) < self.vocab_size());
        let mut shown = known.filter(|&id| !(skip_special && self.is_special(id)));
        if let Some(first) = shown.next() {
            self.append_bytes(first, &mut bytes);
            if self.strips_first_space() && bytes.first() == Some(&b' ') {
                bytes.remove(0);
            }
        }
        for id in shown {
            self.append_bytes(id, &mut bytes);
        }
        String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
    }

    /// Whether decoding takes away a space before the first token, because encoding put one there.
    pub fn strips_first_space(&self) -> bool {
        match &self.model {
            Model::Bytes(_) => false,
            Model::Scores(model) => model.add_space_prefix,
            Model::Characters(model) => model.add_space_prefix,
        }
    }

    /// The bytes that `id` stands for in decoded text: they need not be UTF-8 on their own. Empty for an id without a
    /// token, `None` beyond the vocabulary.
    pub fn token_bytes(&self, id: u32) -> Option<Cow<'_, [u8]>> {
        let spelling = self.vocab.get(id)?;
        let kind = self.vocab.kind(id)?;
        let mut bytes = Vec::with_capacity(spelling.len());
        match &self.model {
            // Special or not, as the Python `tokenizers` decodes. What the alphabet of bytes cannot spell is its own text.
            Model::Bytes(_) if unspell(spelling, &mut bytes) => Some(Cow::Owned(bytes)),
            Model::Scores(_) if kind == Kind::Byte => Some(Cow::Owned(token_byte(spelling).into_iter().collect())),
            Model::Scores(_) if matches!(kind, Kind::Normal | Kind::Unused) && spelling.contains(SPACE) => {
                Some(Cow::Owned(spelling.replace(SPACE, " ").into()))
            }
            // Special or not, as the Python `tokenizers` decodes.
            Model::Characters(_) if let Some(byte) = token_byte(spelling) => Some(Cow::Owned(vec![byte])),
            Model::Characters(_) if spelling.contains(SPACE) => Some(Cow::Owned(spelling.replace(SPACE, " ").into())),
            _ => Some(Cow::Borrowed(spelling.as_bytes())),
        }
    }

    fn append_bytes(&self, id: u32, out: &mut Vec<u8>) {
        if let Some(bytes) = self.token_bytes(id) {
            out.extend_from_slice(&bytes);
        }
    }

    /// How the vocabulary spells `id` (`Ġthe`, `▁the`, `<|im_end|>`); `None` for an id without a token.
    pub fn token_str(&self, id: u32) -> Option<&str> {
        self.vocab.get(id).filter(|spelling| !spelling.is_empty())
    }

    /// The id that the vocabulary spells `token`.
    pub fn id_of(&self, token: &str) -> Option<u32> {
        self.vocab.id(token)
    }

    /// The highest id and one. The model may have more rows than that.
    pub fn vocab_size(&self) -> usize {
        self.vocab.len()
    }

    /// Whether `id` is a special token: found only with [`Specials::Parse`], left out by `skip_special`.
    pub fn is_special(&self, id: u32) -> bool {
        matches!(self.vocab.kind(id), Some(Kind::Control | Kind::Unknown))
    }

    /// The token that begins a text.
    pub fn bos(&self) -> Option<u32> {
        self.roles.bos
    }

    /// The token that ends a text.
    pub fn eos(&self) -> Option<u32> {
        self.roles.eos
    }

    /// The token for what has no other.
    pub fn unk(&self) -> Option<u32> {
        self.roles.unk
    }

    /// The token that fills a batch.
    pub fn pad(&self) -> Option<u32> {
        self.roles.pad
    }

    /// Whether a model expects [`Self::bos`] before the text. [`Self::encode`] does not add it; a chat template writes
    /// its own.
    pub fn add_bos(&self) -> bool {
        self.roles.add_bos
    }

    /// Whether a model expects [`Self::eos`] after the text.
    pub fn add_eos(&self) -> bool {
        self.roles.add_eos
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer")
            .field("vocab_size", &self.vocab_size())
            .field("added", &self.added.tokens().len())
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}
