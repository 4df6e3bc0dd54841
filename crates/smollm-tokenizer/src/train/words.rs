//! The words that are trained on: which of those that were counted, and the symbols that each consists of.

use std::fs::File;

use hashbrown::HashMap;

use super::table::WordTable;
use super::{TrainError, runs};

/// Bytes that a word takes while pairs merge, beside those of its symbols: its place, length and count.
const WORD: u64 = 24;
/// Bytes that a byte of a word takes at most: the symbol, the places where its pairs are kept, and its share of the pairs.
const SYMBOL: u64 = 24;

/// Counted words.
pub(super) enum Counts {
    /// In memory.
    Table(WordTable),
    /// In scratch files.
    Runs(Vec<File>),
}

/// Words that memory had no place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// How many: all that occur less often than [`Self::below`].
    pub words: u64,
    /// How often they occur together.
    pub occurrences: u64,
    /// Words that occur so often or more are trained on.
    pub below: u64,
    /// Occurrences of all words.
    pub of: u64,
}

/// What there is, and how much of it has a place.
pub(super) struct Survey {
    /// Different words.
    pub(super) words: u64,
    /// Which bytes they have.
    pub(super) seen: [bool; 256],
    /// The least count of a word that is trained on.
    pub(super) least: u64,
    pub(super) left_out: Option<LeftOut>,
}

impl Counts {
    /// Calls `each` with every word, once, and its count.
    pub(super) fn each(&mut self, each: &mut dyn FnMut(&[u8], u64)) -> Result<(), TrainError> {
        match self {
            Self::Table(table) => {
                table.iter().for_each(|(word, count)| each(word, count));
                Ok(())
            }
            Self::Runs(files) => runs::read(files, each).map_err(TrainError::Scratch),
        }
    }

    /// Looks through the words. Those that occur often come first where `memory` has no place for all: what is left out depends
    /// on counts alone, never on the order of texts.
    pub(super) fn survey(&mut self, memory: usize) -> Result<Survey, TrainError> {
        let mut seen = [false; 256];
        let mut by_count: HashMap<u64, (u64, u64)> = HashMap::new(); // words, and bytes that they need
        self.each(&mut |word, count| {
            word.iter().for_each(|&byte| seen[usize::from(byte)] = true);
            let (words, needed) = by_count.entry(count).or_default();
            *words += 1;
            *needed += WORD + SYMBOL * word.len() as u64;
        })?;
        let mut by_count: Vec<(u64, (u64, u64))> = by_count.into_iter().collect();
        by_count.sort_unstable_by(|a, b| b.cmp(a));
        let (mut taken, mut needed) = (0, 0);
        let place = by_count.iter().take_while(|(_, (words, bytes))| {
            taken += words;
            needed += bytes;
            needed <= memory as u64 && taken <= u64::from(u32::MAX)
        });
        let place = place.count();
        let (kept, rest) = by_count.split_at(place);
        if let (None, Some((_, (_, needed)))) = (kept.last(), rest.first()) {
            return Err(TrainError::Memory { memory, needed: *needed });
        }
        let words = |part: &[(u64, (u64, u64))]| part.iter().map(|(_, (words, _))| words).sum::<u64>();
        let occurrences =
            |part: &[(u64, (u64, u64))]| part.iter().map(|(count, (words, _))| count * words).sum::<u64>();
        let least = kept.last().map_or(0, |(count, _)| *count);
        let left_out = (!rest.is_empty()).then(|| LeftOut {
            words: words(rest),
            occurrences: occurrences(rest),
            below: least,
            of: occurrences(&by_count),
        });
        Ok(Survey { words: words(&by_count), seen, least, left_out })
    }
}

/// Words as symbols, which merge in place.
#[derive(Default)]
pub(super) struct Words {
    pub(super) symbols: Vec<u32>,
    /// Where the symbols of each word begin, and at last where those of one more would.
    pub(super) starts: Vec<usize>,
    /// How many symbols each word still has.
    pub(super) lengths: Vec<u32>,
    pub(super) counts: Vec<u64>,
}

impl Words {
    /// The words that occur at least `least` times and have a pair of symbols; `ids` are those of bytes.
    pub(super) fn new(mut counts: Counts, least: u64, ids: &[u32; 256]) -> Result<Self, TrainError> {
        let mut words = Self { starts: vec![0], ..Self::default() };
        counts.each(&mut |word, count| {
            if count >= least && word.len() > 1 {
                words.symbols.extend(word.iter().map(|&byte| ids[usize::from(byte)]));
                words.starts.push(words.symbols.len());
                words.lengths.push(word.len() as u32);
                words.counts.push(count);
            }
        })?;
        Ok(words)
    }
}
