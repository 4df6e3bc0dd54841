//! The rules of a compiled grammar, with the shortest text of every symbol.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use llguidance::api::ParserLimits;
use llguidance::derivre::StateID;
use llguidance::earley::lexerspec::LexemeIdx;
use llguidance::earley::regexvec::{LexemeSet, RegexVec};
use llguidance::earley::{CGrammar, CSymIdx};

use super::NEVER;

/// States of the lexer that the searches for the shortest texts of all lexemes look at together.
const MOST_STATES: usize = 200_000;
/// The same for the search for the shortest way out of one state, while an answer is written.
const MOST_STATES_AT_ONCE: usize = 20_000;

/// Said of a grammar that has no text.
pub(in crate::constrain) const NO_END: &str = "no text of this grammar ever ends";

/// A symbol by its number.
pub(super) type Symbol = usize;

/// Rules, and what they cost.
#[derive(Debug)]
pub(in crate::constrain) struct Rules {
    symbols: Vec<Kind>,
    pub(super) start: Symbol,
    lexer: Mutex<RegexVec>,
    lexemes: usize,
    /// A byte for each class of bytes that the lexer does not tell apart, plain ones first.
    alphabet: Vec<u8>,
    /// The shortest text of each symbol, in bytes.
    cost: Vec<u32>,
}

#[derive(Debug)]
enum Kind {
    /// A lexeme, and the shortest text that it matches.
    Lexeme(LexemeIdx, Vec<u8>),
    Rules {
        /// What it may be, each a sequence of symbols.
        forms: Vec<Vec<Symbol>>,
        /// Whether it may be nothing.
        nullable: bool,
        /// The shortest form, if it is something.
        shortest: Option<usize>,
    },
}

impl Rules {
    /// Those of a grammar; why there is no telling how its texts end, otherwise.
    pub(in crate::constrain) fn of(grammar: &CGrammar) -> Result<Self, String> {
        if grammar.parametric() {
            return Err("rules with parameters have no shortest text that is known".into());
        }
        let mut lexer = grammar.lexer_spec().to_regex_vec(&mut ParserLimits::default()).map_err(|e| e.to_string())?;
        let lexemes = grammar.lexer_spec().lexemes.len();
        let alphabet = alphabet(&lexer);
        let (mut numbers, mut queue, mut symbols) = (HashMap::new(), VecDeque::new(), Vec::new());
        let mut number = |symbol: CSymIdx, queue: &mut VecDeque<CSymIdx>| {
            let next = numbers.len();
            *numbers.entry(symbol).or_insert_with(|| {
                queue.push_back(symbol);
                next
            })
        };
        let mut states = MOST_STATES;
        let start = number(grammar.start(), &mut queue);
        while let Some(symbol) = queue.pop_front() {
            let data = grammar.sym_data(symbol);
            symbols.push(match data.lexeme {
                Some(lexeme) => {
                    let mut alone = LexemeSet::new(lexemes);
                    alone.add(lexeme);
                    let from = lexer.initial_state(&alone);
                    let after = |found| (found == lexeme).then_some(0);
                    let (text, _) = shortest(&mut lexer, &alphabet, from, &after, &mut states)?;
                    Kind::Lexeme(lexeme, text)
                }
                None => {
                    let symbols_of = |rule| grammar.rule_rhs(rule).0.to_vec();
                    let forms: Vec<Vec<CSymIdx>> = data.rules.iter().copied().map(symbols_of).collect();
                    let numbered =
                        forms.into_iter().map(|form| form.into_iter().map(|s| number(s, &mut queue)).collect());
                    Kind::Rules { forms: numbered.collect(), nullable: data.is_nullable, shortest: None }
                }
            });
        }
        let cost = vec![NEVER; symbols.len()];
        let mut rules = Self { symbols, start, lexer: Mutex::new(lexer), lexemes, alphabet, cost };
        rules.add_up();
        match rules.cost[rules.start] < NEVER {
            true => Ok(rules),
            false => Err(NO_END.into()),
        }
    }

    /// Finds the shortest text of every symbol: costs only fall, until none does.
    fn add_up(&mut self) {
        loop {
            let mut changed = false;
            for symbol in 0..self.symbols.len() {
                let best = match &self.symbols[symbol] {
                    Kind::Lexeme(_, text) => (text.len() as u32, None),
                    Kind::Rules { forms, nullable, .. } => {
                        let nothing = (if *nullable { 0 } else { NEVER }, None);
                        let forms = forms.iter().enumerate().map(|(i, form)| (self.cost_of(form), Some(i)));
                        forms.fold(nothing, |best, form| if form.0 < best.0 { form } else { best })
                    }
                };
                if best.0 < self.cost[symbol] {
                    self.cost[symbol] = best.0;
                    changed = true;
                    if let Kind::Rules { shortest, .. } = &mut self.symbols[symbol] {
                        *shortest = best.1;
                    }
                }
            }
            if !changed {
                return;
            }
        }
    }

