//! Quantised GGUF files: a block format gives the bits of the f32 file with the values that its blocks stand for, or, where it has
//! kernels of its own, those of no other way to the same weights and nearly those of the f32 file.

use super::{bits, open, session, temporary};
use serde_json::{Value, json};
use smollm::{ModelFiles, convert};
use smollm_checkpoint::imatrix::Imatrix;
use smollm_checkpoint::{Checkpoint, CheckpointError, Tensor, gguf};
use smollm_engine::{Session, SessionOptions};
use smollm_kernels::{Cpu, Dtype, KvDtype, Matrix, ops};
use smollm_model::{ModelConfig, Storage};
use smollm_testkit::gguf::tiny_gguf;
use smollm_testkit::golden::logits_golden;
use smollm_testkit::repository;
use smollm_testkit::stored::Stored;
use smollm_testkit::tiny::prompt_ids;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// Rows of 256 and 512, so that every format fits.
fn config() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": 256,
        "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "vocab_size": 320, "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32",
    })
}

/// How far logits may lie from those of f32 activations: a byte is 2^-8 of the largest of 32, eleven products follow each other.
const ROUNDED_ACTIVATIONS: f64 = 0.04;

/// The types whose products round activations to bytes.
fn packed(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::Q8_0 | Dtype::Q4_0 | Dtype::Q5_0 | Dtype::Q4_K | Dtype::Q6_K)
}

/// ||a - b|| / ||b||
fn relative_distance(a: &[f32], b: &[f32]) -> f64 {
    let square = |x: f64| x * x;
    let apart: f64 = a.iter().zip(b).map(|(a, b)| square(f64::from(a - b))).sum();
    (apart / b.iter().map(|b| square(f64::from(*b))).sum::<f64>()).sqrt()
}

/// Writes the file at `from` to `to` with every matrix changed by `change`.
fn rewrite(from: &Path, to: &Path, change: impl Fn(&Matrix) -> Matrix) {
    let checkpoint = Checkpoint::open_gguf(from).unwrap();
    let changed = |tensor: &Tensor| match tensor.shape[..] {
        [rows, cols] => {
            let matrix = change(&Matrix::new(tensor.dtype, rows, cols, tensor.data.clone()).unwrap());
            Tensor { dtype: matrix.dtype(), data: matrix.bytes().clone(), ..tensor.clone() }
        }
        _ => tensor.clone(),
    };
    let tensors: Vec<Tensor> = checkpoint.tensors().map(changed).collect();
    let metadata = checkpoint.gguf_metadata().unwrap();
    gguf::write_tensors(to, metadata, &tensors.iter().collect::<Vec<_>>()).unwrap();
}

/// The logits of a file whose matrices are multiplied where they lie, whatever their type.
fn logits_in_place(path: &Path, isa: &str, ids: &[u32]) -> Vec<f32> {
    let cpu = Cpu::with_isa(isa, 2).unwrap();
    let checkpoint = Checkpoint::open_gguf(path).unwrap();
    let config = ModelConfig::from_gguf(&checkpoint).unwrap();
    let model = smollm_model::Model::load(&cpu, Arc::new(checkpoint), config, Storage::AsInFile).unwrap();
    let options = SessionOptions { kv_dtype: Some(KvDtype::F32), ..SessionOptions::default() };
    Session::new(Arc::new(model), Arc::new(cpu), &options).logits(ids).unwrap()
}

