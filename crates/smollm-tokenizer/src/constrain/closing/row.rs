//! What may come between two lexemes: a row of Earley's parser, with what ends the whole text from there.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashSet;
use llguidance::earley::lexerspec::LexemeIdx;

use super::rules::{Rules, Symbol};
use super::{NEVER, TooMuch};

/// Items of a row, at most.
const MOST_ITEMS: usize = 20_000;

/// A form of a symbol, as far as it has been followed.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// How far: a place in the rules.
    pub(super) place: usize,
    /// The row where it began; `None` for the one that it is in.
    pub(super) origin: Option<Arc<Row>>,
}

/// A row. Those that nothing leads back to any more are gone.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) number: usize,
    /// Those that wait for something, by what they wait for.
    items: Vec<Item>,
    /// What is waited for, in order.
    waits: Vec<Wait>,
    /// The lexemes among them in order, the one first after which the text ends soonest.
    lexemes: Vec<(LexemeIdx, usize)>,
    /// Whether the text may end here.
    pub(super) whole: bool,
}

/// Something that may come next.
#[derive(Debug)]
struct Wait {
    symbol: Symbol,
    items: Range<usize>,
    /// The bytes that end the text after it, and the item that they are of.
    after: u32,
    best: usize,
}

impl Row {
    /// The row before all text.
    pub(super) fn first(rules: &Rules) -> Result<Arc<Self>, TooMuch> {
        let kernel = rules.forms(rules.start).iter().map(|&place| Item { place, origin: None }).collect();
        Self::new(rules, 0, kernel)
    }

    /// The row after a lexeme that has ended one of `ended`.
    ///
    /// # Errors
    /// It would be too large. `None` if no lexeme of these was waited for.
    pub(super) fn after(self: &Arc<Self>, rules: &Rules, ended: &[LexemeIdx]) -> Result<Option<Arc<Self>>, TooMuch> {
        let waits = ended.iter().flat_map(|&lexeme| self.waits_for(lexeme));
        let followed = waits.flat_map(|&(_, wait)| &self.items[self.waits[wait].items.clone()]);
        let kernel: Vec<Item> = followed.map(|item| self.followed(item)).collect();
        if kernel.is_empty() { Ok(None) } else { Self::new(rules, self.number + 1, kernel).map(Some) }
    }

    /// An item of this row, one symbol further, in another row.
    fn followed(self: &Arc<Self>, item: &Item) -> Item {
        let origin = item.origin.as_ref().unwrap_or(self);
        Item { place: item.place + 1, origin: Some(origin.clone()) }
    }

    /// A row of these items and of what they bring with them.
    fn new(rules: &Rules, number: usize, kernel: Vec<Item>) -> Result<Arc<Self>, TooMuch> {
        let mut items = Vec::new();
        let (mut known, mut begun) = (HashSet::new(), HashSet::new());
        let mut queue = kernel;
        let mut whole = number == 0 && rules.is_nullable(rules.start);
        while let Some(item) = queue.pop() {
            let origin = item.origin.as_ref().map_or(number, |row| row.number);
            if !known.insert((item.place, origin)) {
                continue;
            }
            if known.len() > MOST_ITEMS {
                return Err(TooMuch);
            }
            let place = rules.place(item.place);
            match (place.next, &item.origin) {
                (Some(symbol), _) => {
                    if rules.is_nullable(symbol) {
                        queue.push(Item { place: item.place + 1, ..item.clone() });
                    }
                    if begun.insert(symbol) {
                        queue.extend(rules.forms(symbol).iter().map(|&place| Item { place, origin: None }));
                    }
                    items.push(item);
                }
                // what is complete and began here is nothing, which whoever waits for it knows already
                (None, None) => {}
                (None, Some(row)) => {
                    whole |= origin == 0 && place.owner == rules.start;
                    if let Some(wait) = row.wait(place.owner) {
                        queue.extend(row.items[wait.items.clone()].iter().map(|item| row.followed(item)));
                    }
                }
            }
        }
        items.sort_by_key(|item| rules.place(item.place).next);
        let (mut waits, mut wait_of): (Vec<Wait>, Vec<usize>) = (Vec::new(), Vec::with_capacity(items.len()));
        for (index, item) in items.iter().enumerate() {
            let Some(symbol) = rules.place(item.place).next else { continue };
            match waits.last_mut().filter(|last| last.symbol == symbol) {
                Some(last) => last.items.end = index + 1,
                None => waits.push(Wait { symbol, items: index..index + 1, after: NEVER, best: index }),
            }
            wait_of.push(waits.len() - 1);
        }
        let mut row = Self { number, items, waits, lexemes: Vec::new(), whole };
        row.add_up(rules, &wait_of);
        let lexeme = |(index, wait): (usize, &Wait)| Some((rules.lexeme(wait.symbol)?, index));
        row.lexemes = row.waits.iter().enumerate().filter_map(lexeme).collect();
        row.lexemes.sort_by_key(|&(lexeme, wait)| (lexeme.as_usize(), row.waits[wait].after));
        Ok(Arc::new(row))
    }

