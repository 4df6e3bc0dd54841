//! A quantised model beside the one it was made from.

use crate::error::Error;
use crate::model::Model;
use smollm_engine::{Comparison, Windows};
use std::ops::ControlFlow;

/// Compares the predictions of two models on the tokens of a text; see [`smollm_engine::compare`].
///
/// # Errors
/// The vocabularies differ, an id does not exist, or a model gave no finite logits.
pub fn compare(
    base: &Model,
    other: &Model,
    ids: &[u32],
    windows: Windows,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Option<Comparison>, Error> {
    let (base_size, other_size) = (base.decoder().config.vocab_size, other.decoder().config.vocab_size);
    if base_size != other_size {
        let (base, other) = (base.name().into(), other.name().into());
        return Err(Error::OtherVocabulary { base, base_size, other, other_size });
    }
    Ok(smollm_engine::compare(&mut base.session(), &mut other.session(), ids, windows, progress)?)
}
