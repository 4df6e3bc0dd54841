//! How far a text has followed the rules, and what ends it soonest.

use std::collections::HashSet;
use std::sync::Arc;

use llguidance::derivre::StateID;
use llguidance::earley::lexerspec::LexemeIdx;

use super::NEVER;
use super::rules::{Rules, Symbol};

/// A form of a symbol, as far as it has been followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Item {
    symbol: Symbol,
    form: usize,
    dot: usize,
    /// The row where it began.
    origin: usize,
}

/// What may come between two lexemes.
#[derive(Debug)]
struct Row {
    items: Vec<Item>,
    /// The next symbol of each item; `None` where it is complete.
    next: Vec<Option<Symbol>>,
    /// Bytes that end the text from each item on.
    cost: Vec<u32>,
    /// The state of the lexer before the next lexeme.
    first: StateID,
    /// Whether the text may end here.
    complete: bool,
}

/// A text under way.
#[derive(Debug, Clone)]
pub(in crate::constrain) struct Chart {
    rules: Arc<Rules>,
    rows: Vec<Arc<Row>>,
    state: StateID,
}

/// What to go back to.
#[derive(Debug, Clone, Copy)]
pub(in crate::constrain) struct Mark(usize, StateID);

impl Chart {
    pub(in crate::constrain) fn new(rules: Arc<Rules>) -> Self {
        let mut chart = Self { rules, rows: Vec::new(), state: StateID::DEAD };
        let forms = chart.rules.forms(chart.rules.start).len();
        let symbol = chart.rules.start;
        let kernel = (0..forms).map(|form| Item { symbol, form, dot: 0, origin: 0 }).collect();
        chart.push(kernel);
        chart
    }

    pub(in crate::constrain) fn mark(&self) -> Mark {
        Mark(self.rows.len(), self.state)
    }

    pub(in crate::constrain) fn back_to(&mut self, mark: Mark) {
        self.rows.truncate(mark.0);
        self.state = mark.1;
    }

    /// Follows a text.
    ///
    /// # Errors
    /// The rules do not allow it.
    pub(in crate::constrain) fn follow(&mut self, text: &[u8]) -> Result<(), String> {
        text.iter().try_for_each(|&byte| self.byte(byte))
    }

    fn byte(&mut self, byte: u8) -> Result<(), String> {
        let mut next = self.rules.lexer().transition(self.state, byte);
        if next.is_dead() {
            // as far as it went it may have been a whole lexeme
            let ended = self.rules.lexer().state_desc(self.state).greedy_accepting.as_slice().to_vec();
            self.scan(&ended)?;
            next = self.rules.lexer().transition(self.state, byte);
            if next.is_dead() {
                return Err(format!("byte {byte:#04x} does not follow"));
            }
        }
        self.state = next;
        if next.has_lowest_match() {
            let (ended, hidden) = {
                let lexer = self.rules.lexer();
                let desc = lexer.state_desc(next);
                (desc.lazy_accepting.as_slice().to_vec(), desc.lazy_hidden_len)
            };
            if hidden > 0 {
                return Err("a lexeme ends before its last bytes".into());
            }
            self.scan(&ended)?;
        }
        Ok(())
    }

    /// One of these lexemes has ended.
    fn scan(&mut self, ended: &[LexemeIdx]) -> Result<(), String> {
        let Some(row) = self.rows.last() else { return Err("there is no beginning".into()) };
        let is_one = |symbol: Symbol| self.rules.lexeme(symbol).is_some_and(|lexeme| ended.contains(&lexeme));
        let followed = row.items.iter().zip(&row.next).filter(|(_, next)| next.is_some_and(is_one));
        let kernel: Vec<Item> = followed.map(|(item, _)| Item { dot: item.dot + 1, ..*item }).collect();
        match kernel.is_empty() {
            true => Err("no lexeme ends here".into()),
            false => {
                self.push(kernel);
                Ok(())
            }
        }
    }

    /// Begins a row with these items and what they bring with them.
    fn push(&mut self, kernel: Vec<Item>) {
        let rules = self.rules.clone();
        let here = self.rows.len();
        let (mut items, mut next): (Vec<Item>, Vec<Option<Symbol>>) = (Vec::new(), Vec::new());
        let mut known = HashSet::new();
        let mut queue = kernel;
        queue.reverse();
        while let Some(item) = queue.pop() {
            if !known.insert(item) {
                continue;
            }
            let after = rules.forms(item.symbol)[item.form].get(item.dot).copied();
            items.push(item);
            next.push(after);
            match after {
                Some(symbol) => {
                    if rules.is_nullable(symbol) {
                        queue.push(Item { dot: item.dot + 1, ..item });
                    }
                    let forms = 0..rules.forms(symbol).len();
                    queue.extend(forms.map(|form| Item { symbol, form, dot: 0, origin: here }));
                }
                // what is complete and began here is nothing, which whoever waits for it knows already
                None if item.origin == here => {}
                None => {
                    let row = &self.rows[item.origin];
                    let waiting = row.items.iter().zip(&row.next).filter(|(_, next)| **next == Some(item.symbol));
                    queue.extend(waiting.map(|(waiting, _)| Item { dot: waiting.dot + 1, ..*waiting }));
                }
            }
        }
        let cost = self.costs(&items, &next);
        let whole =
            |item: &Item, next: &Option<Symbol>| next.is_none() && item.origin == 0 && item.symbol == rules.start;
        let complete = items.iter().zip(&next).any(|(item, next)| whole(item, next))
            || (here == 0 && rules.is_nullable(rules.start));
        let mut allowed = rules.no_lexemes();
        next.iter().flatten().filter_map(|&symbol| rules.lexeme(symbol)).for_each(|lexeme| allowed.add(lexeme));
        let first = rules.lexer().initial_state(&allowed);
        self.rows.push(Arc::new(Row { items, next, cost, first, complete }));
        self.state = first;
    }

