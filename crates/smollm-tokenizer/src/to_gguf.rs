//! The vocabulary that a GGUF file of this tokenizer carries.

use crate::TokenizerError;
use crate::byte_bpe::ByteBpe;
use crate::char_bpe::CharBpe;
use crate::error::shortened;
use crate::gguf::{GgufVocab, PRE_TAGS, PreTag};
use crate::score_bpe::token_byte;
use crate::score_merges::{merges_of_scores, scores_of_merges, used_merges};
use crate::tokenizer::{Model, Tokenizer};
use crate::vocab::{Kind, Vocab};

impl Tokenizer {
    /// The vocabulary for a GGUF file, as llama.cpp expects it. Ids without a token become `[PAD<id>]`, unused.
    ///
    /// An error where [`Self::from_gguf`] would give other ids: a flag of an added token that GGUF cannot say, or a
    /// pre-tokenizer without a tag.
    pub fn to_gguf(&self) -> Result<GgufVocab, TokenizerError> {
        let mut gguf = GgufVocab {
            bos: self.roles.bos,
            eos: self.roles.eos,
            unk: self.roles.unk,
            pad: self.roles.pad,
            add_bos: Some(self.roles.add_bos),
            add_eos: Some(self.roles.add_eos),
            add_space_prefix: Some(false),
            ..GgufVocab::default()
        };
        for token in self.added.tokens() {
            for (flag, set) in [("single_word", token.single_word), ("lstrip", token.lstrip), ("rstrip", token.rstrip)]
            {
                if set {
                    let reason = format!("the added token {:?} is {flag}", shortened(&token.content));
                    return Err(TokenizerError::no_gguf_form(reason));
                }
            }
        }
        if let Some((first, second)) = self.added.overlap_of_passes() {
            let (first, second) = (shortened(first), shortened(second));
            let reason = format!("{first:?} is found before {second:?}, which is normalized, and their texts overlap");
            return Err(TokenizerError::no_gguf_form(reason));
        }
        let (tokens, types) = self.spelled();
        (gguf.tokens, gguf.token_types) = (tokens, Some(types));
        match &self.model {
            Model::Bytes(model) => {
                if model.replaces_bytes() {
                    let reason = "model.unk_token stands for bytes that the vocabulary lacks";
                    return Err(TokenizerError::no_gguf_form(reason));
                }
                gguf.model = "gpt2".to_owned();
                gguf.pre = Some(self.pre_tag(model)?.tag.to_owned());
                gguf.merges = Some(spelled_merges(model, &self.vocab)?);
            }
            Model::Scores(model) => {
                gguf.model = "llama".to_owned();
                gguf.pre = Some("default".to_owned());
                gguf.scores = Some(model.scores.clone());
                gguf.add_space_prefix = Some(model.add_space_prefix);
            }
            Model::Characters(model) => {
                gguf.model = "llama".to_owned();
                gguf.pre = Some("default".to_owned());
                gguf.add_space_prefix = Some(model.add_space_prefix);
                self.score(model, &mut gguf)?;
            }
        }
        Ok(gguf)
    }

    /// Every id's spelling and type.
    fn spelled(&self) -> (Vec<String>, Vec<i32>) {
        (0..self.vocab.len() as u32)
            .map(|id| match (self.vocab.spelled(id), self.vocab.kind(id)) {
                ("", _) | (_, None) => (format!("[PAD{id}]"), Kind::Unused as i32),
                (spelling, Some(kind)) => (spelling.to_owned(), kind as i32),
            })
            .unzip()
    }

