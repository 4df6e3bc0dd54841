//! One whole pass, chunks and single tokens give the same bits at the shape of a released model.
//!
//! `cargo test` runs a narrow two-layer sister of it; `cargo xtask accept real-shape` (SMOLLM_REAL_SHAPE=1) the real 135M.

use super::{bits, open_as, session_with, temporary};
use smollm::{InitOptions, Mix, Storage, init};
use smollm_engine::SessionOptions;
use smollm_kernels::{Cpu, Dtype, KvDtype};
use smollm_testkit::tiny::{narrow, prompt_ids};

#[test]
fn the_cache_and_the_chunks_leave_no_trace_in_the_logits() {
    let real = std::env::var_os("SMOLLM_REAL_SHAPE").is_some();
    // 300 tokens pass a border of the partitions in which attention walks the keys, and nine of the cache's blocks
    let (tokens, chunks): (_, &[usize]) = if real { (150, &[1, 64]) } else { (300, &[1, 7, 100]) };
    let set = if real { Vec::new() } else { narrow() };
    let folder = temporary();
    let directory = folder.path().join("model");
    let config = init("smollm2-135m", &directory, &InitOptions { seed: 7, set, tokenizer: None }, |_| Ok(())).unwrap();
    let ids = prompt_ids("determinism", tokens, config.vocab_size);
    let quantised = |name| Storage::Quantized(Mix::named(name).unwrap());
    let storages = [Dtype::F32, Dtype::F16, Dtype::BF16].map(Storage::Plain);
    for storage in storages.into_iter().chain(["q8_0", "q4_0", "q4_k_m"].map(quantised)) {
        let model = open_as(&directory, storage);
        for isa in Cpu::available_isas() {
            // attention knows nothing of how weights are stored: every type of weights meets one cache, every cache one type of them
            let all = real || storage == Storage::Plain(Dtype::BF16);
            let caches = [KvDtype::F16, KvDtype::F32, KvDtype::BF16, KvDtype::Q8_0];
            for &kv_dtype in if all { &caches[..] } else { &caches[..1] } {
                let logits = |chunk| {
                    let options = SessionOptions {
                        kv_dtype: Some(kv_dtype),
                        prefill_chunk: Some(chunk),
                        ..SessionOptions::default()
                    };
                    bits(&session_with(&model, isa, &options).logits(&ids).unwrap())
                };
                let whole = logits(tokens);
                for &chunk in chunks {
                    assert!(logits(chunk) == whole, "{isa} {storage:?} cache {kv_dtype:?}: chunks of {chunk}");
                }
            }
        }
    }
}
