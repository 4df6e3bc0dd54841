//! Pairs that may merge: how often each occurs, in which words, and which comes first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::thread;

use hashbrown::HashMap;

use super::words::Words;

/// Two symbols, the left one in the upper half: numbers in the order of pairs.
pub(super) type Pair = u64;

/// The pair of two symbols.
pub(super) fn pair(left: u32, right: u32) -> Pair {
    u64::from(left) << 32 | u64::from(right)
}

/// The two symbols of a pair.
pub(super) fn sides(pair: Pair) -> (u32, u32) {
    ((pair >> 32) as u32, pair as u32)
}

/// What a pair's count changes by, and the words in which it is new, in ascending order.
#[derive(Default)]
pub(super) struct Change {
    pub(super) count: i64,
    pub(super) words: Vec<u32>,
}

/// Changes of many pairs.
pub(super) type Changes = HashMap<Pair, Change>;

/// Notes that `pair` occurs in `word` as often more as `count` says, or less.
#[inline]
pub(super) fn note(changes: &mut Changes, pair: Pair, word: u32, count: i64) {
    let change = changes.entry(pair).or_default();
    change.count += count;
    if count > 0 && change.words.last() != Some(&word) {
        change.words.push(word);
    }
}

/// Takes changes of later words to those of earlier ones.
pub(super) fn join(earlier: &mut Changes, later: Changes) {
    for (pair, change) in later {
        let joined = earlier.entry(pair).or_default();
        joined.count += change.count;
        joined.words.extend(change.words);
    }
}

/// A pair that waits to merge in some words. The greatest merges first: the most frequent, of equals the lowest pair, of the same
/// pair what has waited longest. The count is what it was when this was put in; it is corrected when its turn comes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    count: i64,
    pair: Reverse<Pair>,
    since: Reverse<u32>,
    words: Box<[u32]>,
}

/// All pairs.
#[derive(Default)]
pub(super) struct Candidates {
    counts: HashMap<Pair, i64>,
    waiting: BinaryHeap<Candidate>,
    turn: u32,
}

impl Candidates {
    /// The pairs of all words.
    pub(super) fn of(words: &Words, threads: usize) -> Self {
        let mut candidates = Self::default();
        candidates.take(&mut initial(words, threads));
        candidates
    }

    /// Changes counts. A pair waits once more for the words that are new to it.
    pub(super) fn take(&mut self, changes: &mut Changes) {
        self.turn += 1;
        let since = Reverse(self.turn);
        for (pair, change) in changes.drain() {
            let count = self.counts.entry(pair).or_default();
            *count += change.count;
            if *count > 0 && !change.words.is_empty() {
                self.waiting.push(Candidate { count: *count, pair: Reverse(pair), since, words: change.words.into() });
            }
        }
    }

    /// The pair that merges next, its count, and the words to look for it in.
    pub(super) fn next(&mut self) -> Option<(Pair, i64, Box<[u32]>)> {
        loop {
            let mut first = self.waiting.peek_mut()?;
            let count = self.counts[&first.pair.0];
            if first.count == count {
                let first = std::collections::binary_heap::PeekMut::pop(first);
                return Some((first.pair.0, count, first.words));
            }
            first.count = count; // it finds its place when it is let go
        }
    }
}

/// The pairs of all words, looked through by several threads.
fn initial(words: &Words, threads: usize) -> Changes {
    let share = words.counts.len().div_ceil(threads.max(1)).max(1);
    let of = |range: std::ops::Range<usize>| {
        let mut changes = Changes::default();
        for word in range {
            let symbols = &words.symbols[words.starts[word]..words.starts[word + 1]];
            for two in symbols.windows(2) {
                note(&mut changes, pair(two[0], two[1]), word as u32, words.counts[word] as i64);
            }
        }
        changes
    };
    thread::scope(|scope| {
        let shares = (0..words.counts.len()).step_by(share);
        let handles: Vec<_> =
            shares.map(|start| scope.spawn(move || of(start..(start + share).min(words.counts.len())))).collect();
        let parts =
            handles.into_iter().map(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        let joined = parts.reduce(|mut all, part| {
            join(&mut all, part);
            all
        });
        joined.unwrap_or_default()
    })
}