    /// Finds what ends the text after all that may come next, given what each item waits for. What waits since an earlier row knows what
    /// comes after it; the others hang on each other, so the least is settled first.
    fn add_up(&mut self, rules: &Rules, wait_of: &[usize]) {
        let mut queue = BinaryHeap::new();
        let mut here: Vec<(Symbol, usize)> = Vec::new();
        for (index, item) in self.items.iter().enumerate() {
            let owner = rules.place(item.place).owner;
            let base = match &item.origin {
                Some(row) => row.end_after(rules, owner),
                None if self.number == 0 && owner == rules.start => 0,
                None => {
                    here.push((owner, index));
                    continue;
                }
            };
            let cost = rules.place(item.place + 1).cost + base;
            queue.push(Reverse((cost.min(NEVER), wait_of[index], index)));
        }
        here.sort_unstable();
        while let Some(Reverse((cost, wait, index))) = queue.pop() {
            let settled = &mut self.waits[wait];
            if settled.after < NEVER || cost >= NEVER {
                continue;
            }
            (settled.after, settled.best) = (cost, index);
            let symbol = settled.symbol;
            let from = here.partition_point(|&(owner, _)| owner < symbol);
            for &(_, index) in here[from..].iter().take_while(|&&(owner, _)| owner == symbol) {
                let wait = wait_of[index];
                if self.waits[wait].after == NEVER {
                    let cost = rules.place(self.items[index].place + 1).cost + cost;
                    queue.push(Reverse((cost.min(NEVER), wait, index)));
                }
            }
        }
    }

    fn wait(&self, symbol: Symbol) -> Option<&Wait> {
        self.waits.binary_search_by_key(&symbol, |wait| wait.symbol).ok().map(|index| &self.waits[index])
    }

    /// Bytes that end the text after a symbol that began here.
    fn end_after(&self, rules: &Rules, symbol: Symbol) -> u32 {
        match self.number == 0 && symbol == rules.start {
            true => 0,
            false => self.wait(symbol).map_or(NEVER, |wait| wait.after),
        }
    }

    /// The lexemes that may come next, each once.
    pub(super) fn lexemes(&self) -> impl Iterator<Item = LexemeIdx> + '_ {
        let again = |at: usize| at > 0 && self.lexemes[at - 1].0 == self.lexemes[at].0;
        self.lexemes.iter().enumerate().filter(move |&(at, _)| !again(at)).map(|(_, &(lexeme, _))| lexeme)
    }

    fn waits_for(&self, lexeme: LexemeIdx) -> &[(LexemeIdx, usize)] {
        let from = self.lexemes.partition_point(|(other, _)| other.as_usize() < lexeme.as_usize());
        let until = self.lexemes.partition_point(|(other, _)| other.as_usize() <= lexeme.as_usize());
        &self.lexemes[from..until]
    }

    /// Bytes that end the text after a lexeme that may come next.
    pub(super) fn end_after_lexeme(&self, lexeme: LexemeIdx) -> u32 {
        self.waits_for(lexeme).first().map_or(NEVER, |&(_, wait)| self.waits[wait].after)
    }

    /// Writes what ends the text after a lexeme that may come next.
    pub(super) fn write_after(&self, rules: &Rules, lexeme: LexemeIdx, out: &mut Vec<u8>) {
        let Some(&(_, wait)) = self.waits_for(lexeme).first() else { return };
        let (mut row, mut item) = (self, &self.items[self.waits[wait].best]);
        loop {
            rules.write(item.place + 1, out);
            let owner = rules.place(item.place).owner;
            row = item.origin.as_deref().unwrap_or(row);
            if row.number == 0 && owner == rules.start {
                return;
            }
            let Some(wait) = row.wait(owner) else { return };
            item = &row.items[wait.best];
        }
    }
}

impl Drop for Row {
    /// One after the other: a long text leads back through as many rows, and each could drop the next inside of itself.
    fn drop(&mut self) {
        let mut left: Vec<Arc<Self>> = self.items.drain(..).filter_map(|item| item.origin).collect();
        while let Some(row) = left.pop() {
            if let Some(mut last) = Arc::into_inner(row) {
                left.extend(last.items.drain(..).filter_map(|item| item.origin));
            }
        }
    }
}
