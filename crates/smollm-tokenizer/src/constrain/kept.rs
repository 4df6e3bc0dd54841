//! Compiled grammars that may be asked for again: clients send the same schema with every request.

use super::grammar::Grammar;

/// Grammars that are kept at most, and bytes of what they were compiled from: compiled they take some hundred times that.
const MOST: usize = 32;
const MOST_BYTES: usize = 1 << 20;

/// Those that were asked for last.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// With what they were compiled from, the one that was asked for last at the end.
    grammars: Vec<(String, Grammar)>,
    bytes: usize,
}

impl Kept {
    pub(super) fn get(&mut self, source: &str) -> Option<Grammar> {
        let at = self.grammars.iter().position(|(known, _)| known == source)?;
        let found = self.grammars.remove(at);
        let grammar = found.1.clone();
        self.grammars.push(found);
        Some(grammar)
    }

    /// Keeps one as long as there is room; what is larger than all there is room for is not kept.
    pub(super) fn put(&mut self, source: String, grammar: &Grammar) {
        if source.len() > MOST_BYTES || self.get(&source).is_some() {
            return;
        }
        self.bytes += source.len();
        self.grammars.push((source, grammar.clone()));
        while self.grammars.len() > MOST || self.bytes > MOST_BYTES {
            self.bytes -= self.grammars.remove(0).0.len();
        }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> (usize, usize) {
        (self.bytes, self.grammars.iter().map(|(source, _)| source.len()).sum())
    }
}
