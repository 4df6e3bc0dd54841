//! Builds a tokenizer from `tokenizer.json`, and refuses what would tokenise differently here than it says.
//!
//! Truncation and padding are read over: they are settings of a call, saved by accident, and transformers resets them
//! for each call too.

mod config;
mod file;
mod model;
mod parts;
pub(crate) mod sentencepiece;

use std::path::Path;

use crate::added::{AddedToken, AddedTokens};
use crate::byte_bpe::{ByteBpe, Unknown};
use crate::merges::Merges;
use crate::pretokenize::{Pattern, PreTokenizer};
use crate::roles::Roles;
use crate::tokenizer::{Model, Tokenizer};
use crate::vocab::{Kind, Vocab};
use crate::{TokenizerError, error};

use file::{AddedTokenJson, TokenizerJson};
use model::ModelJson;

impl Tokenizer {
    /// Reads a `tokenizer.json` and the `tokenizer_config.json` beside it, if there is one. `path` is the file, or the
    /// directory that holds both.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, TokenizerError> {
        let mut path = path.as_ref().to_path_buf();
        if path.is_dir() {
            path.push("tokenizer.json");
        }
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| TokenizerError::Read { path: path.to_path_buf(), source })
        };
        let mut tokenizer = Self::from_json(&read(&path)?, &path.display().to_string())?;
        let config = path.with_file_name("tokenizer_config.json");
        if config.is_file() {
            tokenizer.set_roles_from_config(&read(&config)?, &config.display().to_string())?;
        }
        Ok(tokenizer)
    }

    /// Reads the text of a `tokenizer.json`. `name` is what errors call it.
    ///
    /// Supported: BPE with byte-level pre-tokenizers as SmolLM, SmolLM2, SmolLM3, GPT-2 and Llama 3 have them, and the
    /// SentencePiece form that transformers writes for Llama 2. Anything else that would change ids is an error that names
    /// the field and its value.
    pub fn from_json(bytes: &[u8], name: &str) -> Result<Self, TokenizerError> {
        let text = std::str::from_utf8(bytes).map_err(|e| {
            TokenizerError::invalid(name, format!("byte {}", e.valid_up_to()), "the file is not UTF-8".to_owned())
        })?;
        if u32::try_from(bytes.len()).is_err() {
            return Err(TokenizerError::invalid(name, "size", format!("{} bytes are too many", bytes.len())));
        }
        let mut file: TokenizerJson = serde_json::from_str(text).map_err(|e| TokenizerError::json(name, &e))?;
        file.check(name)?;
        let form = if sentencepiece::is_form_of(&file) {
            Form::Characters { prefix: sentencepiece::prefix(name, &file)? }
        } else {
            let pattern = parts::pattern(name, file.pre_tokenizer.as_ref())?;
            parts::check_byte_level(name, &file)?;
            Form::Bytes(pattern)
        };
        let around = parts::around(name, file.post_processor.as_ref())?;

        let mut vocab = Vocab::new(std::mem::take(&mut file.model.vocab.text), &file.model.vocab.entries)
            .map_err(|message| TokenizerError::invalid(name, "model.vocab", message))?;
        let merges = resolve_merges(name, &file.model, &vocab)?;
        let unknown = match file.model.unk_token.as_deref() {
            None => None,
            Some(token) => {
                Some(Unknown { id: known(name, "model.unk_token", &vocab, token)?, fuse: file.model.fuse_unk })
            }
        };
        let model = match form {
            Form::Bytes(pattern) => {
                let ignore_merges = file.model.ignore_merges;
                Model::Bytes(ByteBpe::new(&vocab, PreTokenizer::new(pattern), merges, ignore_merges, unknown))
            }
            Form::Characters { prefix } => Model::Characters(sentencepiece::model(name, &mut vocab, merges, prefix)?),
        };
        let added = add_tokens(name, file.added_tokens, &mut vocab)?;

        let mut roles = Roles { unk: unknown.map(|u| u.id), ..Roles::default() };
        for (token, role, adds) in
            [(around.before, &mut roles.bos, &mut roles.add_bos), (around.after, &mut roles.eos, &mut roles.add_eos)]
        {
            if let Some((content, id)) = token {
                if vocab.id(&content) != Some(id) {
                    let message = format!("{content:?} is not token {id} of the vocabulary");
                    return Err(TokenizerError::invalid(name, "post_processor.special_tokens", message));
                }
                (*role, *adds) = (Some(id), true);
            }
        }
        Ok(Self { vocab, added, model, roles })
    }
}

/// How the model's tokens spell text.
enum Form {
    /// By an alphabet of bytes, in pieces by a pattern.
    Bytes(Pattern),
    /// By characters and byte tokens, the whole text as one piece.
    Characters {
        /// A space goes before it.
        prefix: bool,
    },
}

/// The id of `token`, which `field` names.
fn known(name: &str, field: &str, vocab: &Vocab, token: &str) -> Result<u32, TokenizerError> {
    vocab.id(token).ok_or_else(|| {
        TokenizerError::invalid(name, field, format!("{:?} is not in the vocabulary", error::shortened(token)))
    })
}

/// Merges as ids. A merge of tokens that are not in the vocabulary, or that makes none, is an error.
fn resolve_merges(name: &str, model: &ModelJson, vocab: &Vocab) -> Result<Merges, TokenizerError> {
    let mut merges = Merges::with_capacity(model.merges.len());
    let (mut buffer, mut guess) = (String::new(), 0);
    for (rank, (left, right)) in (0u32..).zip(model.merges.pairs()) {
        let find = |token: &str| known(name, &format!("model.merges[{rank}]"), vocab, token);
        let (left_id, right_id) = (find(left)?, find(right)?);
        guess = match vocab.joined_id(left, right, guess, &mut buffer) {
            Some(id) => id,
            None => find(&buffer)?,
        };
        merges.insert(left_id, right_id, rank, guess);
    }
    Ok(merges)
}

/// Enters the added tokens into the vocabulary. Their ids must be those that the Python `tokenizers` would give them:
/// it reads over the ids in the file.
fn add_tokens(name: &str, tokens: Vec<AddedTokenJson>, vocab: &mut Vocab) -> Result<AddedTokens, TokenizerError> {
    let in_model = vocab.tokens() as u32;
    let mut next = in_model;
    let mut seen = hashbrown::HashSet::new();
    let mut added = Vec::with_capacity(tokens.len());
    for (index, token) in tokens.into_iter().enumerate() {
        let field = format!("added_tokens[{index}]");
        let invalid = |message: String| TokenizerError::invalid(name, &field, message);
        if token.content.is_empty() {
            return Err(invalid("an added token has no content".to_owned()));
        }
        if !seen.insert(token.content.clone()) {
            return Err(invalid(format!("{:?} is listed twice", error::shortened(&token.content))));
        }
        let kind = if token.special { Kind::Control } else { Kind::UserDefined };
        let expected = vocab.id(&token.content).unwrap_or(next);
        if token.id != expected {
            let content = error::shortened(&token.content);
            return Err(invalid(format!("{content:?} has id {}, but its place is {expected}", token.id)));
        }
        if vocab.id(&token.content).is_none() {
            vocab.add(token.id, &token.content, kind).map_err(invalid)?;
            next += 1;
        } else {
            vocab.set_kind(token.id, kind);
        }
        added.push(AddedToken {
            id: token.id,
            content: token.content,
            special: token.special,
            single_word: token.single_word,
            lstrip: token.lstrip,
            rstrip: token.rstrip,
            normalized: token.normalized,
        });
    }
    AddedTokens::new(added).map_err(|message| TokenizerError::invalid(name, "added_tokens", message))
}
