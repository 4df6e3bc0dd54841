//! The search for what ends a lexeme soonest, and what one answer has found by it.
//!
//! What a search finds hangs on where it begins, on what was known of the grammar when it had been compiled, and on the way to the end that its
//! answer has come from. What other answers have found is not looked at: it would make an answer hang on what was written before it.

use hashbrown::{HashMap, HashSet};
use llguidance::derivre::StateID;

use super::completion::Suffix;
use super::lexemes::Table;
use super::{NEVER, TooMuch};

/// States that a search looks at while an answer is written.
const MOST_AT_ONCE: usize = 2_000;
/// States that a search still looks at when it has found an end, which may not be the soonest.
const SETTLE: usize = 64;
/// States that all searches of an answer look at, but for those that look at no more than some.
const MOST_IN_ALL: usize = 100_000;
const UNCOUNTED: usize = 256;
/// States on the way that an answer has come from that a search knows of.
const MOST_ON_WAY: usize = 64;

/// The ends that were found while a grammar was compiled, by state.
#[derive(Debug, Default)]
pub(super) struct Known {
    suffixes: Vec<Option<Suffix>>,
    /// Bytes in them.
    tails: usize,
}

/// Whether a lexeme has an end.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Found(Suffix),
    /// It never ends.
    Nothing,
    /// It may, further away than a search looks.
    BrokenOff,
}

/// States that a search has looked at.
struct Seen {
    /// Each with the one before it and the byte between.
    states: Vec<(StateID, usize, u8)>,
    /// The one from which an end is known that is the soonest of all.
    best: Option<usize>,
    /// Whether there were no more than it may look at.
    all: bool,
}

/// A way to the end of a lexeme that an answer has come from: what it has found last.
#[derive(Debug, Clone)]
pub(super) struct Way {
    /// Where it begins.
    pub(super) state: StateID,
    pub(super) suffix: Suffix,
}

/// Where a search began, and the way that it knew of.
type Asked = (StateID, Option<(StateID, u64)>);

/// What one answer has found, and how much more it may look for.
#[derive(Debug, Clone)]
pub(in crate::constrain) struct Searches {
    /// By the searches that were counted: no more than that many. It saves work, and answers nothing that would be found otherwise.
    found: HashMap<Asked, Outcome>,
    /// Which states those are.
    generation: u64,
    left: usize,
}

impl Default for Searches {
    fn default() -> Self {
        Self { found: HashMap::new(), generation: 0, left: MOST_IN_ALL }
    }
}

impl Known {
    /// What ends a lexeme soonest, if that needs no search.
    pub(super) fn of(&self, state: StateID, table: &Table) -> Option<Suffix> {
        if table.accepts(state) { Some(Suffix::Here) } else { self.suffixes.get(state.as_usize())?.clone() }
    }

    /// What ends a lexeme soonest: looked for where it must be, and known from then on for all states on the way.
    ///
    /// # Errors
    /// It takes too much work, or more states than `most`.
    pub(super) fn learn(
        &mut self,
        from: StateID,
        table: &mut Table,
        alphabet: &[u8],
        most: usize,
    ) -> Result<Suffix, TooMuch> {
        if let Some(known) = self.of(from, table) {
            return Ok(known);
        }
        let seen = Seen::from(from, table, |state, table| self.of(state, table), alphabet, most)?;
        let Some(best) = seen.best else {
            if !seen.all {
                return Err(TooMuch);
            }
            seen.states.iter().for_each(|&(state, ..)| self.keep(state, Suffix::Never));
            return Ok(Suffix::Never);
        };
        let (mut at, mut suffix) = (best, self.of(seen.states[best].0, table).unwrap_or(Suffix::Here));
        while at != 0 {
            let (_, before, byte) = seen.states[at];
            suffix = suffix.behind(byte);
            self.tails += 1;
            self.keep(seen.states[before].0, suffix.clone());
            at = before;
        }
        Ok(suffix)
    }

    fn keep(&mut self, state: StateID, suffix: Suffix) {
        if state.as_usize() >= self.suffixes.len() {
            self.suffixes.resize(state.as_usize() + 1, None);
        }
        self.suffixes[state.as_usize()] = Some(suffix);
    }

    /// About how many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        self.suffixes.len() * size_of::<Option<Suffix>>() + self.tails * Suffix::BYTES
    }
}

