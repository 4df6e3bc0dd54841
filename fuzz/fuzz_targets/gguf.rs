//! Any bytes as a GGUF file: an error, or tensors within the file; its metadata as a model configuration.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smollm_checkpoint::gguf::parse;

fuzz_target!(|bytes: &[u8]| {
    match parse(bytes) {
        Ok(file) => {
            for tensor in &file.tensors {
                assert!(file.data_start <= tensor.begin && tensor.begin <= tensor.end && tensor.end <= bytes.len());
                assert_eq!(tensor.begin as u64 % file.alignment, 0, "{} is not aligned", tensor.name);
            }
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "an error of several lines: {error}"),
    }
});
