//! Ids, text and merges recorded from the Python `tokenizers` and from llama.cpp.

mod converter;
mod corpus;
#[path = "../files/mod.rs"]
mod files;
mod sentencepiece;
mod trained;
mod vectors;