    /// What ends the text from each item of a new row: what is left of its form, and what is left after whoever waits for it.
    fn costs(&self, items: &[Item], next: &[Option<Symbol>]) -> Vec<u32> {
        let rest = |item: &Item| self.rules.cost_of(&self.rules.forms(item.symbol)[item.form][item.dot..]);
        let here = self.rows.len();
        // for those who began before, it is known what comes after; the others hang on each other
        let mut cost: Vec<u32> = items
            .iter()
            .map(|item| match item.origin == here {
                true if item.origin == 0 && item.symbol == self.rules.start => rest(item),
                true => NEVER,
                false => (rest(item) + self.after(item.origin, item.symbol)).min(NEVER),
            })
            .collect();
        loop {
            let mut changed = false;
            for (i, item) in items.iter().enumerate().filter(|(_, item)| item.origin == here) {
                let waiting = next.iter().zip(&cost).filter(|(next, _)| **next == Some(item.symbol));
                let Some(least) = waiting.map(|(_, &cost)| cost).min() else { continue };
                let new = (rest(item) + least.saturating_sub(self.rules.cost_of(&[item.symbol]))).min(NEVER);
                if least < NEVER && new < cost[i] {
                    cost[i] = new;
                    changed = true;
                }
            }
            if !changed {
                return cost;
            }
        }
    }

    /// What ends the text after a symbol that began in a row.
    fn after(&self, row: usize, symbol: Symbol) -> u32 {
        if row == 0 && symbol == self.rules.start {
            return 0;
        }
        self.waiting(row, symbol).map_or(NEVER, |(cost, _)| cost - self.rules.cost_of(&[symbol]).min(cost))
    }

    /// The item of a row that waits for a symbol and costs least, and what it costs.
    fn waiting(&self, row: usize, symbol: Symbol) -> Option<(u32, Item)> {
        let row = &self.rows[row];
        let waiting = row.items.iter().zip(&row.next).zip(&row.cost).filter(|((_, next), _)| **next == Some(symbol));
        waiting.map(|((item, _), &cost)| (cost, *item)).min_by_key(|(cost, _)| *cost).filter(|(cost, _)| *cost < NEVER)
    }

    /// What ends the text after a lexeme that is under way.
    fn after_lexeme(&self, lexeme: LexemeIdx) -> Option<(u32, Item)> {
        let row = self.rows.last()?;
        let waits = |next: &Option<Symbol>| next.is_some_and(|symbol| self.rules.lexeme(symbol) == Some(lexeme));
        let waiting = row.items.iter().zip(&row.next).zip(&row.cost).filter(|((_, next), _)| waits(next));
        let cost_after = |((item, next), &cost): ((&Item, &Option<Symbol>), &u32)| {
            (cost - self.rules.cost_of(&[next.unwrap_or_default()]).min(cost), *item)
        };
        waiting.filter(|(_, cost)| **cost < NEVER).map(cost_after).min_by_key(|(cost, _)| *cost)
    }

    /// The fewest bytes that make the text whole.
    ///
    /// # Errors
    /// There are none, or it takes too much work to find them.
    pub(in crate::constrain) fn ending(&self) -> Result<Vec<u8>, String> {
        let Some(row) = self.rows.last() else { return Err("there is no beginning".into()) };
        if row.complete && self.state == row.first {
            return Ok(Vec::new());
        }
        let after = |lexeme| self.after_lexeme(lexeme).map(|(cost, _)| cost);
        let (mut text, lexeme) = self.rules.shortest_from(self.state, &after)?;
        let Some((_, mut item)) = self.after_lexeme(lexeme) else { return Err("nothing follows".into()) };
        loop {
            let form = &self.rules.forms(item.symbol)[item.form];
            form[item.dot + 1..].iter().for_each(|&symbol| self.rules.write(symbol, &mut text));
            if item.origin == 0 && item.symbol == self.rules.start {
                return Ok(text);
            }
            let Some((_, waiting)) = self.waiting(item.origin, item.symbol) else {
                return Err("nothing follows".into());
            };
            item = waiting;
        }
    }
}
