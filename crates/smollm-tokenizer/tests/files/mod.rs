//! The tokenizers that the tests read.

#![allow(dead_code, reason = "each test executable needs only some of these")]

use std::path::PathBuf;

use serde_json::Value;
use smollm_testkit::stories260k::Stories260k;
use smollm_testkit::{fixtures, testdata};
use smollm_tokenizer::{GgufVocab, Tokenizer, TokenizerError};

/// The tokenizers of `testdata/tokenizer`.
pub(crate) const SMALL: [&str; 3] = ["smollm_small", "llama3_small", "flags_small"];

/// The file of one of [`SMALL`], or of the real SmolLM2 tokenizer as `smollm2`: `None` where fixtures are absent.
pub(crate) fn tokenizer_file(name: &str) -> Option<PathBuf> {
    match name {
        "smollm2" => Some(fixtures()?.join("models/SmolLM2-135M-Instruct/tokenizer.json")),
        _ => Some(testdata().join("tokenizer").join(name).with_extension("json")),
    }
}

pub(crate) fn read_json(path: PathBuf) -> Value {
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The JSON of one of [`SMALL`].
pub(crate) fn small(name: &str) -> Value {
    read_json(tokenizer_file(name).expect("it is in the repository"))
}

pub(crate) fn load(json: &Value) -> Result<Tokenizer, TokenizerError> {
    Tokenizer::from_json(json.to_string().as_bytes(), "tokenizer.json")
}

/// The same tokenizer by way of a GGUF vocabulary.
pub(crate) fn by_gguf(tokenizer: &Tokenizer) -> Tokenizer {
    Tokenizer::from_gguf(tokenizer.to_gguf().unwrap()).unwrap()
}

/// The vocabulary of stories260K as its GGUF file has it.
pub(crate) fn stories_vocab() -> Option<GgufVocab> {
    let stories = Stories260k::from_fixtures()?;
    let kinds = [2, 3, 3].into_iter().chain([6; 256]).chain(std::iter::repeat(1));
    Some(GgufVocab {
        model: "llama".to_owned(),
        token_types: Some(kinds.take(stories.pieces.len()).collect()),
        tokens: stories.pieces,
        scores: Some(stories.scores),
        bos: Some(1),
        eos: Some(2),
        unk: Some(0),
        ..GgufVocab::default()
    })
}
