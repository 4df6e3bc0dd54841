//! Which two neighbouring tokens merge, in which order, into which token.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashMap;

/// No token: what a byte that is not in the vocabulary has.
pub(crate) const MISSING: u32 = u32::MAX;
/// Up to this many symbols the pairs are searched one by one, above it they wait in a heap.
const SHORT: usize = 32;
/// How many symbols an idle work space has room for at most.
pub(crate) const KEPT: usize = 1 << 14;

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

    /// Leaves in `work.ids` what they merge into: the smallest value first, the leftmost of equals.
    pub(crate) fn merge_all(&self, work: &mut Workspace) {
        if work.ids.len() <= SHORT {
            self.merge_short(work);
        } else {
            self.merge_long(work);
        }
    }

    /// Merges by looking at every pair each time: the fastest way for a few symbols.
    pub(crate) fn merge_short(&self, work: &mut Workspace) {
        let Workspace { ids, values, last, .. } = work;
        values.clear();
        values.extend(ids.windows(2).map(|pair| self.get(pair[0], pair[1])));
        loop {
            // The first of equal values is the leftmost pair.
            let Some((at, &value)) = values.iter().enumerate().min_by_key(|&(_, value)| value) else { return };
            if value == NO_MERGE {
                return;
            }
            *last = (ids[at], ids[at + 1]);
            ids[at] = merged_id(value);
            ids.remove(at + 1);
            values.remove(at);
            if at > 0 {
                values[at - 1] = self.get(ids[at - 1], ids[at]);
            }
            if at < values.len() {
                values[at] = self.get(ids[at], ids[at + 1]);
            }
        }
    }

    /// Merges with a heap of pairs: n log n for a piece of n symbols, so that a megabyte of one letter is no trap.
    pub(crate) fn merge_long(&self, work: &mut Workspace) {
        let Workspace { ids, values, links, queue, last } = work;
        let count = ids.len();
        values.clear();
        values.extend(ids.windows(2).map(|pair| self.get(pair[0], pair[1])));
        values.push(NO_MERGE); // the last symbol begins no pair
        links.clear();
        links.extend((0..count).map(|at| Link { previous: at.wrapping_sub(1), next: at + 1 }));
        queue.clear();
        queue.extend(values.iter().enumerate().filter(|&(_, &v)| v != NO_MERGE).map(|(at, &v)| Reverse((v, at))));
        while let Some(Reverse((value, at))) = queue.pop() {
            if values[at] != value {
                continue; // one of the two has merged since
            }
            let right = links[at].next;
            let next = links[right].next;
            *last = (ids[at], ids[right]);
            ids[at] = merged_id(value);
            ids[right] = MISSING;
            values[right] = NO_MERGE;
            links[at].next = next;
            values[at] = NO_MERGE;
            if next < count {
                links[next].previous = at;
                values[at] = self.get(ids[at], ids[next]);
                if values[at] != NO_MERGE {
                    queue.push(Reverse((values[at], at)));
                }
            }
            let previous = links[at].previous;
            if previous < count {
                values[previous] = self.get(ids[previous], ids[at]);
                if values[previous] != NO_MERGE {
                    queue.push(Reverse((values[previous], previous)));
                }
            }
        }
        ids.retain(|&id| id != MISSING);
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

/// What merging works in.
#[derive(Default)]
pub(crate) struct Workspace {
    pub(crate) ids: Vec<u32>,
    /// The pair that merged last, where any did.
    pub(crate) last: (u32, u32),
    /// For each symbol the value of the pair that it begins.
    values: Vec<u64>,
    links: Vec<Link>,
    /// Value of the pair, position of its left symbol.
    queue: BinaryHeap<Reverse<(u64, usize)>>,
}

/// The neighbours of a symbol in a long piece.
#[derive(Clone, Copy)]
struct Link {
    previous: usize,
    next: usize,
}

impl Workspace {
    /// Forgets the symbols, and lets go what very many of them made grow.
    pub(crate) fn shrink(&mut self) {
        self.ids.clear();
        self.ids.shrink_to(KEPT);
        self.values.clear();
        self.values.shrink_to(KEPT);
        self.links.clear();
        self.links.shrink_to(KEPT);
        self.queue.clear();
        self.queue.shrink_to(KEPT);
    }
}
