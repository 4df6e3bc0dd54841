//! The files written here are byte for byte those of the Python gguf package, which llama.cpp judged.

use sha2::{Digest, Sha256};

use super::*;
use crate::{golden, tiny};

#[test]
fn tiny_gguf_files_are_those_llama_cpp_judged() {
    let judged = golden::llama_cpp_goldens();
    assert!(judged.len() >= 9);
    for file in judged {
        let config = golden::logits_golden(&file.name).config;
        let bytes = tiny_gguf(&config, &file.name, file.stored).to_bytes();
        assert_eq!(tiny::hex(&Sha256::digest(&bytes)), file.sha256, "{} {:?}", file.name, file.stored);
        assert_eq!(file.sequences.iter().map(|s| s.ids.len()).sum::<usize>(), 1000);
    }
}
