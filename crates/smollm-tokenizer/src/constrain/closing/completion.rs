//! What ends a text soonest, as it was found: good for as long as it is held, whatever becomes of the states that it was found with.

use std::sync::Arc;

use llguidance::earley::lexerspec::LexemeIdx;

use super::NEVER;
use super::row::Row;
use super::rules::Rules;

/// What ends a lexeme from some state. What two of them have in common is there once.
#[derive(Debug, Clone)]
pub(super) enum Suffix {
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
    /// What tells them from others.
    mark: u64,
    first: u8,
    rest: Option<Arc<Self>>,
}

impl Suffix {
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
            Self::Here => Self::After(Arc::new(Tail { bytes: 1, mark: marked(0, first), first, rest: None })),
            Self::After(rest) => {
                let mark = marked(rest.mark, first);
                Self::After(Arc::new(Tail { bytes: rest.bytes + 1, mark, first, rest: Some(rest) }))
            }
        }
    }

    /// A number that tells its bytes from others.
    pub(super) fn mark(&self) -> u64 {
        match self {
            Self::Never | Self::Here => 0,
            Self::After(tail) => tail.mark,
        }
    }

    /// What is left of it behind a byte.
    pub(super) fn rest(&self) -> Self {
        match self {
            Self::After(tail) => tail.rest.clone().map_or(Self::Here, Self::After),
            _ => Self::Never,
        }
    }

    /// What is left of it behind a text that is the beginning of it, where `are_alike` says which bytes are as good as which.
    pub(super) fn behind_text(&self, text: &[u8], are_alike: impl Fn(u8, u8) -> bool) -> Option<Self> {
        text.iter().try_fold(self.clone(), |suffix, &byte| match &suffix {
            Self::After(tail) if are_alike(tail.first, byte) => Some(suffix.rest()),
            _ => None,
        })
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

/// The mark of bytes one longer (Knuth's multiplier for 64 bits).
fn marked(mark: u64, first: u8) -> u64 {
    (mark ^ u64::from(first)).wrapping_add(1).wrapping_mul(6_364_136_223_846_793_005).rotate_left(29)
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
pub(in crate::constrain) struct Completion {
    rules: Arc<Rules>,
    /// The row before the lexeme under way.
    row: Arc<Row>,
    /// This lexeme, and what ends it; `None` where the text is whole.
    lexeme: Option<(LexemeIdx, Suffix)>,
}

impl Completion {
    pub(super) fn new(rules: &Arc<Rules>, row: &Arc<Row>, lexeme: Option<(LexemeIdx, Suffix)>) -> Self {
        Self { rules: rules.clone(), row: row.clone(), lexeme }
    }

    /// How many bytes it is.
    pub(in crate::constrain) fn cost(&self) -> usize {
        let cost = |(lexeme, end): &(LexemeIdx, Suffix)| end.cost() + self.row.end_after_lexeme(*lexeme);
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
