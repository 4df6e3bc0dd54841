//! The model that is a part of the program: a small one, which answers where no other is at hand.

mod name;

use crate::error::Error;
use smollm_checkpoint::Checkpoint;
use smollm_kernels::Bytes;

pub use name::BUILT_IN;

/// What messages call it, in the place of a path.
pub(crate) const SHOWN: &str = "the built-in model";

/// Bytes that begin at a multiple of 64, as those of a mapped file do: then its numbers are used where they lie.
#[repr(C, align(64))]
struct Aligned<B: ?Sized>(B);

/// The whole file: weights, tokenizer, chat template.
static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../model/nano.gguf"));

/// Opens it where it lies: nothing is copied, nothing is written.
///
/// # Errors
/// The program was built with a file that is no model.
pub(crate) fn open() -> Result<Checkpoint, Error> {
    Ok(Checkpoint::read_gguf(SHOWN, Bytes::new(&FILE.0))?)
}

/// Bytes of the file.
pub(crate) fn file_bytes() -> u64 {
    FILE.0.len() as u64
}

#[cfg(test)]
mod tests;
