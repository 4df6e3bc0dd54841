//! The matchers of a grammar's answers: copies of one, which share a lexer that grows with the texts that it has seen.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use llguidance::earley::Parser;
use llguidance::{Matcher, TokenParser};

/// Where matchers come from.
pub(super) struct Matchers {
    /// As it was compiled; it sees no text.
    compiled: TokenParser,
    shared: Mutex<Shared>,
}

/// What those of one generation share.
struct Shared {
    /// At the beginning of an answer.
    first: Matcher,
    /// A way to the lexer, which the matcher has hidden.
    parser: Parser,
    /// How often it was made anew.
    generation: u64,
}

impl Shared {
    fn of(compiled: &TokenParser, generation: u64) -> Self {
        let own = compiled.deep_clone();
        Self { parser: own.parser.clone(), first: Matcher::new(Ok(own)), generation }
    }
}

impl Matchers {
    pub(super) fn new(compiled: TokenParser) -> Self {
        let shared = Mutex::new(Shared::of(&compiled, 0));
        Self { compiled, shared }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A matcher at the beginning, and its generation.
    pub(super) fn first(&self) -> (Matcher, u64) {
        let shared = self.shared();
        (shared.first.clone(), shared.generation)
    }

    /// The same for an answer whose matcher, of this generation, is worn out: one that shares nothing with it.
    pub(super) fn renewed(&self, worn: u64) -> (Matcher, u64) {
        let mut shared = self.shared();
        if shared.generation == worn {
            *shared = Shared::of(&self.compiled, worn + 1);
        }
        (shared.first.clone(), shared.generation)
    }

    /// About how many bytes the lexers take.
    pub(super) fn bytes(&self) -> usize {
        let shared = self.shared();
        let bytes = |parser: &Parser| catch_unwind(AssertUnwindSafe(|| parser.lexer_stats().num_bytes));
        // one that has panicked tells nothing, and is of no use any more
        bytes(&self.compiled.parser).and_then(|own| Ok(own + bytes(&shared.parser)?)).unwrap_or(usize::MAX)
    }
}
