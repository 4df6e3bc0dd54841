//! The tokens there are so far: special tokens, bytes, and what merges made.

use hashbrown::HashMap;

use super::TrainError;
use crate::TokenizerError;
use crate::added::{AddedToken, AddedTokens};
use crate::byte_alphabet::{byte_to_char, spell, unspell};
use crate::byte_bpe::ByteBpe;
use crate::merges::{MISSING, Merges};
use crate::pretokenize::PreTokenizer;
use crate::roles::Roles;
use crate::tokenizer::{Model, Tokenizer};
use crate::vocab::{Kind, Vocab};

/// The name of what is being made, in errors that would be mistakes of this program.
const NAME: &str = "the trained tokenizer";

/// Tokens by id and by the bytes that they stand for.
pub(super) struct Vocabulary {
    /// As the vocabulary spells them.
    spelled: Vec<String>,
    /// The bytes of each token; those of a special token that no bytes are spelled like are empty.
    bytes: Vec<Box<[u8]>>,
    by_bytes: HashMap<Box<[u8]>, u32>,
    byte_ids: [u32; 256],
}

impl Vocabulary {
    /// Special tokens, then bytes in the order of their spellings; of the bytes only those that were `seen`, where that is given.
    pub(super) fn new(specials: &[String], seen: Option<&[bool; 256]>) -> Self {
        let mut vocabulary =
            Self { spelled: Vec::new(), bytes: Vec::new(), by_bytes: HashMap::new(), byte_ids: [MISSING; 256] };
        for special in specials {
            let mut bytes = Vec::new();
            unspell(special, &mut bytes);
            vocabulary.push(special.clone(), bytes.into());
        }
        let mut bytes: Vec<u8> = (0..=255).filter(|&byte| seen.is_none_or(|seen| seen[usize::from(byte)])).collect();
        bytes.sort_unstable_by_key(|&byte| byte_to_char(byte));
        for byte in bytes {
            vocabulary.byte_ids[usize::from(byte)] = vocabulary.push(byte_to_char(byte).into(), [byte].into());
        }
        vocabulary
    }

    fn push(&mut self, spelled: String, bytes: Box<[u8]>) -> u32 {
        let id = self.spelled.len() as u32;
        if !bytes.is_empty() {
            self.by_bytes.insert(bytes.clone(), id);
        }
        self.spelled.push(spelled);
        self.bytes.push(bytes);
        id
    }

    /// How many tokens there are.
    pub(super) fn len(&self) -> usize {
        self.spelled.len()
    }

    /// The id of each byte that has one.
    pub(super) fn byte_ids(&self) -> &[u32; 256] {
        &self.byte_ids
    }

    /// How many bytes a token stands for.
    pub(super) fn length(&self, id: u32) -> usize {
        self.bytes[id as usize].len()
    }

    /// The token that stands for both together: one that there is, or a new one.
    pub(super) fn merged(&mut self, left: u32, right: u32) -> u32 {
        let bytes = [&*self.bytes[left as usize], &*self.bytes[right as usize]].concat();
        match self.by_bytes.get(&*bytes) {
            Some(&id) => id,
            None => {
                let mut spelled = String::with_capacity(2 * bytes.len());
                spell(&bytes, &mut spelled);
                self.push(spelled, bytes.into())
            }
        }
    }

    /// The tokenizer with these tokens and merges, in their order.
    pub(super) fn into_tokenizer(
        self,
        merges: &[(u32, u32, u32)],
        pretokenizer: PreTokenizer,
        specials: &[String],
    ) -> Result<Tokenizer, TrainError> {
        let invalid = |field: &str, message: String| TokenizerError::invalid(NAME, field, message);
        let (mut text, mut entries) = (String::new(), Vec::with_capacity(self.spelled.len()));
        for (id, spelled) in (0..).zip(&self.spelled) {
            let start = text.len();
            text.push_str(spelled);
            let place = |at: usize| u32::try_from(at).map_err(|_| invalid("model.vocab", "is too large".to_owned()));
            entries.push((place(start)?, place(text.len())?, id));
        }
        let mut vocab = Vocab::new(text, &entries).map_err(|message| invalid("model.vocab", message))?;
        let mut by_pair = Merges::with_capacity(merges.len());
        for (rank, &(left, right, merged)) in (0..).zip(merges) {
            by_pair.insert(left, right, rank, merged);
        }
        let added: Vec<AddedToken> =
            (0..).zip(specials).map(|(id, special)| AddedToken::plain(id, special.clone(), true)).collect();
        added.iter().for_each(|token| vocab.set_kind(token.id, Kind::Control));
        let added = AddedTokens::new(added).map_err(|message| invalid("added_tokens", message))?;
        let model = Model::Bytes(ByteBpe::new(&vocab, pretokenizer, by_pair, false, None));
        Ok(Tokenizer { vocab, added, model, roles: Roles::default() })
    }
}
