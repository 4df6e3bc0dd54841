//! Judging tokenizers on the texts of files, all on the same.

use super::texts::{Piece, TextFile};
use crate::error::Error;
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::eval::{Evaluation, Evaluator};

/// What the texts of `files` say of each tokenizer. One text is in memory at a time. `progress(done, total)` hears of bytes that were
/// read, and may stop the work with an error.
///
/// # Errors
/// A file or a line of one that has no text, or the file system.
pub fn evaluate_tokenizers(
    tokenizers: &[&Tokenizer],
    files: &[TextFile],
    mut progress: impl FnMut(u64, u64) -> Result<(), Error>,
) -> Result<Vec<Evaluation>, Error> {
    let sizes = files.iter().map(TextFile::size).collect::<Result<Vec<_>, Error>>()?;
    let total = sizes.into_iter().flatten().sum::<u64>();
    let mut evaluators: Vec<Evaluator<'_>> = tokenizers.iter().map(|tokenizer| Evaluator::new(tokenizer)).collect();
    let (mut whole, mut bytes) = (String::new(), 0);
    for file in files {
        file.read(&mut |piece, read| {
            bytes += read;
            match piece {
                Piece::Part(text) => whole.push_str(text),
                Piece::End => {
                    evaluators.iter_mut().for_each(|evaluator| evaluator.text(&whole));
                    whole.clear();
                }
            }
            progress(bytes, total.max(bytes))
        })?;
    }
    Ok(evaluators.into_iter().map(Evaluator::finish).collect())
}
