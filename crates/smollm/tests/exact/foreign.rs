//! GGUF files of an independent writer, the very ones that llama.cpp made its golden answers from, opened by the facade.

use super::{assert_top1, bits, called, max_delta, open, session, temporary};
use smollm_kernels::{Cpu, Dtype};
use smollm_testkit::byte_level::write_golden_model;
use smollm_testkit::gguf::tiny_gguf;
use smollm_testkit::golden::{LlamaCppGolden, llama_cpp_goldens, logits_golden};
use smollm_testkit::stored::Stored;
use std::path::{Path, PathBuf};

fn foreign_file(folder: &Path, golden: &LlamaCppGolden) -> PathBuf {
    let path = folder.join(called(golden) + ".gguf");
    let file = tiny_gguf(&logits_golden(&golden.name).config, &golden.name, golden.stored);
    std::fs::write(&path, file.to_bytes()).unwrap();
    path
}

/// With the weights widened to f32 we add no noise of our own, so llama.cpp's alone decides what is certain; as the file
/// has them, our own distance from that is noise too.
#[test]
fn top1_is_that_of_llama_cpp_wherever_it_is_certain() {
    let folder = temporary();
    for golden in llama_cpp_goldens() {
        let path = foreign_file(folder.path(), &golden);
        let (wide, plain) = (open(&path, Some(Dtype::F32)), open(&path, None));
        for isa in Cpu::available_isas() {
            let (mut positions, mut certain, mut certain_plain) = (0, 0, 0);
            for sequence in &golden.sequences {
                let exact = session(&wide, isa).logits(&sequence.ids).unwrap();
                let logits = session(&plain, isa).logits(&sequence.ids).unwrap();
                let noise = golden.max_delta_from_f32;
                let what = format!("{isa} {}", called(&golden));
                certain += assert_top1(&format!("{what} as f32"), &exact, sequence, noise);
                certain_plain += assert_top1(&what, &logits, sequence, noise + max_delta(&exact, &logits));
                positions += sequence.ids.len();
            }
            eprintln!("{isa} {}: {certain} and {certain_plain} of {positions} positions are certain", called(&golden));
            assert_eq!(positions, 1000);
            assert!(certain >= 500 && certain_plain >= 400, "{}: too few positions are certain", called(&golden));
            if golden.stored == Stored::F32 {
                // transformers agrees with llama.cpp to 6e-6 of the range there, and we with transformers to 2e-5
                assert!(certain >= 995, "{}: only {certain}", called(&golden));
            }
        }
    }
}

/// The rows of q and k lie in another order in GGUF files; nothing of it is left in the result.
#[test]
fn f32_files_give_the_bits_of_the_safetensors_directory() {
    let folder = temporary();
    for golden in llama_cpp_goldens().iter().filter(|g| g.stored == Stored::F32) {
        let directory = open(&write_golden_model(folder.path(), &golden.name, Stored::F32).unwrap(), None);
        let file = open(&foreign_file(folder.path(), golden), None);
        for isa in Cpu::available_isas() {
            for sequence in &golden.sequences {
                let logits = |model| session(model, isa).logits(&sequence.ids).unwrap();
                let (a, b) = (logits(&directory), logits(&file));
                if golden.name == "llama3-rope" {
                    // the file holds the scaling as f32 divisors, which is one rounding more
                    assert!(max_delta(&a, &b) <= 2e-5 * golden.range, "{isa} {}", golden.name);
                } else {
                    assert!(bits(&a) == bits(&b), "{isa} {}", golden.name);
                }
            }
        }
    }
}
