//! A tokenizer from the vocabulary of a GGUF file (`tokenizer.ggml.*`).
//!
//! Kinds and tags are those of llama.cpp. Two things follow the Python `tokenizers` instead, so that a model gives the
//! same ids from either file: bytes that a `gpt2` vocabulary lacks are dropped before merging, and `smaug-bpe` takes a
//! piece that is a token as that token (`ignore_merges`, which SmolLM3 sets and llama.cpp leaves out under this tag).

use crate::TokenizerError;
use crate::added::{AddedToken, AddedTokens};
use crate::byte_bpe::ByteBpe;
use crate::error::shortened;
use crate::merges::Merges;
use crate::pretokenize::{Pattern, PreTokenizer};
use crate::roles::Roles;
use crate::score_bpe::{ScoreBpe, token_byte};
use crate::tokenizer::{Model, Tokenizer};
use crate::vocab::{Kind, Vocab};

/// The vocabulary of a GGUF file: the values of the keys `tokenizer.ggml.*`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GgufVocab {
    /// `model`: `gpt2` (byte-level BPE) or `llama` (SentencePiece BPE).
    pub model: String,
    /// `pre`: which pre-tokenizer a `gpt2` vocabulary has.
    pub pre: Option<String>,
    /// `tokens`, in the order of their ids.
    pub tokens: Vec<String>,
    /// `scores`, one per token.
    pub scores: Option<Vec<f32>>,
    /// `token_type`, one per token: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
    pub token_types: Option<Vec<i32>>,
    /// `merges`, each two tokens with a space between.
    pub merges: Option<Vec<String>>,
    /// `bos_token_id`.
    pub bos: Option<u32>,
    /// `eos_token_id`.
    pub eos: Option<u32>,
    /// `unknown_token_id`.
    pub unk: Option<u32>,
    /// `padding_token_id`.
    pub pad: Option<u32>,
    /// `add_bos_token`.
    pub add_bos: Option<bool>,
    /// `add_eos_token`.
    pub add_eos: Option<bool>,
    /// `add_space_prefix`.
    pub add_space_prefix: Option<bool>,
}

/// What errors call the file.
const NAME: &str = "tokenizer.ggml";

/// A pre-tokenizer tag: its pattern, whether a piece that is a token is that token, and whether BOS is added by default.
pub(crate) struct PreTag {
    pub(crate) tag: &'static str,
    pub(crate) pattern: Pattern,
    pub(crate) ignore_merges: bool,
    pub(crate) add_bos: bool,
}

/// The tags whose pattern is exactly one of ours. The first that fits is written.
pub(crate) const PRE_TAGS: [PreTag; 4] = [
    PreTag { tag: "smollm", pattern: Pattern::Gpt2Digits, ignore_merges: false, add_bos: false },
    PreTag { tag: "gpt-2", pattern: Pattern::Gpt2, ignore_merges: false, add_bos: false },
    PreTag { tag: "smaug-bpe", pattern: Pattern::Llama3, ignore_merges: true, add_bos: false },
    PreTag { tag: "llama-bpe", pattern: Pattern::Llama3, ignore_merges: true, add_bos: true },
];

impl Tokenizer {
    /// Builds the tokenizer of a GGUF file.
    pub fn from_gguf(gguf: GgufVocab) -> Result<Self, TokenizerError> {
        let (mut vocab, added) = vocab(&gguf)?;
        let mut roles = roles(&gguf, vocab.len())?;
        let model = match gguf.model.as_str() {
            "gpt2" => {
                let tag = pre_tag(gguf.pre.as_deref())?;
                roles.add_bos = gguf.add_bos.unwrap_or(tag.add_bos);
                let merges = merges(gguf.merges.as_deref(), &vocab)?;
                for token in &added {
                    vocab.put_outside(token.id);
                }
                let pretokenizer = PreTokenizer::new(tag.pattern);
                Model::Bytes(ByteBpe::new(&vocab, pretokenizer, merges, tag.ignore_merges, None))
            }
            "llama" => {
                roles.add_bos = gguf.add_bos.unwrap_or(true);
                let scores = scores(gguf.scores, vocab.len())?;
                let model = ScoreBpe::new(&vocab, scores, gguf.add_space_prefix.unwrap_or(true));
                Model::Scores(model.map_err(|byte| {
                    let message = format!(
                        "a vocabulary of kind llama needs a token for every byte, and <0x{byte:02X}> is missing"
                    );
                    invalid("tokens", message)
                })?)
            }
            other => return Err(TokenizerError::unsupported(NAME, "model", quoted(other), "only gpt2 and llama")),
        };
        for (field, adds, token) in
            [("add_bos_token", roles.add_bos, roles.bos), ("add_eos_token", roles.add_eos, roles.eos)]
        {
            if adds && token.is_none() {
                return Err(invalid(field, "the token to add is not named".to_owned()));
            }
        }
        let added = AddedTokens::new(added).map_err(|message| invalid("tokens", message))?;
        Ok(Self { vocab, added, model, roles })
    }
}

fn invalid(field: &str, message: String) -> TokenizerError {
    TokenizerError::invalid(NAME, field, message)
}

fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text))
}

