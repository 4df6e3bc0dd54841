//! The `tokenizer.json` of a tokenizer, whatever file it came from.

use serde_json::{Map, Value, json};

use crate::TokenizerError;
use crate::byte_alphabet::unspell;
use crate::byte_bpe::ByteBpe;
use crate::error::shortened;
use crate::json::sentencepiece;
use crate::pretokenize::{LLAMA3_PATTERN, Pattern};
use crate::score_bpe::{SPACE, mergeable, token_byte};
use crate::score_merges::merges_of_scores;
use crate::tokenizer::{Model, Tokenizer};
use crate::vocab::Kind;

impl Tokenizer {
    /// The `tokenizer.json` of this tokenizer, for [`Self::from_json`] and for the Python `tokenizers` (0.20 or later, for
    /// the merges are lists). A SentencePiece vocabulary takes the form that transformers writes for Llama 2.
    ///
    /// Roles that neither the post-processor nor the model has (the padding token, the end of a text where none is added)
    /// belong into `tokenizer_config.json`.
    ///
    /// An error where the file would give other ids or another text: such a vocabulary must stay in its GGUF file.
    pub fn to_json(&self) -> Result<Value, TokenizerError> {
        let (normalizer, pre_tokenizer, decoder, model) = match &self.model {
            Model::Bytes(model) => {
                let decoder = json!({
                    "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true
                });
                (Value::Null, pre_tokenizer(model.pretokenizer.pattern()), decoder, self.byte_level(model)?)
            }
            Model::Scores(model) => {
                if let Some(reason) = self.ambiguous_piece() {
                    return Err(TokenizerError::no_json_form(reason));
                }
                let merges = merges_of_scores(&self.vocab, model).map_err(TokenizerError::no_json_form)?;
                let pairs = merges.into_iter().map(|merge| (merge.left, merge.right)).collect();
                self.characters(model.add_space_prefix, pairs)
            }
            Model::Characters(model) => self.characters(model.add_space_prefix, model.merges.in_order()),
        };
        let mut added: Vec<_> = self.added.tokens().iter().collect();
        // Those that the model does not know get their ids by their places.
        added.sort_by_key(|token| token.id);
        let added: Vec<Value> = added
            .into_iter()
            .map(|token| {
                json!({
                    "id": token.id, "content": token.content, "single_word": token.single_word, "lstrip": token.lstrip,
                    "rstrip": token.rstrip, "normalized": token.normalized, "special": token.special,
                })
            })
            .collect();
        Ok(json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added,
            "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer,
            "post_processor": self.post_processor()?,
            "decoder": decoder,
            "model": model,
        }))
    }

    /// What puts tokens around the text, if anything does.
    fn post_processor(&self) -> Result<Value, TokenizerError> {
        let spelled = |adds: bool, id: Option<u32>| Some((id.filter(|_| adds)?, self.vocab.spelled(id?)));
        let bos = spelled(self.roles.add_bos, self.roles.bos);
        let eos = spelled(self.roles.add_eos, self.roles.eos);
        if bos.is_none() && eos.is_none() {
            return Ok(Value::Null);
        }
        if let Some((id, _)) = bos.into_iter().chain(eos).find(|&(id, content)| self.vocab.id(content) != Some(id)) {
            return Err(TokenizerError::no_json_form(format!("token {id}, which goes around the text, has no text")));
        }
        let part = |text: &str, type_id: u32| {
            let token = |token: Option<(u32, &str)>| {
                token.map(|(_, content)| json!({"SpecialToken": {"id": content, "type_id": type_id}}))
            };
            [token(bos), Some(json!({"Sequence": {"id": text, "type_id": type_id}})), token(eos)].into_iter().flatten()
        };
        let tokens: Map<String, Value> = bos
            .into_iter()
            .chain(eos)
            .map(|(id, content)| (content.to_owned(), json!({"id": content, "ids": [id], "tokens": [content]})))
            .collect();
        Ok(json!({
            "type": "TemplateProcessing",
            "single": part("A", 0).collect::<Vec<_>>(),
            "pair": part("A", 0).chain(part("B", 1)).collect::<Vec<_>>(),
            "special_tokens": tokens,
        }))
    }

    fn byte_level(&self, model: &ByteBpe) -> Result<Value, TokenizerError> {
        let merges = model.merges.in_order();
        let appended = self.appended(&merges);
        for &id in &self.vocab.outside()[..self.vocab.outside().len() - appended] {
            self.check_inside(model, id)?;
        }
        let unknown = model.unknown().map(|unknown| self.vocab.spelled(unknown.id));
        let fuse = model.unknown().is_some_and(|unknown| unknown.fuse);
        Ok(json!({
            "type": "BPE",
            "dropout": null,
            "unk_token": unknown,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": fuse,
            "byte_fallback": false,
            "ignore_merges": model.ignore_merges,
            "vocab": self.vocab_json(appended),
            "merges": self.merges_json(merges),
        }))
    }

    /// Normalizer, pre-tokenizer, decoder and model of the SentencePiece form.
    fn characters(&self, prefix: bool, merges: Vec<(u32, u32)>) -> (Value, Value, Value, Value) {
        let unknown = self.roles.unk.map(|id| self.vocab.spelled(id)).filter(|token| !token.is_empty());
        let model = json!({
            "type": "BPE",
            "dropout": null,
            "unk_token": unknown,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": true,
            "byte_fallback": true,
            "ignore_merges": false,
            "vocab": self.vocab_json(self.appended(&merges)),
            "merges": self.merges_json(merges),
        });
        (sentencepiece::normalizer(prefix), Value::Null, sentencepiece::decoder(prefix), model)
    }

    /// How many of the last tokens outside of the model can stay outside of `model.vocab`: they follow all others, which
    /// is where the Python `tokenizers` puts such tokens, and no merge names them.
    fn appended(&self, merges: &[(u32, u32)]) -> usize {
        let (outside, count) = (self.vocab.outside(), self.vocab.tokens());
        let mut named: hashbrown::HashSet<u32> = merges.iter().flat_map(|&(left, right)| [left, right]).collect();
        if let Model::Bytes(model) = &self.model {
            named.extend(merges.iter().map(|&(left, right)| crate::merges::merged_id(model.merges.get(left, right))));
        }
        let places = (0..count).rev();
        outside.iter().rev().zip(places).take_while(|&(id, place)| *id as usize == place && !named.contains(id)).count()
    }

    /// A token that the model does not know here, but will know in the file: may that change anything?
    fn check_inside(&self, model: &ByteBpe, id: u32) -> Result<(), TokenizerError> {
        let (spelling, mut bytes) = (self.vocab.spelled(id), Vec::new());
        if !unspell(spelling, &mut bytes) {
            return Ok(());
        }
        let mut pieces = 0;
        if let Ok(text) = std::str::from_utf8(&bytes) {
            model.pretokenizer.pieces(text, |_, _| pieces += 1);
        }
        if bytes.len() == 1 || (model.ignore_merges && pieces == 1) {
            let reason = format!("the added token {:?} would also be a token of plain text", shortened(spelling));
            return Err(TokenizerError::no_json_form(reason));
        }
        Ok(())
    }

    /// A token of a SentencePiece vocabulary that means one thing in the form with scores and another in the form with
    /// merges, and why.
    pub(crate) fn ambiguous_piece(&self) -> Option<String> {
        (0..self.vocab.len() as u32).find_map(|id| {
            let (spelling, kind) = (self.vocab.spelled(id), self.vocab.kind(id));
            let mut letters = spelling.chars();
            let one_letter = letters.next().is_some() && letters.next().is_none();
            let plain = mergeable(&self.vocab, spelling).is_some() && self.vocab.model_id(spelling).is_some();
            let added = matches!(kind, Some(Kind::UserDefined | Kind::Control | Kind::Unknown));
            let reason = if kind != Some(Kind::Byte) && token_byte(spelling).is_some() {
                "is no byte token but spelled like one"
            } else if one_letter && !plain {
                "is part of plain text in one form and not in the other"
            } else if added && spelling.contains(SPACE) {
                "is decoded with spaces in one form and not in the other"
            } else {
                return None;
            };
            Some(format!("the token {:?} {reason}", shortened(spelling)))
        })
    }

    /// The tokens with their ids, without the last `appended` of those outside of the model.
    fn vocab_json(&self, appended: usize) -> Value {
        let outside = self.vocab.outside();
        let left_out = &outside[outside.len() - appended..];
        let tokens = (0..self.vocab.len() as u32).map(|id| (self.vocab.spelled(id), id));
        tokens
            // A hole is spelled empty; a file may have an empty token too.
            .filter(|&(spelling, id)| !spelling.is_empty() || self.vocab.id(spelling) == Some(id))
            .filter(|(_, id)| left_out.binary_search(id).is_err())
            .map(|(spelling, id)| (spelling.to_owned(), id.into()))
            .collect::<Map<String, Value>>()
            .into()
    }

    fn merges_json(&self, merges: Vec<(u32, u32)>) -> Value {
        let spelled = |(left, right)| json!([self.vocab.spelled(left), self.vocab.spelled(right)]);
        merges.into_iter().map(spelled).collect::<Vec<_>>().into()
    }
}

/// The pre-tokenizer of a byte-level vocabulary.
fn pre_tokenizer(pattern: Pattern) -> Value {
    let byte_level = |use_regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex});
    let first = match pattern {
        Pattern::Gpt2 => return byte_level(true),
        Pattern::Gpt2Digits => json!({"type": "Digits", "individual_digits": true}),
        Pattern::Llama3 => {
            json!({"type": "Split", "pattern": {"Regex": LLAMA3_PATTERN}, "behavior": "Isolated", "invert": false})
        }
    };
    json!({"type": "Sequence", "pretokenizers": [first, byte_level(pattern == Pattern::Gpt2Digits)]})
}
