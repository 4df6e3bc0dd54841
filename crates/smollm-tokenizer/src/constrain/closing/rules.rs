//! The rules of a compiled grammar, with the shortest text of every symbol.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use llguidance::earley::lexerspec::LexemeIdx;
use llguidance::earley::{CGrammar, CSymIdx};

use super::NEVER;
use super::lexemes::{Lexemes, Texts};

/// Why there is no telling how the texts of a grammar end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::constrain) enum Untold {
    /// It has no text that does.
    NoEnd,
    /// Its rules are not of the kind that can be searched, or it takes too much work.
    Unsearched(String),
}

impl From<Untold> for String {
    fn from(untold: Untold) -> Self {
        match untold {
            Untold::NoEnd => "no text of this grammar ends, or the shortest is far too long".into(),
            Untold::Unsearched(why) => why,
        }
    }
}

/// A symbol by its number.
pub(super) type Symbol = usize;

/// Rules, and what they cost.
#[derive(Debug)]
pub(in crate::constrain) struct Rules {
    symbols: Vec<Kind>,
    /// Those of each form one after the other, the last behind its end.
    places: Vec<Place>,
    pub(super) start: Symbol,
    pub(super) lexemes: Lexemes,
    /// Whether every byte of what ends a text is a token, so that as many tokens as bytes are enough.
    pub(super) in_single_bytes: bool,
    /// About how many bytes they take, with the compiled rules that they are made of, and without the lexemes.
    own_bytes: usize,
}

#[derive(Debug)]
enum Kind {
    /// A lexeme, and the shortest text that it matches, if there is one.
    Lexeme(LexemeIdx, Option<Vec<u8>>),
    Rules {
        /// What it may be: the first place of each form.
        forms: Vec<usize>,
        /// Whether it may be nothing.
        nullable: bool,
        /// The shortest form, if it is something.
        shortest: Option<usize>,
    },
}

/// A place in a form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// What the form is one of.
    pub(super) owner: Symbol,
    /// What comes here; nothing at the end.
    pub(super) next: Option<Symbol>,
    /// Bytes of the shortest text from here to the end of the form.
    pub(super) cost: u32,
}

impl Rules {
    /// Those of a grammar, for a vocabulary with tokens for these single bytes; why there is no telling how its texts end, otherwise.
    pub(in crate::constrain) fn of(grammar: &CGrammar, is_token: impl Fn(u8) -> bool) -> Result<Self, Untold> {
        if grammar.parametric() {
            return Err(Untold::Unsearched("rules with parameters have no shortest text that is known".into()));
        }
        match Self::written_in(grammar, is_token).map_err(Untold::Unsearched)? {
            Some(rules) => Ok(Self { in_single_bytes: true, ..rules }),
            None => Self::written_in(grammar, |_| true).map_err(Untold::Unsearched)?.ok_or(Untold::NoEnd),
        }
    }

    /// With endings of the bytes that `may_write` lets through; `None` if there are none.
    fn written_in(grammar: &CGrammar, may_write: impl Fn(u8) -> bool) -> Result<Option<Self>, String> {
        let (lexemes, texts) = Lexemes::new(grammar, may_write)?;
        Ok(Self::added_up(grammar, lexemes, &texts))
    }

    /// Whether some text of a grammar ends, as far as that shows without looking for it.
    pub(in crate::constrain) fn may_end(grammar: &CGrammar) -> bool {
        match Lexemes::unsearched(grammar, |_| true) {
            Ok(lexemes) if !grammar.parametric() => {
                let texts: Texts = lexemes.are_possible().map(|is_possible| is_possible.then(Vec::new)).collect();
                Self::added_up(grammar, lexemes, &texts).is_some()
            }
            _ => true,
        }
    }

    /// Rules with what they cost, given the shortest texts of lexemes; `None` if no text ends.
    fn added_up(grammar: &CGrammar, lexemes: Lexemes, texts: &Texts) -> Option<Self> {
        let (mut numbers, mut queue) = (HashMap::new(), VecDeque::new());
        let (mut symbols, mut places, mut compiled) = (Vec::new(), Vec::new(), 0);
        let mut number = |symbol: CSymIdx, queue: &mut VecDeque<CSymIdx>| {
            let next = numbers.len();
            *numbers.entry(symbol).or_insert_with(|| {
                queue.push_back(symbol);
                next
            })
        };
        let start = number(grammar.start(), &mut queue);
        while let Some(symbol) = queue.pop_front() {
            let (owner, data) = (symbols.len(), grammar.sym_data(symbol));
            compiled += size_of_val(data) + data.name.len() + size_of_val(data.rules.as_slice());
            let Some(lexeme) = data.lexeme else {
                let mut forms = Vec::with_capacity(data.rules.len());
                for &rule in &data.rules {
                    forms.push(places.len());
                    let form = grammar.rule_rhs(rule).0.iter().map(|&symbol| Some(number(symbol, &mut queue)));
                    let form: Vec<Option<Symbol>> = form.chain([None]).collect();
                    places.extend(form.into_iter().map(|next| Place { owner, next, cost: NEVER }));
                }
                symbols.push(Kind::Rules { forms, nullable: data.is_nullable, shortest: None });
                continue;
            };
            symbols.push(Kind::Lexeme(lexeme, texts[lexeme.as_usize()].clone()));
        }
        let mut rules = Self { symbols, places, start, lexemes, in_single_bytes: false, own_bytes: 0 };
        let cost = rules.add_up();
        rules.own_bytes = compiled + rules.counted();
        (cost[start] < NEVER).then_some(rules)
    }

