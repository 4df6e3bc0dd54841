//! Exactness of the facade and the binary: against llama.cpp's recorded verdicts, against a real trained model, and against themselves.

mod converted;
mod determinism;
mod foreign;
mod metadata;
mod quantized;
mod stories;

use smollm::{Model, OpenOptions, Session};
use smollm_engine::SessionOptions;
use smollm_kernels::{Cpu, Dtype, KvDtype};
use smollm_model::Storage;
use smollm_testkit::golden::{JudgedSequence, LlamaCppGolden};
use smollm_testkit::stored::Stored;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// A directory that is gone when the test is.
fn temporary() -> TempDir {
    tempfile::Builder::new().prefix("exact-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn open(path: &Path, dtype: Option<Dtype>) -> Model {
    open_as(path, dtype.map_or(Storage::AsInFile, Storage::Plain))
}

fn open_as(path: &Path, storage: Storage) -> Model {
    let options = OpenOptions { storage, threads: Some(1), ..OpenOptions::default() };
    Model::open_with(path.to_str().unwrap(), &options, &smollm_hub::Silent).unwrap()
}

/// A session on an instruction set of choice, with an f32 cache as llama.cpp had, and room for its 250 tokens even where
/// the tiny model says that it was made for fewer.
fn session(model: &Model, isa: &str) -> Session {
    let options = SessionOptions { kv_dtype: Some(KvDtype::F32), context: Some(256), ..SessionOptions::default() };
    session_with(model, isa, &options)
}

fn session_with(model: &Model, isa: &str, options: &SessionOptions) -> Session {
    Session::new(Arc::new(model.decoder().clone()), Arc::new(Cpu::with_isa(isa, 2).unwrap()), options)
}

fn dtype_of(stored: Stored) -> Dtype {
    match stored {
        Stored::F32 => Dtype::F32,
        Stored::F16 => Dtype::F16,
        Stored::Bf16 => Dtype::BF16,
    }
}

fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|x| x.to_bits()).collect()
}

fn max_delta(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |worst, delta| if delta > worst || delta.is_nan() { delta } else { worst })
}

/// Our likeliest token is llama.cpp's wherever its two best are more than twice `noise` apart; the number of such positions.
#[track_caller]
fn assert_top1(what: &str, logits: &[f32], sequence: &JudgedSequence, noise: f32) -> usize {
    let rows = logits.chunks(logits.len() / sequence.ids.len());
    let mut certain = 0;
    for (position, (row, (&expected, &gap))) in rows.zip(sequence.top1.iter().zip(&sequence.gap)).enumerate() {
        if gap > 2.0 * noise {
            let found = smollm_kernels::ops::argmax(row) as u32;
            assert_eq!(found, expected, "{what} {} position {position}: gap {gap}, noise {noise}", sequence.name);
            certain += 1;
        }
    }
    certain
}

fn called(golden: &LlamaCppGolden) -> String {
    format!("{}-{}", golden.name, golden.stored.safetensors_name().to_lowercase())
}
