//! How far a text has followed the rules, and what ends it soonest.

use std::sync::Arc;

use llguidance::derivre::StateID;
use llguidance::earley::lexerspec::LexemeIdx;

use super::completion::{Completion, Suffix};
use super::lexemes::Shared;
use super::row::Row;
use super::rules::Rules;
use super::search::{Searches, Way};
use super::{NEVER, Stop, TooMuch};

/// Bytes that are followed again by as much work as a token may be.
const REFUELLED: usize = 32;

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
    /// What ended some of those lexemes when it was found last, and how much text there was: it is not looked for again as long as the text
    /// goes this way.
    found: Vec<(LexemeIdx, usize, Way)>,
}

impl Chart {
    /// Before all text.
    ///
    /// # Errors
    /// There is too much that it may begin with.
    pub(in crate::constrain) fn new(rules: Arc<Rules>) -> Result<Self, TooMuch> {
        let row = Row::first(&rules)?;
        let mut chart = Self { rules, row, text: Vec::new(), states: Vec::new(), generation: 0, found: Vec::new() };
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
    pub(in crate::constrain) fn follow(&mut self, text: &[u8], searches: &mut Searches) -> Result<(), Stop> {
        let rules = self.rules.clone();
        let mut shared = rules.lexemes.shared();
        self.catch_up(&mut shared);
        let followed = text.iter().try_for_each(|&byte| self.byte(&mut shared, byte));
        shared.check().inspect_err(|_| searches.give_up())?;
        followed
    }

    /// Finds its states again if they have been forgotten.
    fn catch_up(&mut self, shared: &mut Shared<'_>) {
        if self.generation == shared.generation() {
            return;
        }
        self.generation = shared.generation();
        let (text, mut found) = (std::mem::take(&mut self.text), std::mem::take(&mut self.found));
        self.begin_lexeme();
        for (at, &byte) in text.iter().enumerate() {
            if at.is_multiple_of(REFUELLED) {
                shared.refuel();
            }
            self.found_again(&mut found, at);
            self.states = self.stepped(shared, byte);
        }
        self.found_again(&mut found, text.len());
        shared.refuel();
        (self.text, self.found) = (text, found);
        shared.make_room();
    }

    /// Gives the ways that begin behind that much text their states.
    fn found_again(&self, found: &mut [(LexemeIdx, usize, Way)], text: usize) {
        for (lexeme, _, way) in found.iter_mut().filter(|(_, at, _)| *at == text) {
            let state = self.states.iter().find(|(of, _)| of == lexeme);
            way.state = state.map_or(StateID::DEAD, |&(_, state)| state);
        }
    }

    fn begin_lexeme(&mut self) {
        let lexemes = &self.rules.lexemes;
        self.text.clear();
        self.found.clear();
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
    pub(in crate::constrain) fn ending(&mut self, searches: &mut Searches) -> Result<Option<Completion>, TooMuch> {
        if self.row.whole && self.text.is_empty() {
            return Ok(Some(Completion::new(&self.rules, &self.row, None)));
        }
        let rules = self.rules.clone();
        let mut shared = rules.lexemes.shared();
        self.catch_up(&mut shared);
        let way = self.way(&mut shared, searches);
        // what was taken for a way is none if the work did not suffice for it
        let way = shared.check().and(way).inspect_err(|_| searches.give_up())?;
        Ok(way.map(|(lexeme, suffix)| Completion::new(&self.rules, &self.row, Some((lexeme, suffix)))))
    }

    /// The lexeme after which the text ends soonest, and what ends it.
    fn way(
        &mut self,
        shared: &mut Shared<'_>,
        searches: &mut Searches,
    ) -> Result<Option<(LexemeIdx, Suffix)>, TooMuch> {
        let mut ways = Vec::with_capacity(self.states.len());
        for (lexeme, state) in self.states.clone() {
            let after = self.row.end_after_lexeme(lexeme);
            if after == NEVER {
                continue;
            }
            let suffix = match shared.known(state) {
                Some(known) => known,
                None => self.found_from(shared, lexeme, state, searches)?,
            };
            ways.push((suffix.cost().saturating_add(after), lexeme, suffix));
        }
        let one_is_lazy = ways.len() > 1 && self.states.iter().any(|&(lexeme, _)| self.rules.lexemes.is_lazy(lexeme));
        ways.retain(|&(cost, ..)| cost < NEVER);
        ways.sort_unstable_by_key(|&(cost, lexeme, _)| (cost, lexeme.as_usize()));
        let goes = |(_, lexeme, suffix): &(u32, LexemeIdx, Suffix)| {
            !one_is_lazy || self.is_not_cut_short(shared, *lexeme, suffix)
        };
        Ok(ways.into_iter().find(goes).map(|(_, lexeme, suffix)| (lexeme, suffix)))
    }

    /// What ends a lexeme from a state of which nothing is known: what is left of the way that the text has gone, or what is found.
    fn found_from(
        &mut self,
        shared: &mut Shared<'_>,
        lexeme: LexemeIdx,
        state: StateID,
        searches: &mut Searches,
    ) -> Result<Suffix, TooMuch> {
        let last = self.found.iter().position(|(of, ..)| *of == lexeme);
        if let Some((_, at, way)) = last.map(|last| &self.found[last]) {
            let are_alike = |one, other| self.rules.lexemes.are_alike(one, other);
            if let Some(rest) = way.suffix.behind_text(&self.text[*at..], are_alike) {
                return Ok(rest);
            }
        }
        let suffix = shared.find(state, last.map(|last| &self.found[last].2), searches)?;
        if suffix.cost() < NEVER {
            let found = (lexeme, self.text.len(), Way { state, suffix: suffix.clone() });
            match last {
                Some(last) => self.found[last] = found,
                None => self.found.push(found),
            }
        }
        Ok(suffix)
    }

    /// Whether what ends this lexeme soonest does not end a lazy one before that.
    fn is_not_cut_short(&self, shared: &mut Shared<'_>, lexeme: LexemeIdx, suffix: &Suffix) -> bool {
        let mut beside = self.clone();
        suffix.bytes().all(|byte| {
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

    /// Lets tokens be no more work than this.
    #[cfg(test)]
    pub(in crate::constrain) fn limit_work(&self, fuel: u64) {
        self.rules.lexemes.limit_work(fuel);
    }

    /// States that all texts of these rules have come to.
    #[cfg(test)]
    pub(in crate::constrain) fn states(&self) -> usize {
        self.rules.lexemes.states()
    }
}
