//! Merging the most frequent pair, again and again, with only the counts of its neighbours corrected.
//!
//! What `tokenizers` does is done here too, because it shows in its merges:
//! - The count of a pair that has merged is kept. Where two pairs make the same token (`a`+`bc`, `ab`+`c`), a pair with that token may
//!   come up again, and then counts for what it had before and what is new.
//! - A pair with new words waits beside itself with the old ones. Each wait ends with a merge; the rank of the last one counts.
//!
//! What it does not do is meant otherwise: its counts are of 32 bits and wrap, these are of 64.

use std::thread;

use super::candidates::{Candidates, Changes, Pair, join, note, pair, sides};
use super::vocabulary::Vocabulary;
use super::words::Words;
use super::{TrainError, TrainOptions};

/// From so many words on threads share them.
const SHARED: usize = 1 << 13;
/// So many merges pass between two reports.
const REPORTED: usize = 64;

/// The merges `(left, right, merged)` in their order. `vocabulary` gets their tokens, until it is as large as it may be, or no
/// pair is frequent enough.
pub(super) fn merges<E: From<TrainError>>(
    mut words: Words,
    vocabulary: &mut Vocabulary,
    options: &TrainOptions,
    progress: &mut dyn FnMut(usize, usize) -> Result<(), E>,
) -> Result<Vec<(u32, u32, u32)>, E> {
    let least = i64::try_from(options.min_frequency.max(1)).unwrap_or(i64::MAX);
    let longest = options.max_token_length.unwrap_or(usize::MAX);
    let mut candidates = Candidates::of(&words, options.threads);
    let (mut merges, mut changes) = (Vec::new(), Changes::default());
    while vocabulary.len() < options.vocab_size {
        if merges.len() % REPORTED == 0 {
            progress(vocabulary.len(), options.vocab_size)?;
        }
        let Some((both, count, places)) = candidates.next() else { break };
        if count < least {
            break;
        }
        let (left, right) = sides(both);
        let merged = vocabulary.merged(left, right);
        merges.push((left, right, merged));
        let known = &*vocabulary;
        let step = Step { both, merged, counts: &|left, right| known.length(left) + known.length(right) < longest };
        step.everywhere(&mut words, &places, options.threads, &mut changes);
        candidates.take(&mut changes);
    }
    progress(vocabulary.len(), options.vocab_size)?;
    Ok(merges)
}

/// One merge.
struct Step<'a> {
    both: Pair,
    merged: u32,
    /// Whether two tokens beside each other count as a pair: not if they would make too long a token.
    counts: &'a (dyn Fn(u32, u32) -> bool + Sync),
}

impl Step<'_> {
    /// Merges in the words at `places`, which are in ascending order.
    fn everywhere(&self, words: &mut Words, places: &[u32], threads: usize, changes: &mut Changes) {
        let Words { symbols, starts, lengths, counts } = words;
        if threads < 2 || places.len() < SHARED {
            self.part(Part { symbols, lengths, first: 0 }, places, starts, counts, changes);
            return;
        }
        let (starts, counts) = (&starts[..], &counts[..]);
        let (mut rest, mut first) = ((&mut symbols[..], &mut lengths[..]), 0);
        thread::scope(|scope| {
            let shares = places.chunks(places.len().div_ceil(threads));
            let workers: Vec<_> = shares
                .map(|share| {
                    let end = share.last().map_or(first, |&word| word as usize + 1);
                    let (symbols, lengths) = std::mem::take(&mut rest);
                    let (symbols, later_symbols) = symbols.split_at_mut(starts[end] - starts[first]);
                    let (lengths, later_lengths) = lengths.split_at_mut(end - first);
                    rest = (later_symbols, later_lengths);
                    let part = Part { symbols, lengths, first };
                    first = end;
                    scope.spawn(move || {
                        let mut changes = Changes::default();
                        self.part(part, share, starts, counts, &mut changes);
                        changes
                    })
                })
                .collect();
            for worker in workers {
                join(changes, worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
        });
    }

    fn part(&self, part: Part<'_>, places: &[u32], starts: &[usize], counts: &[u64], changes: &mut Changes) {
        let Part { symbols, lengths, first } = part;
        let base = starts[first];
        for &word in places {
            let at = word as usize;
            let length = &mut lengths[at - first];
            let start = starts[at] - base;
            let symbols = &mut symbols[start..start + *length as usize];
            let count = counts[at] as i64;
            *length = self.word(symbols, &mut |pair, sign| note(changes, pair, word, sign * count)) as u32;
        }
    }

    /// Merges in one word and gives its new length. `change` hears of each pair that is gone (-1) or new (1).
    fn word(&self, symbols: &mut [u32], change: &mut dyn FnMut(Pair, i64)) -> usize {
        let (left, right) = sides(self.both);
        let (mut from, mut to) = (0, 0);
        while from < symbols.len() {
            if symbols[from] != left || symbols.get(from + 1) != Some(&right) {
                symbols[to] = symbols[from];
                (from, to) = (from + 1, to + 1);
                continue;
            }
            if to > 0 {
                let before = symbols[to - 1];
                change(pair(before, left), -1);
                if (self.counts)(before, self.merged) {
                    change(pair(before, self.merged), 1);
                }
            }
            if let Some(&after) = symbols.get(from + 2) {
                change(pair(right, after), -1);
                if (self.counts)(self.merged, after) {
                    change(pair(self.merged, after), 1);
                }
            }
            symbols[to] = self.merged;
            (from, to) = (from + 2, to + 1);
        }
        to
    }
}

/// Neighbouring words from `first` on.
struct Part<'a> {
    symbols: &'a mut [u32],
    lengths: &'a mut [u32],
    first: usize,
}
