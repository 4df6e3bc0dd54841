//! Training a vocabulary: the words of texts are counted, and the most frequent pairs of neighbours in them become tokens.
//!
//! The merges are those of `BpeTrainer` in Hugging Face's `tokenizers` on the same texts, its habits included (`merge.rs`
//! names them). Neither the number of threads nor the parts in which texts come in shows in them.

mod candidates;
mod counting;
mod error;
mod feed;
mod merge;
mod options;
mod runs;
mod table;
mod vocabulary;
mod words;

use std::fs::File;

pub use crate::pretokenize::Pattern;
use crate::pretokenize::PreTokenizer;
use crate::tokenizer::Tokenizer;
pub use error::TrainError;
pub use feed::Feed;
pub use options::{SMOLLM2_SPECIALS, TrainOptions};
pub use words::LeftOut;

/// What came of training.
#[derive(Debug)]
pub struct Trained {
    /// The tokenizer, without roles: special tokens, then bytes in the order of their spellings, then what merges made.
    /// It may have fewer tokens than were asked for, when the texts have no more pairs.
    pub tokenizer: Tokenizer,
    /// How many texts there were.
    pub texts: u64,
    /// Their UTF-8 bytes.
    pub bytes: u64,
    /// Different words among them.
    pub words: u64,
    /// Words that had no place in memory.
    pub left_out: Option<LeftOut>,
}

/// Trains on what `texts` feeds it.
///
/// `scratch` makes empty files of no name for counts that memory has no place for; `progress(done, total)` hears of tokens, and
/// may stop the work with an error.
///
/// # Errors
/// Options that cannot be met (before anything is read), no text, a scratch file that cannot be written, and whatever `texts` and
/// `progress` say.
pub fn train<E: From<TrainError>>(
    options: &TrainOptions,
    scratch: &(dyn Fn() -> std::io::Result<File> + Sync),
    texts: impl FnOnce(&mut Feed<'_>) -> Result<(), E>,
    mut progress: impl FnMut(usize, usize) -> Result<(), E>,
) -> Result<Trained, E> {
    options.check()?;
    let pretokenizer = PreTokenizer::new(options.pattern);
    let mut counted = counting::count(&pretokenizer, options, scratch, texts)?;
    let survey = counted.words.survey(options.memory)?;
    if survey.words == 0 {
        return Err(TrainError::NoText.into());
    }
    let mut vocabulary =
        vocabulary::Vocabulary::new(&options.specials, options.only_seen_bytes.then_some(&survey.seen));
    if vocabulary.len() > options.vocab_size {
        return Err(options.too_small(vocabulary.len()).into());
    }
    let words = words::Words::new(counted.words, survey.least, vocabulary.byte_ids())?;
    let merges = merge::merges(words, &mut vocabulary, options, &mut progress)?;
    let tokenizer = vocabulary.into_tokenizer(&merges, pretokenizer, &options.specials)?;
    let (texts, bytes) = (counted.texts, counted.bytes);
    Ok(Trained { tokenizer, texts, bytes, words: survey.words, left_out: survey.left_out })
}

#[cfg(test)]
mod tests;
