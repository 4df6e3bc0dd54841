//! GGUF files that our converter writes: held against llama.cpp's verdict by their digest, and against the directory they came from.

use super::{bits, called, dtype_of, max_delta, open, session, temporary};
use smollm::{ModelFiles, convert};
use smollm_checkpoint::{Checkpoint, Tensor};
use smollm_kernels::{Cpu, Dtype};
use smollm_testkit::byte_level::write_golden_model;
use smollm_testkit::gguf::tiny_gguf;
use smollm_testkit::golden::llama_cpp_goldens;
use smollm_testkit::golden::logits_golden;
use smollm_testkit::stored::Stored;
use smollm_testkit::tiny;
use std::path::Path;

fn convert_to(from: &Path, to: &Path, dtype: Option<Dtype>) {
    convert(&ModelFiles::at(from).unwrap(), to, dtype, |_| Ok(())).unwrap();
}

/// llama.cpp read a file with this digest and found the golden top-1 at every certain position.
#[test]
fn our_files_are_those_that_llama_cpp_judged() {
    let folder = temporary();
    for golden in llama_cpp_goldens() {
        let directory = write_golden_model(folder.path(), &golden.name, Stored::F32).unwrap();
        let file = folder.path().join(called(&golden) + ".gguf");
        convert_to(&directory, &file, Some(dtype_of(golden.stored)));
        let digest = tiny::digest(&std::fs::read(&file).unwrap());
        assert_eq!(
            Some(&digest),
            golden.convert_sha256.as_ref(),
            "{}: the converter writes another file than llama.cpp judged; `cargo xtask accept llama-cpp --record` judges it",
            called(&golden)
        );
    }
}

/// Byte for byte the tensors that an independent writer puts into the file that llama.cpp made the golden answers from.
#[test]
fn our_tensors_are_those_of_an_independent_writer() {
    let folder = temporary();
    for golden in llama_cpp_goldens() {
        let directory = write_golden_model(folder.path(), &golden.name, Stored::F32).unwrap();
        let ours = folder.path().join("ours.gguf");
        convert_to(&directory, &ours, Some(dtype_of(golden.stored)));
        let theirs = folder.path().join("theirs.gguf");
        let file = tiny_gguf(&logits_golden(&golden.name).config, &golden.name, golden.stored);
        std::fs::write(&theirs, file.to_bytes()).unwrap();
        let (ours, theirs) = (Checkpoint::open_gguf(&ours).unwrap(), Checkpoint::open_gguf(&theirs).unwrap());
        let specs = |checkpoint: &Checkpoint| checkpoint.tensors().map(Tensor::spec).collect::<Vec<_>>();
        assert_eq!(specs(&ours), specs(&theirs), "{}", golden.name);
        for (a, b) in ours.tensors().zip(theirs.tensors()) {
            if a.name == "rope_freqs.weight" {
                // ours is the quotient of the two f32 frequencies, so that dividing gives transformers' value back
                let floats = |t: &Tensor| -> Vec<f32> {
                    t.data.as_slice().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
                };
                assert!(floats(a).iter().zip(floats(b)).all(|(a, b)| (a - b).abs() <= 2e-7 * b), "{}", golden.name);
            } else {
                assert!(a.data.as_slice() == b.data.as_slice(), "{} {}", golden.name, a.name);
            }
        }
    }
}

/// The same logits, bit for bit, before and after; and after the way back where there is one.
#[test]
fn a_converted_model_gives_the_bits_of_its_source() {
    let folder = temporary();
    for golden in llama_cpp_goldens() {
        let name = &golden.name;
        let range = logits_golden(name).range;
        let directory = write_golden_model(folder.path(), name, golden.stored).unwrap();
        let file = folder.path().join("converted.gguf");
        convert_to(&directory, &file, None);
        let back = folder.path().join("back");
        let divisors = name == "llama3-rope"; // config.json cannot say what the tensor says, so there is no way back
        if !divisors {
            convert_to(&file, &back, None);
        }
        let ids = &golden.sequences[0].ids;
        for isa in Cpu::available_isas() {
            let logits = |path: &Path| session(&open(path, None), isa).logits(ids).unwrap();
            let (source, converted) = (logits(&directory), logits(&file));
            if divisors {
                // one rounding more: the tensor holds f32 quotients
                assert!(max_delta(&source, &converted) <= 2e-5 * range, "{isa} {name}");
            } else {
                assert!(bits(&source) == bits(&converted), "{isa} {name}: GGUF");
                assert!(bits(&source) == bits(&logits(&back)), "{isa} {name}: and back");
            }
        }
    }
}
