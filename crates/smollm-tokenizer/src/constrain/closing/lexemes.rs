//! The lexemes of a grammar, byte by byte, each by itself: where a byte leads, and what ends a lexeme soonest from there.
//!
//! States are found as texts come to them. All answers of a grammar share them, and what is known of their ends; when there are too many,
//! they are forgotten, and those that an answer needs are found again.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashSet;
use llguidance::api::ParserLimits;
use llguidance::derivre::StateID;
use llguidance::earley::CGrammar;
use llguidance::earley::lexerspec::{LexemeIdx, LexemeSpec};
use llguidance::earley::regexvec::{LexemeSet, LexerStats, RegexVec, StateDesc};

use super::ending::End;
use super::{NEVER, TOO_MUCH, TooMuch};

/// States in which the search for the ends of all lexemes may come while a grammar is compiled: with what is known of each, some 30 MB.
const MOST_STATES: usize = 60_000;
/// States that are made beside those before they are forgotten.
const MOST_FURTHER: usize = 60_000;
/// States that a search looks at while an answer is written.
const MOST_AT_ONCE: usize = 4_000;
/// States that a search still looks at when it has found an end, which may not be the soonest.
const SETTLE: usize = 64;
/// Work on expressions, in the compiler's units of some 100 ns: while a grammar is compiled, and for one token.
const COMPILE_FUEL: u64 = 30_000_000;
const TOKEN_FUEL: u64 = 500_000;
/// Of that, what no search begins another step with: a step for which it does not suffice costs all that is known.
const RESERVE: u64 = 200_000;

#[cfg(test)]
thread_local! {
    /// How often this thread has looked for the ends of all lexemes.
    pub(in crate::constrain) static SEARCHES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The shortest text of each lexeme that has one.
pub(super) type Texts = Vec<Option<Vec<u8>>>;

/// The lexemes of a grammar.
#[derive(Debug)]
pub(super) struct Lexemes {
    /// The state before each lexeme.
    first: Vec<StateID>,
    lazy: Vec<bool>,
    /// A byte for each class of bytes that no lexeme tells apart, plain ones first.
    alphabet: Vec<u8>,
    /// As they were when the grammar had been compiled.
    compiled: Table,
    /// As they are, once an answer has needed them.
    table: Mutex<Option<Table>>,
    /// Bytes of both when an answer has last looked: to be read while another one is at work.
    size: AtomicUsize,
}

/// States, and what is known of them.
#[derive(Debug, Clone)]
pub(super) struct Table {
    lexer: RegexVec,
    /// By state.
    ends: Vec<Option<End>>,
    /// Bytes that have been found to stand at the end of lexemes.
    tails: usize,
    /// How often states have been forgotten: those of another generation mean nothing.
    pub(super) generation: u64,
    /// States that there may be.
    most: usize,
    /// States that a search looks at: fewer, the more searches have broken off in a step for which the reserve did not suffice.
    most_at_once: usize,
    /// Work that a search leaves.
    reserve: u64,
}

impl Lexemes {
    /// Those of a grammar, with texts of the bytes that `may_write` lets through, and the shortest of each that has one.
    ///
    /// # Errors
    /// They cannot be read, or it takes too much work to find out how they end.
    pub(super) fn new(grammar: &CGrammar, may_write: impl Fn(u8) -> bool) -> Result<(Self, Texts), String> {
        #[cfg(test)]
        SEARCHES.set(SEARCHES.get() + 1);
        let mut lexemes = Self::unsearched(grammar, may_write)?;
        let Self { first, alphabet, compiled, .. } = &mut lexemes;
        compiled.lexer.set_fuel(COMPILE_FUEL);
        let mut texts = Vec::with_capacity(first.len());
        for (index, &state) in first.iter().enumerate() {
            let end = compiled.end(state, alphabet);
            let end = end.ok().filter(|_| !compiled.is_worn()).ok_or(TOO_MUCH)?;
            if end.cost() < NEVER && grammar.lexer_spec().skip_by_class.contains(&LexemeIdx::new(index)) {
                return Err("there may be text between its parts (%ignore)".into());
            }
            texts.push((end.cost() < NEVER).then(|| end.bytes().collect()));
        }
        compiled.most = compiled.ends.len() + MOST_FURTHER;
        (compiled.most_at_once, compiled.reserve) = (MOST_AT_ONCE, RESERVE);
        lexemes.size = AtomicUsize::new(2 * lexemes.compiled.bytes());
        Ok((lexemes, texts))
    }

    /// The same before anything is known of their ends.
    ///
    /// # Errors
    /// They cannot be read.
    pub(super) fn unsearched(grammar: &CGrammar, may_write: impl Fn(u8) -> bool) -> Result<Self, String> {
        let mut lexer = grammar.lexer_spec().to_regex_vec(&mut ParserLimits::default()).map_err(|e| e.to_string())?;
        let count = grammar.lexer_spec().lexemes.len();
        let alphabet = alphabet(&lexer, may_write);
        let lazy = (0..count).map(|i| lexer.lazy_regexes().contains(LexemeIdx::new(i))).collect();
        let mut before = |index| {
            let mut alone = LexemeSet::new(count);
            alone.add(LexemeIdx::new(index));
            lexer.initial_state(&alone)
        };
        let first = (0..count).map(&mut before).collect();
        let (most, most_at_once) = (MOST_STATES, MOST_STATES);
        let compiled = Table { lexer, ends: Vec::new(), tails: 0, generation: 0, most, most_at_once, reserve: 0 };
        Ok(Self { first, lazy, alphabet, compiled, table: Mutex::new(None), size: AtomicUsize::new(0) })
    }

    /// Whether any text matches each.
    pub(super) fn are_possible(&self) -> impl Iterator<Item = bool> + '_ {
        self.first.iter().map(|state| !state.is_dead())
    }

    /// The state before a lexeme.
    pub(super) fn first(&self, lexeme: LexemeIdx) -> StateID {
        self.first[lexeme.as_usize()]
    }

    /// Whether it ends as soon as it can.
    pub(super) fn is_lazy(&self, lexeme: LexemeIdx) -> bool {
        self.lazy[lexeme.as_usize()]
    }

    /// What all answers share.
    pub(super) fn shared(&self) -> Shared<'_> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let known = table.get_or_insert_with(|| self.compiled.clone());
        if known.is_worn() {
            let Table { generation, most, most_at_once, reserve, .. } = *known;
            let (generation, most) = (generation + 1, most.max(self.compiled.most));
            *known = Table { generation, most, most_at_once, reserve, ..self.compiled.clone() };
        }
        known.lexer.set_fuel(TOKEN_FUEL);
        Shared { lexemes: self, table }
    }

    /// About how many bytes they take, without waiting for anyone.
    pub(super) fn bytes(&self) -> usize {
        self.size.load(Relaxed)
    }

    /// Forgets states, as when there are too many.
    #[cfg(test)]
    pub(super) fn forget(&self) {
        self.table.lock().unwrap().as_mut().unwrap().most = 0;
    }

    /// Lets searches use up all work that there may be.
    #[cfg(test)]
    pub(super) fn search_without_reserve(&self) {
        self.shared().table().reserve = 0;
    }

    /// States that there are.
    #[cfg(test)]
    pub(super) fn states(&self) -> usize {
        self.table.lock().unwrap().as_ref().unwrap().ends.len()
    }
}

