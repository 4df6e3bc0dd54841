//! Words and how often each was seen.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

/// Counts by word, with the words in one string of bytes.
#[derive(Default)]
pub(super) struct WordTable {
    bytes: Vec<u8>,
    counted: HashTable<Counted>,
    hasher: DefaultHashBuilder,
}

struct Counted {
    start: usize,
    count: u64,
    length: u32,
    /// Of the hash what tells most different words apart, and lets the table grow without reading the words again.
    hash: u32,
}

impl Counted {
    fn word<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start..self.start + self.length as usize]
    }
}

impl WordTable {
    /// Counts `word` so many times more. A word of 4 GiB and more is counted by its first 4 GiB.
    #[inline]
    pub(super) fn add(&mut self, word: &[u8], count: u64) {
        let word = &word[..word.len().min(u32::MAX as usize)];
        let hash = self.hasher.hash_one(word) as u32;
        let bytes = &self.bytes;
        let equal = |known: &Counted| known.hash == hash && known.word(bytes) == word;
        match self.counted.entry(spread(hash), equal, |known| spread(known.hash)) {
            Entry::Occupied(mut known) => known.get_mut().count += count,
            Entry::Vacant(place) => {
                let start = self.bytes.len();
                place.insert(Counted { start, count, length: word.len() as u32, hash });
                self.bytes.extend_from_slice(word);
            }
        }
    }

    /// Takes over what another table counted.
    pub(super) fn absorb(&mut self, other: &Self) {
        other.iter().for_each(|(word, count)| self.add(word, count));
    }

    /// Words and counts, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.counted.iter().map(|counted| (counted.word(&self.bytes), counted.count))
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + self.counted.allocation_size()
    }
}

/// The table wants the high bits to differ too.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}