    /// Gives the tokens scores in the order of the merges, and makes sure that they say the same.
    fn score(&self, model: &CharBpe, gguf: &mut GgufVocab) -> Result<(), TokenizerError> {
        if let Some(reason) = self.ambiguous_piece() {
            return Err(TokenizerError::no_gguf_form(reason));
        }
        let is_byte = |id: u32| token_byte(self.vocab.spelled(id)).is_some();
        if let Some((left, right)) = model.merges.in_order().into_iter().find(|m| is_byte(m.0) || is_byte(m.1)) {
            let [left, right] = [left, right].map(|id| shortened(self.vocab.spelled(id)));
            return Err(TokenizerError::no_gguf_form(format!("the merge of {left:?} and {right:?} is one of bytes")));
        }
        let merges = used_merges(&self.vocab, model);
        gguf.scores = scores_of_merges(&self.vocab, &merges);
        if gguf.scores.is_none() {
            return Err(TokenizerError::no_gguf_form("it has more tokens than there are exact scores"));
        }
        if let (Some(types), Some(unk)) = (&mut gguf.token_types, self.roles.unk.filter(|&unk| self.is_special(unk))) {
            types[unk as usize] = Kind::Unknown as i32;
        }
        let again = Self::from_gguf(gguf.clone())?;
        let by_scores = match &again.model {
            Model::Scores(scored) => merges_of_scores(&again.vocab, scored).map_err(TokenizerError::no_gguf_form)?,
            _ => Vec::new(), // the vocabulary is of kind llama, which has scores
        };
        let places = 0..merges.len().max(by_scores.len());
        let odd = places.map(|at| (merges.get(at), by_scores.get(at))).find(|(listed, scored)| listed != scored);
        let Some(merge) = odd.and_then(|(listed, scored)| scored.or(listed)) else { return Ok(()) };
        let token = shortened(again.vocab.spelled(merge.made));
        let reason = format!("scores in the order of its merges would make {token:?} otherwise");
        Err(TokenizerError::no_gguf_form(reason))
    }

    /// The tag of the pre-tokenizer: the one whose meaning is this model's.
    fn pre_tag(&self, model: &ByteBpe) -> Result<&'static PreTag, TokenizerError> {
        let pattern = model.pretokenizer.pattern();
        let fits = |pre: &&PreTag| pre.pattern == pattern;
        let by_bos = PRE_TAGS.iter().find(|pre| fits(pre) && pre.add_bos == self.roles.add_bos);
        let Some(pre) = by_bos.or_else(|| PRE_TAGS.iter().find(fits)) else {
            return Err(TokenizerError::no_gguf_form(format!("no tag stands for the pre-tokenizer {pattern:?}")));
        };
        if pre.ignore_merges != model.ignore_merges
            && let Some(token) = self.not_made_by_merging(model)
        {
            let reason = format!(
                "model.ignore_merges is {}, the tag {} stands for {}, and {:?} tells them apart",
                model.ignore_merges,
                pre.tag,
                pre.ignore_merges,
                shortened(token)
            );
            return Err(TokenizerError::no_gguf_form(reason));
        }
        Ok(pre)
    }

    /// A token whose own text merges into something else: what `ignore_merges` makes a difference for.
    fn not_made_by_merging(&self, model: &ByteBpe) -> Option<&str> {
        let mut scratch = model.take_scratch();
        let (mut bytes, mut odd) = (Vec::new(), None);
        for id in (0..self.vocab.len() as u32).filter(|&id| self.vocab.kind(id) == Some(Kind::Normal)) {
            let spelling = self.vocab.spelled(id);
            bytes.clear();
            let is_bytes = crate::byte_alphabet::unspell(spelling, &mut bytes);
            if is_bytes && !model.merges_into(&bytes, id, &mut scratch) {
                odd = Some(spelling);
                break;
            }
        }
        model.give_scratch(scratch);
        odd
    }
}

/// The merges as text, in order.
fn spelled_merges(model: &ByteBpe, vocab: &Vocab) -> Result<Vec<String>, TokenizerError> {
    let spelled = |(left, right)| {
        let (left, right) = (vocab.spelled(left), vocab.spelled(right));
        if left.is_empty() || right.is_empty() || left.contains(' ') || right.contains(' ') {
            let reason = format!("the merge of {:?} and {:?} has no form as text", shortened(left), shortened(right));
            return Err(TokenizerError::no_gguf_form(reason));
        }
        Ok(format!("{left} {right}"))
    };
    model.merges.in_order().into_iter().map(spelled).collect()
}