/// The states of all answers, for one of them.
pub(super) struct Shared<'l> {
    lexemes: &'l Lexemes,
    table: MutexGuard<'l, Option<Table>>,
}

impl Drop for Shared<'_> {
    fn drop(&mut self) {
        let grown = self.table.as_ref().map_or(0, Table::bytes);
        self.lexemes.size.store(self.lexemes.compiled.bytes() + grown, Relaxed);
    }
}

impl Shared<'_> {
    fn table(&mut self) -> &mut Table {
        self.table.get_or_insert_with(|| self.lexemes.compiled.clone())
    }

    pub(super) fn generation(&mut self) -> u64 {
        self.table().generation
    }

    /// Where a byte leads.
    pub(super) fn step(&mut self, state: StateID, byte: u8) -> StateID {
        self.table().step(state, byte)
    }

    /// As much work again as a token may be.
    pub(super) fn refuel(&mut self) {
        let lexer = &mut self.table().lexer;
        if !lexer.has_error() {
            lexer.set_fuel(TOKEN_FUEL);
        }
    }

    /// What is true of all states of this generation is not any more: more work was asked for than there may be.
    pub(super) fn check(&mut self) -> Result<(), TooMuch> {
        if self.table().lexer.has_error() { Err(TooMuch) } else { Ok(()) }
    }

    /// An answer needs as many states as there are now, and some more.
    pub(super) fn make_room(&mut self) {
        let table = self.table();
        table.most = table.most.max(2 * table.ends.len());
    }

    /// Whether the text so far is a whole lexeme.
    pub(super) fn accepts(&mut self, state: StateID) -> bool {
        self.table().accepts(state)
    }

    /// The bytes that its last ones would be behind its end.
    pub(super) fn hidden(&mut self, state: StateID) -> u32 {
        self.table().lexer.state_desc(state).lazy_hidden_len
    }

    /// What ends a lexeme soonest.
    pub(super) fn end(&mut self, state: StateID) -> Result<End, TooMuch> {
        let alphabet = &self.lexemes.alphabet;
        self.table().end(state, alphabet)
    }
}

impl Table {
    fn is_worn(&self) -> bool {
        self.lexer.has_error() || self.ends.len() > self.most
    }

    fn bytes(&self) -> usize {
        lexer_bytes(&self.lexer.stats()) + self.ends.len() * size_of::<Option<End>>() + self.tails * End::BYTES
    }

