//! The lexemes of a grammar, byte by byte, each by itself: where a byte leads, and what ends a lexeme soonest from there.
//!
//! States are found as texts come to them. All answers of a grammar share them: where a byte leads is so whoever asks. When there are too many,
//! they are forgotten, and those that an answer needs are found again.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashSet;
use llguidance::api::ParserLimits;
use llguidance::derivre::StateID;
use llguidance::earley::CGrammar;
use llguidance::earley::lexerspec::{LexemeIdx, LexemeSpec};
use llguidance::earley::regexvec::{LexemeSet, LexerStats, RegexVec, StateDesc};

use super::completion::Suffix;
use super::search::{Known, Outcome, Searches, Way};
use super::{NEVER, TOO_MUCH, TooMuch};

/// States in which the search for the ends of all lexemes may come while a grammar is compiled: with what is known of each, some 30 MB.
const MOST_STATES: usize = 60_000;
/// States that are made beside those before they are forgotten.
const MOST_FURTHER: usize = 60_000;
/// Work on expressions, in the compiler's units of some 100 ns: while a grammar is compiled, and for one token. That of a token is far more
/// than it needs, since it hangs on what others have found already: what it may look for is counted in states.
const COMPILE_FUEL: u64 = 30_000_000;
const TOKEN_FUEL: u64 = 5_000_000;

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
    known: Known,
    /// As they are, once an answer has needed them.
    table: Mutex<Option<Table>>,
    /// Bytes of both when an answer has last looked: to be read while another one is at work.
    size: AtomicUsize,
}