    pub(super) fn cost_of(&self, form: &[Symbol]) -> u32 {
        form.iter().map(|&symbol| self.cost[symbol]).fold(0, |sum, cost| (sum + cost).min(NEVER))
    }

    pub(super) fn forms(&self, symbol: Symbol) -> &[Vec<Symbol>] {
        match &self.symbols[symbol] {
            Kind::Lexeme(..) => &[],
            Kind::Rules { forms, .. } => forms,
        }
    }

    pub(super) fn lexeme(&self, symbol: Symbol) -> Option<LexemeIdx> {
        match &self.symbols[symbol] {
            Kind::Lexeme(lexeme, _) => Some(*lexeme),
            Kind::Rules { .. } => None,
        }
    }

    pub(super) fn is_nullable(&self, symbol: Symbol) -> bool {
        match &self.symbols[symbol] {
            Kind::Lexeme(_, text) => text.is_empty(),
            Kind::Rules { nullable, .. } => *nullable,
        }
    }

    /// The shortest text of a symbol.
    pub(super) fn write(&self, symbol: Symbol, out: &mut Vec<u8>) {
        match &self.symbols[symbol] {
            Kind::Lexeme(_, text) => out.extend_from_slice(text),
            Kind::Rules { forms, shortest: Some(form), .. } => {
                forms[*form].iter().for_each(|&part| self.write(part, out));
            }
            Kind::Rules { shortest: None, .. } => {}
        }
    }

    pub(super) fn lexer(&self) -> MutexGuard<'_, RegexVec> {
        self.lexer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn no_lexemes(&self) -> LexemeSet {
        LexemeSet::new(self.lexemes)
    }

    /// The shortest way from a state to the end of a lexeme and of all that must follow it, whose cost `after` knows; and that lexeme.
    pub(super) fn shortest_from(
        &self,
        state: StateID,
        after: &dyn Fn(LexemeIdx) -> Option<u32>,
    ) -> Result<(Vec<u8>, LexemeIdx), String> {
        shortest(&mut self.lexer(), &self.alphabet, state, after, &mut MOST_STATES_AT_ONCE.clone())
    }
}

/// A byte of each class, letters, digits and other plain characters first.
fn alphabet(lexer: &RegexVec) -> Vec<u8> {
    let plain = (b'a'..=b'z').chain(b'0'..=b'9').chain(b'A'..=b'Z').chain(b' '..=b'~').chain(0..=255);
    let mut classes = HashSet::new();
    plain.filter(|&byte| classes.insert(lexer.alpha().map(byte))).collect()
}

/// Breadth first, so that a way is not looked at any more once a shorter one is known. `states` are those that may still be looked at.
fn shortest(
    lexer: &mut RegexVec,
    alphabet: &[u8],
    from: StateID,
    after: &dyn Fn(LexemeIdx) -> Option<u32>,
    states: &mut usize,
) -> Result<(Vec<u8>, LexemeIdx), String> {
    // each state with the one before it and the byte between
    let mut seen: Vec<(StateID, usize, u8)> = vec![(from, 0, 0)];
    let mut known: HashSet<StateID> = HashSet::from([from]);
    let mut best: Option<(u32, usize, LexemeIdx)> = None;
    let (mut level, mut length) = (0..1, 0_u32);
    while !level.is_empty() {
        for index in level.clone() {
            let desc = lexer.state_desc(seen[index].0);
            let found = desc.greedy_accepting.as_slice().iter().chain(desc.lazy_accepting.as_slice());
            for &lexeme in found {
                let cost = after(lexeme).map_or(NEVER, |after| length + after);
                if best.is_none_or(|(least, ..)| cost < least) && cost < NEVER {
                    best = Some((cost, index, lexeme));
                }
            }
        }
        length += 1;
        if best.is_some_and(|(least, ..)| length >= least) {
            break;
        }
        let end = seen.len();
        for index in level {
            let state = seen[index].0;
            if state.has_lowest_match() {
                continue; // it has ended here
            }
            for &byte in alphabet {
                let next = lexer.transition(state, byte);
                if !next.is_dead() && known.insert(next) {
                    seen.push((next, index, byte));
                }
            }
        }
        level = end..seen.len();
        match states.checked_sub(level.len()).filter(|_| !lexer.has_error()) {
            Some(left) => *states = left,
            None => return Err("it takes too much work to find out how it ends soonest".into()),
        }
    }
    let Some((_, mut index, lexeme)) = best else { return Err("a part of it never ends".into()) };
    let mut text = Vec::new();
    while index != 0 {
        let (_, before, byte) = seen[index];
        text.push(byte);
        index = before;
    }
    text.reverse();
    Ok((text, lexeme))
}
