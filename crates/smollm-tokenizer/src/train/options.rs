//! What is to be trained.

use super::{Pattern, TrainError};
use crate::byte_alphabet::unspell;
use crate::error::shortened;

/// The special tokens of SmolLM and SmolLM2, in the order of their ids (`tokenizer.json` of SmolLM2-135M).
pub const SMOLLM2_SPECIALS: [&str; 17] = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<repo_name>",
    "<reponame>",
    "<file_sep>",
    "<filename>",
    "<gh_stars>",
    "<issue_start>",
    "<issue_comment>",
    "<issue_closed>",
    "<jupyter_start>",
    "<jupyter_text>",
    "<jupyter_code>",
    "<jupyter_output>",
    "<jupyter_script>",
    "<empty_output>",
];

/// What is to be trained, and with what.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// Tokens in all: special tokens, bytes and merges.
    pub vocab_size: usize,
    /// Special tokens, which get the first ids. Where a text has one it is plain text, as in `tokenizers`.
    pub specials: Vec<String>,
    /// Where words end.
    pub pattern: Pattern,
    /// A pair must occur so often to be merged. 0 and 1 are the same.
    pub min_frequency: u64,
    /// Tokens are shorter than this, in bytes; pairs of single bytes may merge all the same. (That is what `tokenizers` makes of
    /// its option `max_token_length`, whatever its name says.)
    pub max_token_length: Option<usize>,
    /// Bytes that no text has get no token, as in SmolLM's vocabulary: text with them will lose them.
    pub only_seen_bytes: bool,
    /// How many threads count and merge, beside the one that feeds.
    pub threads: usize,
    /// Bytes for counts of words, and then for the words that are trained on. Beyond it counts go to scratch files, and the rarest
    /// words are left out, which [`super::Trained::left_out`] tells.
    pub memory: usize,
}

impl Default for TrainOptions {
    /// The vocabulary of SmolLM2: 49,152 tokens.
    fn default() -> Self {
        Self {
            vocab_size: 49_152,
            specials: SMOLLM2_SPECIALS.map(str::to_owned).to_vec(),
            pattern: Pattern::Gpt2Digits,
            min_frequency: 0,
            max_token_length: None,
            only_seen_bytes: false,
            threads: 1,
            memory: 2 << 30,
        }
    }
}

impl TrainOptions {
    /// Refuses what cannot be met, whatever the texts are.
    pub(super) fn check(&self) -> Result<(), TrainError> {
        for (at, token) in self.specials.iter().enumerate() {
            let mut bytes = Vec::new();
            let problem = if token.is_empty() {
                "has no text"
            } else if self.specials[..at].contains(token) {
                "is given twice"
            } else if unspell(token, &mut bytes) && bytes.len() == 1 {
                "is how a byte is spelled, which is a token of its own"
            } else {
                continue;
            };
            return Err(TrainError::Special { token: shortened(token), problem });
        }
        let bytes = if self.only_seen_bytes { 1 } else { 256 };
        let least = bytes + self.specials.len();
        if self.vocab_size < least { Err(self.too_small(least)) } else { Ok(()) }
    }

    /// The vocabulary has no place for `needed` tokens that it must have.
    pub(super) fn too_small(&self, needed: usize) -> TrainError {
        let specials = self.specials.len();
        TrainError::VocabSize { asked: self.vocab_size, bytes: needed - specials, specials }
    }
}