/// States, and where bytes lead from them.
#[derive(Debug, Clone)]
pub(super) struct Table {
    lexer: RegexVec,
    /// How often they have been forgotten: those of another generation mean nothing.
    pub(super) generation: u64,
    /// How many there may be.
    most: usize,
    /// Work for each token.
    fuel: u64,
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
        let Self { first, alphabet, compiled, known, .. } = &mut lexemes;
        compiled.lexer.set_fuel(COMPILE_FUEL);
        let mut texts = Vec::with_capacity(first.len());
        for (index, &state) in first.iter().enumerate() {
            let suffix = known.learn(state, compiled, alphabet, MOST_STATES);
            let suffix = suffix.ok().filter(|_| !compiled.is_worn()).ok_or(TOO_MUCH)?;
            if suffix.cost() < NEVER && grammar.lexer_spec().skip_by_class.contains(&LexemeIdx::new(index)) {
                return Err("there may be text between its parts (%ignore)".into());
            }
            texts.push((suffix.cost() < NEVER).then(|| suffix.bytes().collect()));
        }
        compiled.most = compiled.states() + MOST_FURTHER;
        lexemes.size = AtomicUsize::new(lexemes.compiled_bytes() + lexemes.compiled.bytes());
        Ok((lexemes, texts))
    }

    /// The same before anything is known of their ends.
    ///
    /// # Errors
    /// They cannot be read.
    pub(super) fn unsearched(grammar: &CGrammar, may_write: impl Fn(u8) -> bool) -> Result<Self, String> {
        let mut lexer = grammar.lexer_spec().to_regex_vec(&mut ParserLimits::default()).map_err(|e| e.to_string())?;
        lexer.set_max_states(usize::MAX); // how many there may be is counted here
        let count = grammar.lexer_spec().lexemes.len();
        let alphabet = alphabet(&lexer, may_write);
        let lazy = (0..count).map(|i| lexer.lazy_regexes().contains(LexemeIdx::new(i))).collect();
        let mut before = |index| {
            let mut alone = LexemeSet::new(count);
            alone.add(LexemeIdx::new(index));
            lexer.initial_state(&alone)
        };
        let first = (0..count).map(&mut before).collect();
        let compiled = Table { lexer, generation: 0, most: MOST_STATES, fuel: TOKEN_FUEL };
        let (table, size) = (Mutex::new(None), AtomicUsize::new(0));
        Ok(Self { first, lazy, alphabet, compiled, known: Known::default(), table, size })
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
            let (generation, most) = (known.generation + 1, known.most.max(self.compiled.most));
            *known = Table { generation, most, fuel: known.fuel, ..self.compiled.clone() };
        }
        known.lexer.set_fuel(known.fuel);
        Shared { lexemes: self, table }
    }

    /// Whether no lexeme tells these bytes apart.
    pub(super) fn are_alike(&self, one: u8, other: u8) -> bool {
        let classes = self.compiled.lexer.alpha();
        classes.map(one) == classes.map(other)
    }

    /// What was there when the grammar had been compiled, in bytes.
    fn compiled_bytes(&self) -> usize {
        self.compiled.bytes() + self.known.bytes()
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

    /// Lets tokens be no more work than this.
    #[cfg(test)]
    pub(super) fn limit_work(&self, fuel: u64) {
        self.shared().table().fuel = fuel;
    }

    /// States that there are.
    #[cfg(test)]
    pub(super) fn states(&self) -> usize {
        self.table.lock().unwrap().as_ref().unwrap().states()
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
        self.lexemes.size.store(self.lexemes.compiled_bytes() + grown, Relaxed);
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
        let Table { lexer, fuel, .. } = self.table();
        if !lexer.has_error() {
            lexer.set_fuel(*fuel);
        }
    }

    /// What is true of all states of this generation is not any more: more work was asked for than there may be.
    pub(super) fn check(&mut self) -> Result<(), TooMuch> {
        self.table().check()
    }

    /// An answer needs as many states as there are now, and some more.
    pub(super) fn make_room(&mut self) {
        let table = self.table();
        table.most = table.most.max(2 * table.states());
    }

    /// Whether the text so far is a whole lexeme.
    pub(super) fn accepts(&mut self, state: StateID) -> bool {
        self.table().accepts(state)
    }

    /// The bytes that its last ones would be behind its end.
    pub(super) fn hidden(&mut self, state: StateID) -> u32 {
        self.table().lexer.state_desc(state).lazy_hidden_len
    }

    /// What ends a lexeme soonest, if that was known when the grammar had been compiled.
    pub(super) fn known(&mut self, state: StateID) -> Option<Suffix> {
        let known = &self.lexemes.known;
        known.of(state, self.table())
    }

    /// What ends a lexeme soonest, for an answer that has come from a way to its end; where it is not found, as if nothing did.
    pub(super) fn find(
        &mut self,
        state: StateID,
        way: Option<&Way>,
        searches: &mut Searches,
    ) -> Result<Suffix, TooMuch> {
        let Lexemes { known, alphabet, .. } = self.lexemes;
        Ok(match searches.end(state, way, self.table(), known, alphabet)? {
            Outcome::Found(suffix) => suffix,
            Outcome::Nothing | Outcome::BrokenOff => Suffix::Never,
        })
    }
}

impl Table {
    fn is_worn(&self) -> bool {
        self.lexer.has_error() || self.states() > self.most
    }

    /// How many there are.
    fn states(&self) -> usize {
        self.lexer.stats().num_states
    }

    /// Whether there was work enough for all that was asked of it.
    pub(super) fn check(&self) -> Result<(), TooMuch> {
        if self.lexer.has_error() { Err(TooMuch) } else { Ok(()) }
    }

    fn bytes(&self) -> usize {
        lexer_bytes(&self.lexer.stats())
    }

    /// Where a byte leads.
    pub(super) fn step(&mut self, state: StateID, byte: u8) -> StateID {
        self.lexer.transition(state, byte)
    }

    /// Whether the text so far is a whole lexeme.
    pub(super) fn accepts(&self, state: StateID) -> bool {
        let desc = self.lexer.state_desc(state);
        desc.greedy_accepting.is_some() || desc.lazy_accepting.is_some()
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
