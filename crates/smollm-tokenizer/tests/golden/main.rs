//! Ids and text recorded from the Python `tokenizers` and from llama.cpp.

mod converter;
mod corpus;
#[path = "../files/mod.rs"]
mod files;
mod sentencepiece;
mod vectors;
