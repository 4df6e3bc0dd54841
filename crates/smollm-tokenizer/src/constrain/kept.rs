//! Compiled grammars that may be asked for again: clients send the same schema with every request.

use super::grammar::Grammar;

/// Grammars that are kept at most, and bytes of what they were compiled from: compiled they take some hundred times that.
const MOST: usize = 32;
const MOST_BYTES: usize = 1 << 20;
/// Bytes that they may have come to: answers make more of them, up to some 100 MB each.
const MOST_MEMORY: usize = 256 << 20;

/// Those that were asked for last.
#[derive(Debug)]
pub(super) struct Kept {
    /// With what they were compiled from, the one that was asked for last at the end.
    grammars: Vec<(String, Grammar)>,
    most_memory: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self { grammars: Vec::new(), most_memory: MOST_MEMORY }
    }
}

impl Kept {
    /// One that is kept. What has grown too large meanwhile is let go of: made anew it is small again. Nothing here waits for an answer that
    /// is at work with one of them: sizes are those that answers have told.
    pub(super) fn get(&mut self, source: &str) -> Option<Grammar> {
        self.shrink();
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
        self.grammars.push((source, grammar.clone()));
        self.shrink();
    }

    /// Lets go of what there is no room for beside what was asked for later. One that is too large alone goes, and not those that were there
    /// before it.
    fn shrink(&mut self) {
        let (mut count, mut bytes, mut memory) = (0, 0, 0_usize);
        let (most_memory, mut kept) = (self.most_memory, Vec::with_capacity(self.grammars.len()));
        while let Some((source, grammar)) = self.grammars.pop() {
            let grown = memory.saturating_add(grammar.bytes());
            if count < MOST && bytes + source.len() <= MOST_BYTES && grown <= most_memory {
                (count, bytes, memory) = (count + 1, bytes + source.len(), grown);
                kept.push((source, grammar));
            }
        }
        kept.reverse();
        self.grammars = kept;
    }

    #[cfg(test)]
    pub(super) fn with_memory(most_memory: usize) -> Self {
        Self { most_memory, ..Self::default() }
    }

    /// Bytes of what they were compiled from.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.grammars.iter().map(|(source, _)| source.len()).sum()
    }
}
