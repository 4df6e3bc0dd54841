//! Guesses of how sequences go on, for speculative decoding: a pass verifies several tokens at the price of reading the weights once.

mod model;

pub use model::ModelDrafter;

use std::fmt::Debug;

/// Guesses the next tokens of sequences. A wrong guess costs time and never changes an answer: each token is drawn as it would be
/// without, and a guess counts as long as it is what was drawn (Leviathan et al. 2023, arXiv 2211.17192, with the draw of the
/// sampler in place of their own).
pub trait Drafter: Debug + Send {
    /// Fills in the drafts, each with at most [`Guess::max`] tokens; none where there is nothing to go by.
    fn draft(&mut self, guesses: &mut [Guess<'_>]);

    /// Seconds that one more token of a guess is expected to take; `None` if guesses are free, which then are asked for before it is
    /// known how many will be verified.
    fn seconds_per_token(&self) -> Option<f64> {
        None
    }

    /// The sequence of this key has ended.
    fn forget(&mut self, sequence: u64);
}

/// A sequence whose next tokens are to be guessed.
#[derive(Debug)]
pub struct Guess<'a> {
    /// Names the sequence as long as it lives.
    pub sequence: u64,
    /// Its tokens so far. Never empty.
    pub tokens: &'a [u32],
    /// How many of them are the prompt.
    pub prompt_len: usize,
    /// Tokens asked for, at most.
    pub max: usize,
    /// The guess.
    pub draft: Vec<u32>,
}

/// What followed the last tokens where they stood before, in prompt or answer: good at what repeats, such as code, quotations and
/// summaries (prompt lookup decoding, <https://github.com/apoorvumang/prompt-lookup-decoding>).
#[derive(Debug, Clone, Copy, Default)]
pub struct PromptLookup;

/// Tokens that have to be the same as the last ones, at most and at least.
const MATCH: std::ops::RangeInclusive<usize> = 2..=4;

impl Drafter for PromptLookup {
    fn draft(&mut self, guesses: &mut [Guess<'_>]) {
        for guess in guesses {
            if let Some(end) = last_occurrence(guess.tokens) {
                let rest = &guess.tokens[end..];
                guess.draft.extend_from_slice(&rest[..guess.max.min(rest.len())]);
            }
        }
    }

    fn forget(&mut self, _sequence: u64) {}
}

/// Where the latest earlier occurrence of the most of the last tokens ends.
fn last_occurrence(tokens: &[u32]) -> Option<usize> {
    let mut best = None;
    let mut longest = MATCH.start() - 1;
    for end in (1..tokens.len()).rev() {
        let same = tokens[..end].iter().rev().zip(tokens.iter().rev()).take(*MATCH.end()).take_while(|(a, b)| a == b);
        let same = same.count();
        if same > longest {
            (best, longest) = (Some(end), same);
            if longest == *MATCH.end() {
                break;
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(tokens: &[u32], max: usize) -> Vec<u32> {
        let mut guesses = [Guess { sequence: 0, tokens, prompt_len: 1, max, draft: Vec::new() }];
        PromptLookup.draft(&mut guesses);
        guesses[0].draft.clone()
    }

    #[test]
    fn what_followed_the_longest_and_latest_match_is_drafted() {
        assert_eq!(draft(&[1, 2, 3, 4, 5, 9, 1, 2], 3), [3, 4, 5]);
        assert_eq!(draft(&[1, 2, 3, 7, 1, 2, 4, 8, 1, 2], 2), [4, 8], "the latest of equals");
        assert_eq!(draft(&[5, 1, 2, 3, 7, 1, 2, 4, 5, 1, 2], 1), [3], "the longer one");
        assert!(draft(&[1, 2, 3, 1], 4).is_empty(), "one token is no match");
        assert_eq!(draft(&[7, 7, 7, 7, 7, 7], 4), [7], "up to the end of what is known");
        assert!(draft(&[1, 2, 1, 2], 0).is_empty());
        assert!(draft(&[3], 4).is_empty());
    }
}