/// The tokens with their kinds, and those that are found in text before merging.
fn vocab(gguf: &GgufVocab) -> Result<(Vocab, Vec<AddedToken>), TokenizerError> {
    let count = gguf.tokens.len();
    if let Some(types) = gguf.token_types.as_ref().filter(|types| types.len() != count) {
        return Err(invalid("token_type", format!("{} types for {count} tokens", types.len())));
    }
    let total: usize = gguf.tokens.iter().map(String::len).sum();
    if u32::try_from(total).is_err() || u32::try_from(count).is_err() {
        return Err(invalid("tokens", format!("{count} tokens of {total} bytes are too many")));
    }
    let mut text = String::with_capacity(total);
    let mut entries = Vec::with_capacity(count);
    for (id, token) in (0u32..).zip(&gguf.tokens) {
        let start = text.len() as u32;
        text.push_str(token);
        // An empty token is a hole: nothing is spelled like it.
        if !token.is_empty() {
            entries.push((start, text.len() as u32, id));
        }
    }
    let mut vocab = Vocab::new(text, &entries).map_err(|message| invalid("tokens", message))?;
    let mut added = Vec::new();
    for (id, token) in (0u32..).zip(&gguf.tokens).filter(|(_, token)| !token.is_empty()) {
        let number = gguf.token_types.as_ref().map(|types| types[id as usize]);
        let kind = match number {
            // 0 is "undefined"; without types only the spelling can tell.
            None | Some(0) if gguf.model == "llama" && token_byte(token).is_some() => Kind::Byte,
            None | Some(0 | 1) => Kind::Normal,
            Some(2) => Kind::Unknown,
            Some(3) => Kind::Control,
            Some(4) => Kind::UserDefined,
            Some(5) => Kind::Unused,
            Some(6) if gguf.model != "llama" || token_byte(token).is_some() => Kind::Byte,
            Some(other) => {
                let field = format!("token_type[{id}]");
                let supported = format!("1 to 6, and 6 only for <0x00> to <0xFF>; the token is {}", quoted(token));
                return Err(TokenizerError::unsupported(NAME, field, other, supported));
            }
        };
        vocab.set_kind(id, kind);
        if matches!(kind, Kind::Unknown | Kind::Control | Kind::UserDefined) {
            added.push(AddedToken::plain(id, token.clone(), kind != Kind::UserDefined));
        }
    }
    Ok((vocab, added))
}

fn roles(gguf: &GgufVocab, size: usize) -> Result<Roles, TokenizerError> {
    let role = |field: &str, id: Option<u32>| match id {
        Some(id) if id as usize >= size => Err(invalid(field, format!("id {id} is beyond the {size} tokens"))),
        _ => Ok(id),
    };
    Ok(Roles {
        bos: role("bos_token_id", gguf.bos)?,
        eos: role("eos_token_id", gguf.eos)?,
        unk: role("unknown_token_id", gguf.unk)?,
        pad: role("padding_token_id", gguf.pad)?,
        add_bos: false,
        add_eos: gguf.add_eos.unwrap_or(false),
    })
}

fn pre_tag(tag: Option<&str>) -> Result<&'static PreTag, TokenizerError> {
    let tag = tag.ok_or_else(|| {
        let message = "the key is missing, so how text is split is not known; convert the model again".to_owned();
        invalid("pre", message)
    })?;
    // Older names of the Llama 3 tag.
    let known = if matches!(tag, "llama3" | "llama-v3") { "llama-bpe" } else { tag };
    PRE_TAGS.iter().find(|pre| pre.tag == known).ok_or_else(|| {
        let tags = PRE_TAGS.map(|pre| pre.tag).join(", ");
        TokenizerError::unsupported(NAME, "pre", quoted(tag), format!("only {tags}"))
    })
}

fn merges(list: Option<&[String]>, vocab: &Vocab) -> Result<Merges, TokenizerError> {
    let list = list.ok_or_else(|| invalid("merges", "the key is missing".to_owned()))?;
    let mut merges = Merges::with_capacity(list.len());
    let (mut buffer, mut guess) = (String::new(), 0);
    for (rank, merge) in (0u32..).zip(list) {
        let wrong = |what: String| invalid(&format!("merges[{rank}]"), format!("{} {what}", quoted(merge)));
        // A token may begin with a space but not hold one elsewhere, as llama.cpp reads it.
        let space = merge.bytes().skip(1).position(|b| b == b' ').map(|at| at + 1);
        let (left, right) = space
            .map(|at| (&merge[..at], &merge[at + 1..]))
            .ok_or_else(|| wrong("is not two tokens with a space between".to_owned()))?;
        let find = |token: &str| vocab.id(token).ok_or_else(|| wrong(format!("names {}, no token", quoted(token))));
        let (left_id, right_id) = (find(left)?, find(right)?);
        guess = match vocab.joined_id(left, right, guess, &mut buffer) {
            Some(id) => id,
            None => find(&buffer)?,
        };
        merges.insert(left_id, right_id, rank, guess);
    }
    Ok(merges)
}

fn scores(scores: Option<Vec<f32>>, count: usize) -> Result<Vec<f32>, TokenizerError> {
    let scores = scores.ok_or_else(|| invalid("scores", "a vocabulary of kind llama needs them".to_owned()))?;
    if scores.len() != count {
        return Err(invalid("scores", format!("{} scores for {count} tokens", scores.len())));
    }
    match scores.iter().position(|score| score.is_nan()) {
        Some(at) => Err(invalid("scores", format!("the score of token {at} is not a number"))),
        None => Ok(scores),
    }
}
