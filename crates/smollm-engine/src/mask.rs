//! Constrained output: what the engine asks of whoever knows which tokens may come next.

use std::fmt::Debug;
use std::time::Duration;

/// Why rules cannot go on. Every message is one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MaskError {
    /// The rules and the rest of the request leave nothing that could come: whoever asked must ask for something else.
    #[error("{0}")]
    Unmet(String),
    /// The rules are too much work here: whoever asked must ask for something simpler.
    #[error("{0}")]
    TooCostly(String),
    /// The rules broke down.
    #[error("{0}")]
    Broken(String),
}

/// Which tokens an answer may take, by rules that the engine does not know (a grammar over the text of tokens).
///
/// For each token the engine calls [`TokenMask::allow`], draws among what is allowed, tells the rules what it drew, and asks whether
/// that was the end. A stop token that is drawn ends the answer and is not accepted. All calls but [`TokenMask::allow`] happen between
/// forward passes of all sequences: they should take microseconds.
pub trait TokenMask: Debug + Send {
    /// Adds every token that may come next to `allowed`, which is empty. The stop tokens of the request are among them where
    /// the answer may end.
    ///
    /// It is called between two forward passes or, by another thread, beside the one that the token waits for ([`MaskTiming`]): then the draw
    /// does not wait for it if it takes no longer than the pass, which goes on without that thread; and it is called in vain for an answer that is
    /// cancelled meanwhile.
    ///
    /// # Errors
    /// What went wrong; the request fails with it when the token is to be drawn.
    fn allow(&mut self, allowed: &mut TokenSet) -> Result<(), MaskError>;

    /// `id`, one of the allowed, was drawn. The token that is taken: `id`, or one that the rules want in its place now that they know
    /// what `id` would lead to; none where the answer ends instead: whole, or cut off if its [`TokenMask::ending`] then is still to come.
    ///
    /// # Errors
    /// As [`TokenMask::allow`].
    fn accept(&mut self, id: u32) -> Result<Option<u32>, MaskError>;

    /// Whether the answer may or must end after what was accepted, asked after every token. Where it must, no stop token is drawn.
    ///
    /// # Errors
    /// As [`TokenMask::allow`].
    fn ending(&mut self) -> Result<Ending, MaskError> {
        Ok(Ending::Later)
    }

    /// Tokens that are sure to come next, whatever is drawn: they are computed in one pass with the token before them instead of one
    /// each. They are drawn like any other, so that a wrong one costs time and changes no answer. None where there is a choice.
    fn ahead(&mut self) -> Vec<u32> {
        Vec::new()
    }

    /// The same rules in the same state, for another choice of a request with several.
    fn fork(&self) -> Box<dyn TokenMask>;
}

/// What a mask must have taken last time for the next one of the answer to be computed beside the forward pass ([`MaskTiming::Measured`]). Going there
/// moves the rules from the caches of one core to those of another, and where two threads share the pass half of the time is won at best. The number is the goal
/// for a mask at the median, not a measurement.
pub const WORTH_AN_ERRAND: Duration = Duration::from_micros(50);

/// When masks are computed. No answer depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MaskTiming {
    /// When the logits are there, the threads sharing answers: the plain version.
    Between,
    /// By one of the threads of the pool beside the forward pass that gives the logits, if there is more than one thread; tokens after a guess or a forced token of the
    /// same pass as with [`MaskTiming::Between`], since they hang on it.
    Beside,
    /// Beside the pass where the last mask of the answer took [`WORTH_AN_ERRAND`] or more, or there was none yet; between passes where it is too
    /// short for that.
    #[default]
    Measured,
}

/// Whether an answer may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It may not, or the rules do not care.
    Later,
    /// It may.
    Possible,
    /// It must: nothing may follow.
    Here,
}

/// A set of token ids, one bit each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSet {
    /// Bit `id % 32` of word `id / 32`: the layout in which grammar engines fill masks.
    words: Vec<u32>,
    len: usize,
}

impl TokenSet {
    /// No token of a vocabulary of `vocab_size`.
    pub fn none(vocab_size: usize) -> Self {
        Self { words: vec![0; vocab_size.div_ceil(32)], len: vocab_size }
    }

    /// Entries of the vocabulary.
    pub fn vocab_size(&self) -> usize {
        self.len
    }

    /// Takes all tokens out.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Puts a token in; ids outside of the vocabulary are ignored, since a tokenizer may know more than the model.
    pub fn insert(&mut self, id: u32) {
        if (id as usize) < self.len {
            self.words[id as usize / 32] |= 1 << (id % 32);
        }
    }

    /// Takes a token out.
    pub fn remove(&mut self, id: u32) {
        if (id as usize) < self.len {
            self.words[id as usize / 32] &= !(1 << (id % 32));
        }
    }

    /// Whether there is none in.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Whether a token is in.
    pub fn contains(&self, id: u32) -> bool {
        (id as usize) < self.len && self.words[id as usize / 32] >> (id % 32) & 1 == 1
    }

    /// Takes out what is not in `other`.
    pub fn retain(&mut self, other: &Self) {
        let words = other.words.iter().chain(std::iter::repeat(&0));
        self.words.iter_mut().zip(words).for_each(|(own, word)| *own &= word);
    }

    /// Makes the logits (V) of the tokens that are not in impossible.
    pub(crate) fn rule_out(&self, logits: &mut [f32]) {
        for (logits, &word) in logits.chunks_mut(32).zip(&self.words) {
            // without a branch for each bit, which none would foresee
            for (bit, logit) in logits.iter_mut().enumerate() {
                *logit = if word & (1 << bit) == 0 { f32::NEG_INFINITY } else { *logit };
            }
        }
    }

    /// Puts in all tokens whose bits are set in `words` (bit `id % 32` of word `id / 32`); missing words are empty.
    pub fn insert_words(&mut self, words: &[u32]) {
        for (own, word) in self.words.iter_mut().zip(words) {
            *own |= word;
        }
        if let Some(last) = self.words.last_mut()
            && !self.len.is_multiple_of(32)
        {
            *last &= (1 << (self.len % 32)) - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TokenSet;

    #[test]
    fn sets_hold_what_was_put_in_and_nothing_outside_the_vocabulary() {
        let mut set = TokenSet::none(70);
        for id in [0, 31, 32, 69, 70, 71, u32::MAX] {
            set.insert(id);
        }
        let within = |set: &TokenSet| (0..200).filter(|&id| set.contains(id)).collect::<Vec<_>>();
        assert_eq!(within(&set), [0, 31, 32, 69]);
        [31, 70, u32::MAX].into_iter().for_each(|id| set.remove(id));
        assert_eq!(within(&set), [0, 32, 69]);
        set.clear();
        set.insert_words(&[1 << 5, 0, u32::MAX, u32::MAX]);
        assert_eq!(within(&set), [5, 64, 65, 66, 67, 68, 69]);
        let mut other = TokenSet::none(70);
        [1, 5, 66].into_iter().for_each(|id| other.insert(id));
        set.retain(&other);
        assert_eq!(within(&set), [5, 66]);
        let mut logits: Vec<f32> = (0..70).map(|id| id as f32).collect();
        let mut all = TokenSet::none(70);
        all.insert_words(&[0, u32::MAX, 1 << 3]);
        all.rule_out(&mut logits);
        let left: Vec<f32> = logits.iter().copied().filter(|logit| logit.is_finite()).collect();
        assert_eq!(left, (32..64).chain([67]).map(|id| id as f32).collect::<Vec<_>>());
        set.retain(&TokenSet::none(3));
        assert!(within(&set).is_empty());
    }
}
