//! The `model` of `tokenizer.json`: fifty thousand tokens and as many merges, read without a copy of each.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::TokenizerError;

/// A BPE model.
#[derive(Default)]
pub(super) struct ModelJson {
    pub(super) unk_token: Option<String>,
    pub(super) fuse_unk: bool,
    pub(super) byte_fallback: bool,
    pub(super) ignore_merges: bool,
    pub(super) vocab: VocabJson,
    pub(super) merges: MergesJson,
    /// Every other field: none of them may change anything.
    rest: Vec<(String, Value)>,
}

impl ModelJson {
    /// Refuses what the rest of the program never looks at.
    pub(super) fn check(&self, name: &str) -> Result<(), TokenizerError> {
        for (field, value) in &self.rest {
            let (accepted, supported) = match field.as_str() {
                "type" => (value == "BPE", "only \"BPE\""),
                "dropout" => (value.is_null() || value.as_f64() == Some(0.0), "only null or 0"),
                "continuing_subword_prefix" | "end_of_word_suffix" => {
                    (value.is_null() || value == "", "only null or \"\"")
                }
                _ => (false, "no such field is known"),
            };
            if !accepted {
                return Err(TokenizerError::unsupported(name, format!("model.{field}"), value, supported));
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for ModelJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = ModelJson;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a model")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ModelJson, A::Error> {
                let mut model = ModelJson::default();
                let (mut vocab, mut merges) = (None, None);
                let mut seen = Vec::<String>::new();
                while let Some(key) = map.next_key::<String>()? {
                    if seen.contains(&key) {
                        return Err(Error::custom(format_args!("the field {key:?} appears twice")));
                    }
                    match key.as_str() {
                        "unk_token" => model.unk_token = map.next_value()?,
                        "fuse_unk" => model.fuse_unk = map.next_value::<Option<_>>()?.unwrap_or(false),
                        "byte_fallback" => model.byte_fallback = map.next_value::<Option<_>>()?.unwrap_or(false),
                        "ignore_merges" => model.ignore_merges = map.next_value::<Option<_>>()?.unwrap_or(false),
                        "vocab" => vocab = Some(map.next_value()?),
                        "merges" => merges = Some(map.next_value()?),
                        _ => model.rest.push((key.clone(), map.next_value()?)),
                    }
                    seen.push(key);
                }
                model.vocab = vocab.ok_or_else(|| Error::missing_field("vocab"))?;
                model.merges = merges.ok_or_else(|| Error::missing_field("merges"))?;
                Ok(model)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// The vocabulary: spellings in one string, `(start, end, id)` for each.
#[derive(Default)]
pub(super) struct VocabJson {
    pub(super) text: String,
    pub(super) entries: Vec<(u32, u32, u32)>,
}

impl<'de> Deserialize<'de> for VocabJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = VocabJson;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tokens and their ids")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<VocabJson, A::Error> {
                let mut vocab = VocabJson::default();
                let mut start = 0;
                while map.next_key_seed(Append(&mut vocab.text))?.is_some() {
                    let end = vocab.text.len() as u32;
                    vocab.entries.push((start, end, map.next_value()?));
                    start = end;
                }
                Ok(vocab)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

/// The merges in order: spellings in one string, the ends of the left and the right one for each.
#[derive(Default)]
pub(super) struct MergesJson {
    text: String,
    ends: Vec<(u32, u32)>,
}

impl MergesJson {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.ends.iter().map(move |&(middle, end)| {
            let left = &self.text[start as usize..middle as usize];
            start = end;
            (left, &self.text[middle as usize..end as usize])
        })
    }
}

impl<'de> Deserialize<'de> for MergesJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Merges;

        impl<'de> Visitor<'de> for Merges {
            type Value = MergesJson;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of merges")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut merges: A) -> Result<MergesJson, A::Error> {
                let mut out = MergesJson::default();
                while merges.next_element_seed(OneMerge(&mut out))?.is_some() {}
                Ok(out)
            }
        }

        deserializer.deserialize_seq(Merges)
    }
}

/// Appends one merge, `"a b"` or `["a", "b"]`.
struct OneMerge<'a>(&'a mut MergesJson);

impl<'de> DeserializeSeed<'de> for OneMerge<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneMerge<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a merge as \"a b\" or [\"a\", \"b\"]")
    }

    fn visit_str<E: Error>(self, merge: &str) -> Result<(), E> {
        // The first line of a merges.txt; the Python `tokenizers` reads over it here too.
        if merge.starts_with("#version") {
            return Ok(());
        }
        let (left, right) = merge
            .split_once(' ')
            .filter(|(_, right)| !right.contains(' '))
            .ok_or_else(|| E::custom(format_args!("the merge {merge:?} is not two tokens with a space between")))?;
        let Self(MergesJson { text, ends }) = self;
        text.push_str(left);
        let middle = text.len() as u32;
        text.push_str(right);
        ends.push((middle, text.len() as u32));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut tokens: A) -> Result<(), A::Error> {
        let Self(MergesJson { text, ends }) = self;
        let two = |found: usize| Error::invalid_length(found, &"a merge of two tokens");
        tokens.next_element_seed(Append(text))?.ok_or_else(|| two(0))?;
        let middle = text.len() as u32;
        tokens.next_element_seed(Append(text))?.ok_or_else(|| two(1))?;
        ends.push((middle, text.len() as u32));
        match tokens.next_element::<serde::de::IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(two(3)),
        }
    }
}

/// Appends a string to another one.
struct Append<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for Append<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Append<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.push_str(text);
        Ok(())
    }
}
