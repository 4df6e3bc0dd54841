//! Which two neighbouring tokens merge, in which order, into which token.

use hashbrown::HashMap;

/// The value of a pair that does not merge: greater than every rank.
pub(crate) const NO_MERGE: u64 = u64::MAX;

/// `(left id, right id)` to `rank << 32 | merged id`: the smaller of two values merges first.
#[derive(Default)]
pub(crate) struct Merges {
    by_pair: HashMap<u64, u64>,
}

impl Merges {
    pub(crate) fn with_capacity(pairs: usize) -> Self {
        Self { by_pair: HashMap::with_capacity(pairs) }
    }

    /// Where a pair is listed twice the later rank counts, as in the Python `tokenizers`.
    pub(crate) fn insert(&mut self, left: u32, right: u32, rank: u32, merged: u32) {
        self.by_pair.insert(key(left, right), u64::from(rank) << 32 | u64::from(merged));
    }

    /// The value of a pair, [`NO_MERGE`] when it does not merge.
    #[inline]
    pub(crate) fn get(&self, left: u32, right: u32) -> u64 {
        self.by_pair.get(&key(left, right)).copied().unwrap_or(NO_MERGE)
    }

    /// The pairs in the order in which they merge.
    pub(crate) fn in_order(&self) -> Vec<(u32, u32)> {
        let mut pairs: Vec<_> = self.by_pair.iter().map(|(&pair, &value)| (value, pair)).collect();
        pairs.sort_unstable();
        pairs.into_iter().map(|(_, pair)| ((pair >> 32) as u32, pair as u32)).collect()
    }
}

fn key(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

/// The token that a value of [`Merges::get`] makes.
#[inline]
pub(crate) fn merged_id(value: u64) -> u32 {
    value as u32
}
