//! The matchers of a grammar's answers: copies of one, which share a lexer that grows with the texts that it has seen.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use llguidance::earley::Parser;
use llguidance::{Matcher, TokenParser};

use super::closing::lexer_bytes;

/// Where matchers come from.
pub(super) struct Matchers {
    /// As it was compiled; it sees no text.
    compiled: TokenParser,
    shared: Mutex<Shared>,
    /// Bytes of the lexer as it was compiled, and of the shared one when it was last looked at.
    compiled_bytes: usize,
    size: AtomicUsize,
}

/// What those of one generation share.
struct Shared {
    /// At the beginning of an answer.
    first: Matcher,
    /// A way to the lexer, which the matcher has hidden.
    parser: Arc<Parser>,
    /// How often it was made anew.
    generation: u64,
}

impl Shared {
    fn of(compiled: &TokenParser, generation: u64) -> Self {
        let own = compiled.deep_clone();
        Self { parser: Arc::new(own.parser.clone()), first: Matcher::new(Ok(own)), generation }
    }
}

impl Matchers {
    pub(super) fn new(compiled: TokenParser) -> Self {
        let shared = Mutex::new(Shared::of(&compiled, 0));
        let compiled_bytes = lexer_bytes_of(&compiled.parser);
        Self { compiled, shared, compiled_bytes, size: AtomicUsize::new(compiled_bytes) }
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
            self.size.store(self.compiled_bytes, Relaxed);
        }
        (shared.first.clone(), shared.generation)
    }

    /// Looks at the lexer: an answer that has used it does so from time to time, and may have to wait for the mask of another.
    pub(super) fn measure(&self) {
        let parser = self.shared().parser.clone();
        self.size.store(lexer_bytes_of(&parser), Relaxed);
    }

    /// About how many bytes the lexers took then, without waiting for anyone.
    pub(super) fn bytes(&self) -> usize {
        self.compiled_bytes.saturating_add(self.size.load(Relaxed))
    }

    /// Keeps the lexer from all others, as a mask does, while something is done.
    #[cfg(test)]
    pub(super) fn meanwhile(&self, trie: &toktrie::TokTrie, work: impl Fn() + Send + Sync) {
        let mut parser = Parser::clone(&self.shared().parser);
        parser.compute_bias(&tests::Beside { trie, work }, &[]);
    }
}

fn lexer_bytes_of(parser: &Parser) -> usize {
    // one that has panicked tells nothing, and is of no use any more
    catch_unwind(AssertUnwindSafe(|| lexer_bytes(&parser.lexer_stats()))).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use llguidance::earley::{BiasComputer, ParserRecognizer};
    use toktrie::{SimpleVob, TokTrie};

    /// A mask in whose middle something else is done.
    pub(super) struct Beside<'t, W> {
        pub(super) trie: &'t TokTrie,
        pub(super) work: W,
    }

    impl<W: Fn() + Send + Sync> BiasComputer for Beside<'_, W> {
        fn compute_bias(&self, _: &mut ParserRecognizer<'_>, _: &[u8]) -> SimpleVob {
            (self.work)();
            self.trie.alloc_token_set()
        }

        fn trie(&self) -> &TokTrie {
            self.trie
        }
    }
}
