//! Any bytes as a GGUF file: an error, or tensors within the file; then its configuration and its tokenizer the same way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smollm_checkpoint::gguf::{GgufMetadata, parse};
use smollm_checkpoint::{Checkpoint, CheckpointError};
use smollm_model::ModelConfig;
use smollm_tokenizer::{GgufVocab, Specials, Tokenizer};

fuzz_target!(|bytes: &[u8]| {
    match parse(bytes) {
        Ok(file) => {
            for tensor in &file.tensors {
                assert!(file.data_start <= tensor.begin && tensor.begin <= tensor.end && tensor.end <= bytes.len());
                assert_eq!(tensor.begin as u64 % file.alignment, 0, "{} is not aligned", tensor.name);
            }
            tokenizer(&file.metadata);
            mapped(bytes);
        }
        Err(error) => one_line(&error),
    }
});

/// The same bytes as a file on disk: opened as a checkpoint, read as a configuration.
fn mapped(bytes: &[u8]) {
    let path = std::env::temp_dir().join(format!("smollm-fuzz-{}.gguf", std::process::id()));
    std::fs::write(&path, bytes).expect("the temporary folder is writable");
    match Checkpoint::open_gguf(&path) {
        Ok(checkpoint) => match ModelConfig::from_gguf(&checkpoint) {
            Ok(config) => assert!(config.group() > 0 && config.kv_size() <= config.query_size()),
            Err(error) => one_line(&error),
        },
        Err(error) => one_line(&error),
    }
    std::fs::remove_file(&path).expect("we wrote it");
}

fn tokenizer(metadata: &GgufMetadata) {
    match vocab(metadata) {
        Ok(vocab) => match Tokenizer::from_gguf(vocab) {
            Ok(tokenizer) => {
                let ids = tokenizer.encode("a b <s>Ünï 12\n", Specials::Parse);
                assert!(ids.iter().all(|id| (*id as usize) < tokenizer.vocab_size()));
                let _ = tokenizer.decode(&ids, false);
            }
            Err(error) => one_line(&error),
        },
        Err(error) => one_line(&error),
    }
}

fn vocab(metadata: &GgufMetadata) -> Result<GgufVocab, CheckpointError> {
    Ok(GgufVocab {
        model: metadata.require::<&str>("tokenizer.ggml.model")?.to_owned(),
        pre: metadata.optional::<&str>("tokenizer.ggml.pre")?.map(str::to_owned),
        tokens: metadata.require::<&[String]>("tokenizer.ggml.tokens")?.to_vec(),
        scores: metadata.optional("tokenizer.ggml.scores")?,
        token_types: metadata.optional("tokenizer.ggml.token_type")?,
        merges: metadata.optional::<&[String]>("tokenizer.ggml.merges")?.map(<[String]>::to_vec),
        bos: metadata.optional("tokenizer.ggml.bos_token_id")?,
        eos: metadata.optional("tokenizer.ggml.eos_token_id")?,
        unk: metadata.optional("tokenizer.ggml.unknown_token_id")?,
        pad: metadata.optional("tokenizer.ggml.padding_token_id")?,
        add_bos: metadata.optional("tokenizer.ggml.add_bos_token")?,
        add_eos: metadata.optional("tokenizer.ggml.add_eos_token")?,
        add_space_prefix: metadata.optional("tokenizer.ggml.add_space_prefix")?,
    })
}

fn one_line(error: &dyn std::error::Error) {
    assert!(!error.to_string().contains('\n'), "an error of several lines: {error}");
}
