//! Remembers how short pieces were encoded: text repeats its words.

/// Slots; one of 32 bytes each, so the table fits a level 2 cache.
const SLOTS: usize = 1 << 15;
/// The longest piece that is remembered, in bytes.
const MAX_BYTES: usize = 15;
/// The most ids that are remembered for a piece.
const MAX_IDS: usize = 4;

/// A direct-mapped table: a piece has one slot, and the latest piece there stays.
///
/// Nothing that text can do makes it slow or wrong: colliding pieces only push one another out.
pub(crate) struct PieceCache {
    /// Two words of key, then four ids, each one more than it is; zero is none. All zero at first, which the system
    /// hands out without touching memory.
    slots: Vec<[u64; 4]>,
}

/// A piece as a number: its bytes, and its length in the top byte.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    words: [u64; 2],
    slot: usize,
}

impl Key {
    /// `None` for pieces that are empty or too long to be remembered.
    ///
    /// # Panics
    /// When `start..end` is no range of `bytes`.
    #[inline]
    pub(crate) fn new(bytes: &[u8], start: usize, end: usize) -> Option<Self> {
        let length = end - start;
        if length == 0 || length > MAX_BYTES {
            return None;
        }
        let word = match bytes[start..].first_chunk::<16>() {
            // The usual case is one load and a mask; a copy of odd length is a call.
            Some(chunk) => u128::from_le_bytes(*chunk) & ((1 << (8 * length)) - 1),
            None => {
                let mut chunk = [0; 16];
                chunk[..length].copy_from_slice(&bytes[start..end]);
                u128::from_le_bytes(chunk)
            }
        };
        let word = word | (length as u128) << 120;
        let words = [word as u64, (word >> 64) as u64];
        // Multiplying by odd constants spreads the low bytes over the top bits.
        let mixed = words[0].wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ words[1].wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
        let slot = (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SLOTS.trailing_zeros())) as usize;
        Some(Self { words, slot })
    }
}

impl PieceCache {
    pub(crate) fn new() -> Self {
        Self { slots: vec![[0; 4]; SLOTS] }
    }

    /// Appends the ids of a remembered piece; `false` when it is not remembered.
    #[inline]
    pub(crate) fn append(&self, key: Key, out: &mut Vec<u32>) -> bool {
        let [low, high, first, second] = self.slots[key.slot];
        if [low, high] != key.words {
            return false;
        }
        for id in [first as u32, (first >> 32) as u32, second as u32, (second >> 32) as u32] {
            if id == 0 {
                break;
            }
            out.push(id - 1);
        }
        true
    }

    /// Remembers `ids`, unless they are too many.
    pub(crate) fn remember(&mut self, key: Key, ids: &[u32]) {
        if ids.len() <= MAX_IDS {
            let at = |i: usize| ids.get(i).map_or(0, |&id| u64::from(id) + 1);
            self.slots[key.slot] = [key.words[0], key.words[1], at(0) | at(1) << 32, at(2) | at(3) << 32];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(piece: &str) -> Option<Key> {
        Key::new(piece.as_bytes(), 0, piece.len())
    }

    fn recall(cache: &PieceCache, piece: &str) -> Option<Vec<u32>> {
        let mut ids = Vec::new();
        cache.append(key(piece)?, &mut ids).then_some(ids)
    }

    #[test]
    fn remembers_short_pieces() {
        let mut cache = PieceCache::new();
        for (piece, ids) in [("a", vec![0]), ("\0", vec![]), ("fifteen letters", vec![1, 2, 3, u32::MAX - 1])] {
            assert_eq!(recall(&cache, piece), None);
            cache.remember(key(piece).unwrap(), &ids);
            assert_eq!(recall(&cache, piece), Some(ids));
        }
        cache.remember(key("many").unwrap(), &[1, 2, 3, 4, 5]);
        assert_eq!(recall(&cache, "many"), None);
        assert!(key("").is_none() && key("sixteen letters!").is_none());
    }

    #[test]
    fn length_is_part_of_the_key() {
        let (one, two) = (key("\0").unwrap(), key("\0\0").unwrap());
        assert_ne!(one.words, two.words);
    }

    #[test]
    fn the_key_does_not_depend_on_what_follows() {
        let text = b"word and more text behind it";
        assert_eq!(Key::new(text, 0, 4).unwrap().words, key("word").unwrap().words);
        assert_eq!(Key::new(text, 26, 28).unwrap().words, key("it").unwrap().words);
    }
}
