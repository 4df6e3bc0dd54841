//! How far a text has followed the rules, and what ends it soonest.

use std::sync::Arc;

use llguidance::derivre::StateID;
use llguidance::earley::lexerspec::LexemeIdx;

use super::ending::{End, Ending};
use super::lexemes::Shared;
use super::row::Row;
use super::rules::Rules;
use super::{NEVER, Stop, TooMuch};

/// Bytes that are followed again by as much work as a token may be.
const REFUELLED: usize = 256;

/// A text under way.
#[derive(Debug, Clone)]
pub(in crate::constrain) struct Chart {
    rules: Arc<Rules>,
    row: Arc<Row>,
    /// The text since then, and the lexemes that it may be the beginning of.
    text: Vec<u8>,
    states: Vec<(LexemeIdx, StateID)>,
    /// Which states those are.
    generation: u64,
}

impl Chart {
    /// Before all text.
    ///
    /// # Errors
    /// There is too much that it may begin with.
    pub(in crate::constrain) fn new(rules: Arc<Rules>) -> Result<Self, TooMuch> {
        let row = Row::first(&rules)?;
        let mut chart = Self { rules, row, text: Vec::new(), states: Vec::new(), generation: 0 };
        chart.generation = chart.rules.lexemes.shared().generation();
        chart.begin_lexeme();
        Ok(chart)
    }

    /// Whether every byte of what ends a text is a token.
    pub(in crate::constrain) fn ends_in_single_bytes(&self) -> bool {
        self.rules.in_single_bytes
    }

    /// About how many bytes there are that all texts of its rules share.
    pub(in crate::constrain) fn bytes(&self) -> usize {
        self.rules.bytes()
    }

    /// Follows a text. After an error it is of no use.
    ///
    /// # Errors
    /// The rules do not allow it, or it takes too much work to tell.
    pub(in crate::constrain) fn follow(&mut self, text: &[u8]) -> Result<(), Stop> {
        let rules = self.rules.clone();
        let mut shared = rules.lexemes.shared();
        self.catch_up(&mut shared);
        let followed = text.iter().try_for_each(|&byte| self.byte(&mut shared, byte));
        shared.check()?;
        followed
    }

    /// Finds its states again if they have been forgotten.
    fn catch_up(&mut self, shared: &mut Shared<'_>) {
        if self.generation == shared.generation() {
            return;
        }
        self.generation = shared.generation();
        let text = std::mem::take(&mut self.text);
        self.begin_lexeme();
        for part in text.chunks(REFUELLED) {
            shared.refuel();
            part.iter().for_each(|&byte| self.states = self.stepped(shared, byte));
        }
        shared.refuel();
        self.text = text;
        shared.make_room();
    }

    fn begin_lexeme(&mut self) {
        let lexemes = &self.rules.lexemes;
        self.text.clear();
        self.states.clear();
        self.states.extend(self.row.lexemes().map(|lexeme| (lexeme, lexemes.first(lexeme))));
    }

    fn stepped(&self, shared: &mut Shared<'_>, byte: u8) -> Vec<(LexemeIdx, StateID)> {
        let step = |&(lexeme, state): &(LexemeIdx, StateID)| (lexeme, shared.step(state, byte));
        self.states.iter().map(step).filter(|(_, state)| !state.is_dead()).collect()
    }

    fn byte(&mut self, shared: &mut Shared<'_>, byte: u8) -> Result<(), Stop> {
        let mut next = self.stepped(shared, byte);
        if next.is_empty() {
            // as far as it went it may have been a whole lexeme
            let mut ended = self.states.clone();
            ended.retain(|&(_, state)| shared.accepts(state));
            self.end_lexeme(&ended)?;
            next = self.stepped(shared, byte);
            if next.is_empty() {
                return Err(Stop::Not(format!("byte {byte:#04x} does not follow")));
            }
        }
        self.states = next;
        self.text.push(byte);
        let ended = self.ended(shared);
        match ended.first() {
            None => Ok(()),
            Some(&(_, state)) if shared.hidden(state) > 0 => {
                Err(Stop::Not("a lexeme ends before its last bytes".into()))
            }
            Some(_) => self.end_lexeme(&ended),
        }
    }

