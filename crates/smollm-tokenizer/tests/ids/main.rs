//! Ids equal to those of the crate `tokenizers`, GGUF vocabularies, and what is refused or broken.

mod added;
mod faults;
#[path = "../files/mod.rs"]
mod files;
mod gguf;
mod oracle;
mod unsupported;
