//! Any bytes as a safetensors file, a shard index and an adapter's configuration: an error, or tensors that lie within the
//! file one after another.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smollm_checkpoint::adapter::AdapterConfig;
use smollm_checkpoint::safetensors::{parse_header, parse_index};

fuzz_target!(|bytes: &[u8]| {
    let _ = parse_index(bytes).map_err(|error| one_line(&error));
    if let Ok(config) = AdapterConfig::parse(bytes).map_err(|error| one_line(&error)) {
        let _ = config.rank("model.layers.0.self_attn.q_proj").map_err(|error| one_line(&error));
        let _ = config.scaling("model.layers.0.self_attn.q_proj", config.r).map_err(|error| one_line(&error));
    }
    // The claimed length of the file: the true one, and a larger one, as if only its beginning had been read.
    for file_len in [bytes.len() as u64, bytes.len() as u64 + 4096] {
        match parse_header(bytes, file_len) {
            Ok(header) => {
                let mut ranges: Vec<_> = header.tensors.iter().map(|tensor| (tensor.begin, tensor.end)).collect();
                ranges.sort_unstable();
                let mut end = header.data_start;
                for range in ranges {
                    assert!(range.0 == end && range.0 <= range.1, "gap or overlap at {range:?}");
                    end = range.1;
                }
                assert_eq!(end, file_len, "the tensors do not fill the file");
                for tensor in &header.tensors {
                    let bits =
                        tensor.shape.iter().map(|&size| size as u128).product::<u128>() * u128::from(tensor.dtype.bits);
                    assert_eq!(bits, u128::from(tensor.end - tensor.begin) * 8, "{}", tensor.name);
                }
            }
            Err(error) => one_line(&error),
        }
    }
});

fn one_line(error: &dyn std::error::Error) {
    assert!(!error.to_string().contains('\n'), "an error of several lines: {error}");
}
