//! The tokens of a vocabulary: id to spelling, spelling to id, and what each token is for.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::error::shortened;

/// What a token is for. The numbers are those of `tokenizer.ggml.token_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Made by merging.
    Normal = 1,
    /// Stands for text that cannot be spelled.
    Unknown = 2,
    /// A special token: no text of its own.
    Control = 3,
    /// Added text that is found before merging.
    UserDefined = 4,
    /// Never made: a hole or a reserve.
    Unused = 5,
    /// One byte of a SentencePiece vocabulary.
    Byte = 6,
}

/// Spellings in one string, found by id or by text.
pub(crate) struct Vocab {
    text: String,
    spans: Vec<(u32, u32)>,
    kinds: Vec<Kind>,
    /// The ids that the merging model does not know, in ascending order.
    outside: Vec<u32>,
    by_text: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Vocab {
    /// Takes the entries `(start, end, id)` of `text`. The message of an error names the token.
    pub(crate) fn new(text: String, entries: &[(u32, u32, u32)]) -> Result<Self, String> {
        let size = entries.iter().map(|e| e.2 as usize + 1).max().unwrap_or(0);
        // Holes are allowed, but a table of billions for a handful of tokens is not.
        let limit = 8 * entries.len() + 65_536;
        if size > limit {
            let far = entries.iter().find(|e| e.2 as usize + 1 == size);
            let far = shortened(far.map_or("", |e| &text[e.0 as usize..e.1 as usize]));
            return Err(format!("id {} of {far:?} is far beyond the {} tokens", size - 1, entries.len()));
        }
        let mut vocab = Self {
            text,
            spans: vec![(0, 0); size],
            kinds: vec![Kind::Unused; size],
            outside: Vec::new(),
            by_text: HashTable::with_capacity(entries.len()),
            hasher: DefaultHashBuilder::default(),
        };
        for &(start, end, id) in entries {
            vocab.place(id, (start, end), Kind::Normal)?;
        }
        Ok(vocab)
    }

    /// Adds `text` as token `id`, outside of the merging model.
    pub(crate) fn add(&mut self, id: u32, text: &str, kind: Kind) -> Result<(), String> {
        let limit = self.spans.len() + 65_536;
        if id as usize >= limit || self.text.len() + text.len() > u32::MAX as usize {
            return Err(format!("id {id} of {:?} is far beyond the {} tokens", shortened(text), self.spans.len()));
        }
        if id as usize >= self.spans.len() {
            self.spans.resize(id as usize + 1, (0, 0));
            self.kinds.resize(id as usize + 1, Kind::Unused);
        }
        let start = self.text.len() as u32;
        self.text.push_str(text);
        self.place(id, (start, self.text.len() as u32), kind)?;
        self.put_outside(id);
        Ok(())
    }

    /// From now on the merging model does not know `id`.
    pub(crate) fn put_outside(&mut self, id: u32) {
        if let Err(at) = self.outside.binary_search(&id) {
            self.outside.insert(at, id);
        }
    }

    /// The ids that the merging model does not know, in ascending order.
    pub(crate) fn outside(&self) -> &[u32] {
        &self.outside
    }

    fn place(&mut self, id: u32, span: (u32, u32), kind: Kind) -> Result<(), String> {
        let token = &self.text[span.0 as usize..span.1 as usize];
        let index = id as usize;
        if self.kinds[index] != Kind::Unused {
            let [before, token] = [self.spelled(id), token].map(shortened);
            return Err(format!("id {id} belongs to both {before:?} and {token:?}"));
        }
        let hash = self.hasher.hash_one(token);
        let (text, spans, hasher) = (&self.text, &self.spans, &self.hasher);
        let spelling = |id: u32| {
            let (start, end) = if id as usize == index { span } else { spans[id as usize] };
            &text[start as usize..end as usize]
        };
        match self.by_text.entry(hash, |&id| spelling(id) == token, |&id| hasher.hash_one(spelling(id))) {
            hashbrown::hash_table::Entry::Occupied(other) => {
                Err(format!("{:?} has both id {} and id {id}", shortened(token), other.get()))
            }
            hashbrown::hash_table::Entry::Vacant(slot) => {
                slot.insert(id);
                self.spans[index] = span;
                self.kinds[index] = kind;
                Ok(())
            }
        }
    }

    /// The highest id and one: the rows that an embedding needs at least.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// How many ids have a token: less than [`Self::len`] where there are holes.
    pub(crate) fn tokens(&self) -> usize {
        self.by_text.len()
    }

    /// The spelling of `id`, empty for a hole; `None` beyond the end.
    pub(crate) fn get(&self, id: u32) -> Option<&str> {
        let &(start, end) = self.spans.get(id as usize)?;
        Some(&self.text[start as usize..end as usize])
    }

    /// The spelling of an `id` that came from this vocabulary; empty otherwise.
    pub(crate) fn spelled(&self, id: u32) -> &str {
        self.get(id).unwrap_or("")
    }

    pub(crate) fn kind(&self, id: u32) -> Option<Kind> {
        self.kinds.get(id as usize).copied()
    }

    pub(crate) fn set_kind(&mut self, id: u32, kind: Kind) {
        self.kinds[id as usize] = kind;
    }

    /// The id spelled `text`.
    pub(crate) fn id(&self, text: &str) -> Option<u32> {
        self.by_text.find(self.hasher.hash_one(text), |&id| self.spelled(id) == text).copied()
    }

    /// The id spelled `text`, if the merging model knows it.
    pub(crate) fn model_id(&self, text: &str) -> Option<u32> {
        self.id(text).filter(|id| self.outside.binary_search(id).is_err())
    }

    /// The id spelled `left` then `right`. `guess` is tried first: merges tend to stand in the order of their ids.
    pub(crate) fn joined_id(&self, left: &str, right: &str, guess: u32, buffer: &mut String) -> Option<u32> {
        for id in [guess, guess.wrapping_add(1)] {
            let spelled = self.spelled(id);
            // A hole is spelled empty, and no merge makes the empty token.
            if !spelled.is_empty() && spelled.strip_prefix(left) == Some(right) {
                return Some(id);
            }
        }
        buffer.clear();
        buffer.push_str(left);
        buffer.push_str(right);
        self.id(buffer)
    }
}