impl Way {
    /// The first states on it, with what ends the lexeme from each.
    fn states(&self, table: &mut Table) -> HashMap<StateID, Suffix> {
        let (mut states, mut state, mut suffix) = (HashMap::new(), self.state, self.suffix.clone());
        for byte in self.suffix.bytes().take(MOST_ON_WAY) {
            // where it comes to a state again, the later end is the sooner one
            states.insert(state, suffix.clone());
            (state, suffix) = (table.step(state, byte), suffix.rest());
        }
        states
    }
}

impl Searches {
    /// What ends a lexeme soonest from a state of which nothing is known; it takes part in the account of the answer.
    ///
    /// # Errors
    /// It takes too much work: the answer should look for nothing more.
    pub(super) fn end(
        &mut self,
        from: StateID,
        way: Option<&Way>,
        table: &mut Table,
        known: &Known,
        alphabet: &[u8],
    ) -> Result<Outcome, TooMuch> {
        if self.generation != table.generation {
            self.found.clear();
            self.generation = table.generation;
        }
        let asked = (from, way.map(|way| (way.state, way.suffix.mark())));
        if let Some(found) = self.found.get(&asked) {
            return Ok(found.clone());
        }
        if self.are_used_up() {
            return Ok(Outcome::BrokenOff);
        }
        let on_way = way.map(|way| way.states(table)).unwrap_or_default();
        let known = |state, table: &Table| known.of(state, table).or_else(|| on_way.get(&state).cloned());
        let seen = Seen::from(from, table, known, alphabet, MOST_AT_ONCE)?;
        let outcome = match seen.best {
            Some(best) => Outcome::Found(seen.suffix(best, known(seen.states[best].0, table))),
            None if seen.all => Outcome::Nothing,
            None => Outcome::BrokenOff,
        };
        if seen.states.len() > UNCOUNTED {
            self.left = self.left.saturating_sub(seen.states.len());
            self.found.insert(asked, outcome.clone());
        }
        Ok(outcome)
    }

    /// Whether the answer may look for nothing more.
    pub(in crate::constrain) fn are_used_up(&self) -> bool {
        self.left == 0
    }

    /// Looks for nothing more.
    pub(super) fn give_up(&mut self) {
        self.left = 0;
    }
}

impl Seen {
    /// Looks breadth first for what ends a lexeme soonest, in the order of the alphabet, at no more states than about `most`.
    fn from(
        from: StateID,
        table: &mut Table,
        known: impl Fn(StateID, &Table) -> Option<Suffix>,
        alphabet: &[u8],
        most: usize,
    ) -> Result<Self, TooMuch> {
        let mut seen = Self { states: vec![(from, 0, 0)], best: None, all: true };
        let mut met: HashSet<StateID> = HashSet::from([from]);
        let (mut level, mut length, mut least, mut enough) = (0..1, 0_u32, NEVER, usize::MAX);
        while !level.is_empty() {
            for index in level.clone() {
                let total = known(seen.states[index].0, table).map_or(NEVER, |rest| (length + rest.cost()).min(NEVER));
                if total < least {
                    (least, seen.best) = (total, Some(index));
                }
            }
            if seen.best.is_some() {
                enough = enough.min(seen.states.len() + SETTLE);
            }
            length += 1;
            if !seen.all || seen.best.is_some() && (length >= least || seen.states.len() > enough) {
                break;
            }
            let end = seen.states.len();
            for index in level {
                let state = seen.states[index].0;
                if index > 0 && known(state, table).is_some() {
                    continue; // what is behind it is known
                }
                seen.all = seen.states.len() <= most;
                if !seen.all {
                    break;
                }
                for &byte in alphabet {
                    let next = table.step(state, byte);
                    if !next.is_dead() && met.insert(next) {
                        seen.states.push((next, index, byte));
                    }
                }
                table.check()?;
            }
            level = end..seen.states.len();
        }
        Ok(seen)
    }

    /// The bytes to a state, and what ends the lexeme from there.
    fn suffix(&self, best: usize, rest: Option<Suffix>) -> Suffix {
        let (mut at, mut suffix) = (best, rest.unwrap_or(Suffix::Here));
        while at != 0 {
            let (_, before, byte) = self.states[at];
            (at, suffix) = (before, suffix.behind(byte));
        }
        suffix
    }
}