    /// Finds the shortest text of every symbol, the shortest of all first: what is made of others is settled when they are.
    fn add_up(&mut self) -> Vec<u32> {
        let mut cost = vec![NEVER; self.symbols.len()];
        // of each form: how many of its symbols are not settled, and what the others cost
        let mut open: HashMap<usize, (usize, u32)> = HashMap::new();
        let mut forms_with: Vec<Vec<usize>> = vec![Vec::new(); self.symbols.len()];
        let mut queue = BinaryHeap::new();
        for (symbol, kind) in self.symbols.iter().enumerate() {
            match kind {
                Kind::Lexeme(_, text) => {
                    queue.extend(text.iter().map(|text| Reverse((text.len() as u32, symbol, None))));
                }
                Kind::Rules { forms, nullable, .. } => {
                    queue.extend(nullable.then_some(Reverse((0, symbol, None))));
                    for &form in forms {
                        let parts = self.form(form);
                        parts.clone().for_each(|part| forms_with[part].push(form));
                        open.insert(form, (parts.count(), 0));
                    }
                }
            }
        }
        while let Some(Reverse((least, symbol, form))) = queue.pop() {
            if cost[symbol] < NEVER {
                continue;
            }
            cost[symbol] = least;
            if let Kind::Rules { shortest, .. } = &mut self.symbols[symbol] {
                *shortest = form;
            }
            for &form in &forms_with[symbol] {
                let Some((missing, sum)) = open.get_mut(&form) else { continue };
                (*missing, *sum) = (*missing - 1, (*sum + least).min(NEVER));
                if *missing == 0 && *sum < NEVER {
                    queue.push(Reverse((*sum, self.places[form].owner, Some(form))));
                }
            }
        }
        for index in (0..self.places.len()).rev() {
            self.places[index].cost = match self.places[index].next {
                None => 0,
                Some(next) => (cost[next] + self.places[index + 1].cost).min(NEVER),
            };
        }
        cost
    }

    /// About how many bytes they take, with what texts have made of the lexemes.
    pub(super) fn bytes(&self) -> usize {
        self.lexemes.bytes() + self.own_bytes
    }

    /// Bytes of symbols and places.
    fn counted(&self) -> usize {
        let text = |kind: &Kind| match kind {
            Kind::Lexeme(_, text) => text.as_ref().map_or(0, Vec::len),
            Kind::Rules { forms, .. } => size_of_val(forms.as_slice()),
        };
        let symbols: usize = self.symbols.iter().map(text).sum();
        symbols + size_of_val(self.symbols.as_slice()) + size_of_val(self.places.as_slice())
    }

    pub(super) fn place(&self, index: usize) -> &Place {
        &self.places[index]
    }

    /// The symbols of a form from a place on.
    fn form(&self, place: usize) -> impl Iterator<Item = Symbol> + Clone + '_ {
        self.places[place..].iter().map_while(|place| place.next)
    }

    /// The first places of all forms of a symbol.
    pub(super) fn forms(&self, symbol: Symbol) -> &[usize] {
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
            Kind::Lexeme(_, text) => text.as_ref().is_some_and(Vec::is_empty),
            Kind::Rules { nullable, .. } => *nullable,
        }
    }

    /// Writes the shortest text from a place to the end of its form, whose cost should be looked at first.
    pub(super) fn write(&self, place: usize, out: &mut Vec<u8>) {
        let mut places = vec![place];
        while let Some(place) = places.pop() {
            let Some(symbol) = self.places[place].next else { continue };
            places.push(place + 1);
            match &self.symbols[symbol] {
                Kind::Lexeme(_, text) => out.extend(text.iter().flatten()),
                Kind::Rules { shortest, .. } => places.extend(shortest),
            }
        }
    }
}
