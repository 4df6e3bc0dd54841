//! What ends a text soonest, as it was found: good for as long as it is held, whatever becomes of the states that it was found with.

use std::sync::Arc;

use llguidance::earley::lexerspec::LexemeIdx;

use super::NEVER;
use super::row::Row;
use super::rules::Rules;

/// What ends a lexeme from some state. What two of them have in common is there once.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// Nothing does.
    Never,
    /// It is whole as it is.
    Here,
    After(Arc<Tail>),
}

/// Bytes that end a lexeme.
#[derive(Debug)]
pub(super) struct Tail {
    bytes: u32,
    first: u8,
    rest: Option<Arc<Self>>,
}

impl End {
    /// Memory of each byte, with the counts beside it.
    pub(super) const BYTES: usize = size_of::<Tail>() + 2 * size_of::<usize>();

    /// How many bytes it is; [`NEVER`] for none.
    pub(super) fn cost(&self) -> u32 {
        match self {
            Self::Never => NEVER,
            Self::Here => 0,
            Self::After(tail) => tail.bytes,
        }
    }

    /// The end of what this ends, one byte earlier.
    pub(super) fn behind(self, first: u8) -> Self {
        match self {
            Self::Never => Self::Never,
            Self::Here => Self::After(Arc::new(Tail { bytes: 1, first, rest: None })),
            Self::After(rest) => Self::After(Arc::new(Tail { bytes: rest.bytes + 1, first, rest: Some(rest) })),
        }
    }

    /// Its bytes.
    pub(super) fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        let tail = match self {
            Self::Never | Self::Here => None,
            Self::After(tail) => Some(tail.as_ref()),
        };
        std::iter::successors(tail, |tail| tail.rest.as_deref()).map(|tail| tail.first)
    }
}

impl Drop for Tail {
    /// One after the other: each could drop the next inside of itself, and there may be as many as an answer has bytes.
    fn drop(&mut self) {
        let mut rest = self.rest.take();
        while let Some(tail) = rest {
            rest = Arc::into_inner(tail).and_then(|mut last| last.rest.take());
        }
    }
}

/// What ends a whole text from some place.
#[derive(Debug, Clone)]
pub(in crate::constrain) struct Ending {
    rules: Arc<Rules>,
    /// The row before the lexeme under way.
    row: Arc<Row>,
    /// This lexeme, and what ends it; `None` where the text is whole.
    lexeme: Option<(LexemeIdx, End)>,
}

impl Ending {
    pub(super) fn new(rules: &Arc<Rules>, row: &Arc<Row>, lexeme: Option<(LexemeIdx, End)>) -> Self {
        Self { rules: rules.clone(), row: row.clone(), lexeme }
    }

    /// How many bytes it is.
    pub(in crate::constrain) fn cost(&self) -> usize {
        let cost = |(lexeme, end): &(LexemeIdx, End)| end.cost() + self.row.end_after_lexeme(*lexeme);
        self.lexeme.as_ref().map_or(0, cost) as usize
    }

    /// These bytes.
    pub(in crate::constrain) fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Some((lexeme, end)) = &self.lexeme {
            text.extend(end.bytes());
            self.row.write_after(&self.rules, *lexeme, &mut text);
        }
        text
    }
}