    fn step(&mut self, state: StateID, byte: u8) -> StateID {
        let next = self.lexer.transition(state, byte);
        if next.as_usize() >= self.ends.len() {
            self.ends.resize(next.as_usize() + 1, None);
        }
        next
    }

    fn accepts(&self, state: StateID) -> bool {
        let desc = self.lexer.state_desc(state);
        desc.greedy_accepting.is_some() || desc.lazy_accepting.is_some()
    }

    fn known(&self, state: StateID) -> Option<End> {
        if self.accepts(state) { Some(End::Here) } else { self.ends.get(state.as_usize())?.clone() }
    }

    /// What ends a lexeme soonest: looked for breadth first, and kept for all states on the way. Where the work runs out before anything is
    /// found, nothing is kept but the states, so that the next search comes further.
    fn end(&mut self, from: StateID, alphabet: &[u8]) -> Result<End, TooMuch> {
        if let Some(known) = self.known(from) {
            return Ok(known);
        }
        // each state with the one before it and the byte between
        let mut seen: Vec<(StateID, usize, u8)> = vec![(from, 0, 0)];
        let mut met: HashSet<StateID> = HashSet::from([from]);
        let mut best: Option<(u32, usize)> = None;
        let (mut level, mut length, mut enough) = (0..1, 0_u32, usize::MAX);
        let (mut all, mut fuelled) = (true, true);
        while !level.is_empty() {
            for index in level.clone() {
                let total = self.known(seen[index].0).map_or(NEVER, |rest| (length + rest.cost()).min(NEVER));
                if total < best.map_or(NEVER, |(least, _)| least) {
                    best = Some((total, index));
                }
            }
            if best.is_some() {
                enough = enough.min(seen.len() + SETTLE);
            }
            length += 1;
            let settled = best.is_some_and(|(least, _)| length >= least || seen.len() > enough);
            if settled || !fuelled {
                break;
            }
            let end = seen.len();
            for index in level {
                let state = seen[index].0;
                if index > 0 && self.known(state).is_some() {
                    continue; // what is behind it is known
                }
                all = seen.len() <= self.most_at_once;
                fuelled = all && self.look_around(index, alphabet, &mut seen, &mut met)?;
                if !fuelled {
                    break;
                }
            }
            level = end..seen.len();
        }
        let Some((_, mut index)) = best else {
            if self.ends.len() > self.most {
                return Err(TooMuch);
            }
            if fuelled || !all {
                // where the search has not come to its end, only this one is given up
                for (state, ..) in seen.into_iter().take(if all { usize::MAX } else { 1 }) {
                    self.keep(state, End::Never);
                }
            }
            return Ok(End::Never);
        };
        let mut end = self.known(seen[index].0).unwrap_or(End::Here);
        while index != 0 {
            let (_, before, byte) = seen[index];
            end = end.behind(byte);
            self.tails += 1;
            self.keep(seen[before].0, end.clone());
            index = before;
        }
        Ok(end)
    }

    /// Adds where the bytes lead from one of the states that a search has seen; whether there was work left to do so.
    fn look_around(
        &mut self,
        index: usize,
        alphabet: &[u8],
        seen: &mut Vec<(StateID, usize, u8)>,
        met: &mut HashSet<StateID>,
    ) -> Result<bool, TooMuch> {
        let state = seen[index].0;
        for &byte in alphabet {
            if self.lexer.get_fuel() < self.reserve {
                return Ok(false);
            }
            let next = self.step(state, byte);
            if !next.is_dead() && met.insert(next) {
                seen.push((next, index, byte));
            }
        }
        if self.lexer.has_error() {
            self.most_at_once /= 4;
            return Err(TooMuch);
        }
        Ok(true)
    }

    fn keep(&mut self, state: StateID, end: End) {
        if state.as_usize() >= self.ends.len() {
            self.ends.resize(state.as_usize() + 1, None);
        }
        self.ends[state.as_usize()] = Some(end);
    }
}

/// About how many bytes a lexer takes: what it says itself, and what that leaves out of each state, which has a bit for each lexeme, and of
/// each lexeme.
pub(in crate::constrain) fn lexer_bytes(stats: &LexerStats) -> usize {
    const COUNTED: usize = 100;
    let state = size_of::<StateDesc>() - COUNTED + size_of::<u32>() * stats.num_regexps.div_ceil(32);
    stats.num_bytes + stats.num_states * state + stats.num_regexps * size_of::<LexemeSpec>()
}

/// A byte of each class, letters, digits and other plain characters first.
fn alphabet(lexer: &RegexVec, may_write: impl Fn(u8) -> bool) -> Vec<u8> {
    let plain = (b'a'..=b'z').chain(b'0'..=b'9').chain(b'A'..=b'Z').chain(b' '..=b'~').chain(0..=255);
    let mut classes = HashSet::new();
    plain.filter(|&byte| may_write(byte) && classes.insert(lexer.alpha().map(byte))).collect()
}