#[test]
fn blocks_give_the_bits_of_the_values_they_stand_for() {
    let folder = temporary();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("plain.gguf"), tiny_gguf(&config(), "m", Stored::F32).to_bytes()).unwrap();
    let cpu = Cpu::new(2).unwrap();
    let ids = prompt_ids("quantized", 70, 320);
    for dtype in Dtype::ALL.into_iter().filter(|dtype| dtype.is_quantized()) {
        rewrite(&at("plain.gguf"), &at("blocks.gguf"), |matrix| ops::quantize(&cpu, matrix, dtype, None));
        rewrite(&at("blocks.gguf"), &at("values.gguf"), |matrix| matrix.to_dtype(Dtype::F32));
        // to another file and back into its own order of rows
        convert(&ModelFiles::at(&at("blocks.gguf")).unwrap(), &at("converted.gguf"), None, |_| Ok(())).unwrap();
        for isa in Cpu::available_isas() {
            let logits = |name: &str| session(&open(&at(name), None), isa).logits(&ids).unwrap();
            let (values, blocks) = (logits("values.gguf"), logits("blocks.gguf"));
            let expected = bits(&values);
            if packed(dtype) {
                let distance = relative_distance(&blocks, &values);
                assert!(distance > 0.0 && distance < ROUNDED_ACTIVATIONS, "{isa} {dtype}: {distance}");
            } else {
                assert!(bits(&blocks) == expected, "{isa} {dtype}");
            }
            assert!(bits(&logits("converted.gguf")) == bits(&blocks), "{isa} {dtype}, converted");
            let widened = session(&open(&at("blocks.gguf"), Some(Dtype::F32)), isa).logits(&ids).unwrap();
            assert!(bits(&widened) == expected, "{isa} {dtype}, --dtype f32");
            let in_place = |name: &str| bits(&logits_in_place(&at(name), isa, &ids));
            assert!(in_place("blocks.gguf") == in_place("values.gguf"), "{isa} {dtype}, not packed");
        }
    }
}

/// What cannot be computed is refused by its name, as is a format whose blocks do not fit a row.
#[test]
fn other_formats_are_refused_with_type_and_tensor() {
    let folder = temporary();
    let path = folder.path().join("m.gguf");
    let mut bytes = tiny_gguf(&config(), "m", Stored::F32).to_bytes();
    let name = b"blk.1.attn_v.weight";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len();
    // the type stands after the number of dimensions and two of them
    bytes[at + 4 + 16..][..4].copy_from_slice(&16u32.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let error = smollm::Model::open(path.to_str().unwrap()).expect_err("refused").to_string();
    assert!(error.contains("blk.1.attn_v.weight") && error.contains("IQ2_XXS") && error.contains("m.gguf"), "{error}");
    bytes[at + 4 + 16..][..4].copy_from_slice(&99u32.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let error = Checkpoint::open_gguf(&path).expect_err("refused");
    assert!(matches!(error, CheckpointError::Gguf { .. }));
    let error = error.to_string();
    assert!(error.contains("blk.1.attn_v.weight") && error.contains("99"), "{error}");
}

/// The text and the pieces of `reference/imatrix_golden.py`.
#[test]
fn importances_are_those_of_llama_cpp() {
    let path = repository().join("testdata/quant/imatrix.gguf");
    let golden = Imatrix::open(&path).unwrap();
    let folder = temporary();
    let file = folder.path().join("m.gguf");
    std::fs::write(&file, tiny_gguf(&logits_golden("gqa-9-3").config, "m", Stored::F32).to_bytes()).unwrap();
    let model = open(&file, None);
    let text = "The quick brown fox jumps over the lazy dog; it barks 7 times. ".repeat(4);
    let ids = model.prompt_ids(&smollm::Prompt::Text(text)).unwrap();
    let ours = smollm::imatrix(&model, &ids, 64, "text.txt", &mut |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(
        (ours.chunks, ours.chunk_tokens, &ours.datasets),
        (golden.chunks, golden.chunk_tokens, &golden.datasets)
    );
    assert!(ours.entries.keys().eq(golden.entries.keys()));
    for (name, golden) in &golden.entries {
        let ours = &ours.entries[name];
        assert_eq!((ours.tokens, ours.sums.len()), (golden.tokens, golden.sums.len()), "{name}");
        for (a, b) in ours.sums.iter().zip(&golden.sums) {
            // llama.cpp keeps keys and values in f16
            assert!((a - b).abs() <= 2e-3 * b, "{name}: {a} {b}");
        }
    }
}