    /// The lexemes that have ended, whatever follows: lazy ones as soon as they can, others when none of them can go on.
    fn ended(&self, shared: &mut Shared<'_>) -> Vec<(LexemeIdx, StateID)> {
        let is_lazy = |&&(lexeme, _): &&(LexemeIdx, StateID)| self.rules.lexemes.is_lazy(lexeme);
        let lazy = self.states.iter().filter(is_lazy).copied();
        let lazy: Vec<_> = lazy.filter(|&(_, state)| shared.accepts(state)).collect();
        match lazy.is_empty() && self.states.iter().all(|(_, state)| state.has_lowest_match()) {
            true => self.states.clone(),
            false => lazy,
        }
    }

    fn end_lexeme(&mut self, ended: &[(LexemeIdx, StateID)]) -> Result<(), Stop> {
        let ended: Vec<LexemeIdx> = ended.iter().map(|&(lexeme, _)| lexeme).collect();
        let next = self.row.after(&self.rules, &ended)?;
        self.row = next.ok_or_else(|| Stop::Not("no lexeme ends here".into()))?;
        self.begin_lexeme();
        Ok(())
    }

    /// What makes the text whole soonest, if anything does.
    ///
    /// # Errors
    /// It takes too much work to tell.
    pub(in crate::constrain) fn ending(&mut self) -> Result<Option<Ending>, TooMuch> {
        if self.row.whole && self.text.is_empty() {
            return Ok(Some(Ending::new(&self.rules, &self.row, None)));
        }
        let rules = self.rules.clone();
        let mut shared = rules.lexemes.shared();
        self.catch_up(&mut shared);
        shared.check()?;
        let mut ways = Vec::with_capacity(self.states.len());
        for &(lexeme, state) in &self.states {
            let after = self.row.end_after_lexeme(lexeme);
            if after < NEVER {
                let end = shared.end(state)?;
                ways.push((end.cost().saturating_add(after), lexeme, end));
            }
        }
        let one_is_lazy = ways.len() > 1 && self.states.iter().any(|&(lexeme, _)| self.rules.lexemes.is_lazy(lexeme));
        ways.retain(|&(cost, ..)| cost < NEVER);
        ways.sort_unstable_by_key(|&(cost, lexeme, _)| (cost, lexeme.as_usize()));
        let goes =
            |(_, lexeme, end): &(u32, LexemeIdx, End)| !one_is_lazy || self.is_not_cut_short(&mut shared, *lexeme, end);
        let way = ways.into_iter().find(goes);
        Ok(way.map(|(_, lexeme, end)| Ending::new(&self.rules, &self.row, Some((lexeme, end)))))
    }

    /// Whether what ends this lexeme soonest does not end a lazy one before that.
    fn is_not_cut_short(&self, shared: &mut Shared<'_>, lexeme: LexemeIdx, end: &End) -> bool {
        let mut beside = self.clone();
        end.bytes().all(|byte| {
            beside.states = beside.stepped(shared, byte);
            let ended = beside.ended(shared);
            ended.is_empty() || ended.iter().any(|&(other, _)| other == lexeme)
        })
    }

    /// What all texts of these rules share.
    #[cfg(test)]
    pub(in crate::constrain) fn forget(&self) {
        self.rules.lexemes.forget();
    }

    /// Keeps what all texts of these rules share from them while something is done.
    #[cfg(test)]
    pub(in crate::constrain) fn meanwhile(&self, work: impl FnOnce()) {
        let _shared = self.rules.lexemes.shared();
        work();
    }

    /// How often states have been forgotten.
    #[cfg(test)]
    pub(in crate::constrain) fn forgotten(&self) -> u64 {
        self.rules.lexemes.shared().generation()
    }

    /// Lets searches use up all work that there may be.
    #[cfg(test)]
    pub(in crate::constrain) fn search_without_reserve(&self) {
        self.rules.lexemes.search_without_reserve();
    }

    /// States that all texts of these rules have come to.
    #[cfg(test)]
    pub(in crate::constrain) fn states(&self) -> usize {
        self.rules.lexemes.states()
    }
}
