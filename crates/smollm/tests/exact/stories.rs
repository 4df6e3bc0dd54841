//! stories260K, a real trained Llama: its recorded greedy tokens come out exactly, from every container and on every instruction set.

use super::{open, session_with, temporary};
use smollm::{Mix, ModelFiles, Prompt, QuantizeOptions, Windows, compare, convert, quantize};
use smollm_engine::{Request, SessionOptions};
use smollm_kernels::{Cpu, Dtype};
use smollm_testkit::stored::Stored;
use smollm_testkit::stories260k::{Stories260k, expected};
use smollm_testkit::{fixtures, testdata};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every form of the model that we read or write, F32 and F16.
fn every_form(stories: &Stories260k, folder: &Path) -> Vec<PathBuf> {
    let mut forms = Vec::new();
    for (stored, dtype) in [(Stored::F32, Dtype::F32), (Stored::F16, Dtype::F16)] {
        let name = dtype.name().to_lowercase();
        let directory = folder.join(format!("{name}-directory"));
        stories.write_hugging_face(&directory, stored).unwrap();
        let foreign = folder.join(format!("{name}-foreign.gguf"));
        std::fs::write(&foreign, stories.gguf(stored).to_bytes()).unwrap();
        for (from, to) in [
            (&directory, format!("{name}-from-directory.gguf")),
            (&foreign, format!("{name}-from-gguf.gguf")),
            (&foreign, format!("{name}-from-gguf")),
        ] {
            let to = folder.join(to);
            convert(&ModelFiles::at(from).unwrap(), &to, Some(dtype), |_| Ok(())).unwrap();
            forms.push(to);
        }
        forms.extend([directory, foreign]);
    }
    forms
}

fn greedy(session: &mut smollm::Session, prompt: &[u32], tokens: usize) -> Vec<u32> {
    let request = Request { max_tokens: Some(tokens), ..Request::default() };
    session.generate(prompt, &request, &mut |_| ControlFlow::Continue(())).unwrap().ids()
}

#[test]
fn the_recorded_greedy_tokens_come_out() {
    let Some(stories) = Stories260k::from_fixtures() else { return };
    let folder = temporary();
    let expected = expected();
    assert_eq!(expected.greedy_ids.len(), 200);
    for form in every_form(&stories, folder.path()) {
        let model = open(&form, None);
        for isa in Cpu::available_isas() {
            let mut session = session_with(&model, isa, &SessionOptions::default());
            let ids = greedy(&mut session, &expected.prompt_ids, 200);
            assert_eq!(ids, expected.greedy_ids, "{isa} {}", form.display());
            // recorded from another engine, checked there against llama.cpp: "One day" and ", a little gir"
            assert_eq!(greedy(&mut session, &[1, 385, 328], 5), [432, 261, 376, 298, 315], "{isa} {}", form.display());
        }
    }
}

/// Standard output of `smollm generate` on an instruction set.
fn generate(model: &Path, isa: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smollm"));
    command.args(["generate", "--quiet", "-m"]).arg(model).args(arguments);
    let output = command.env("SMOLLM_ISA", isa).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The empty prompt is BOS alone, as the vocabulary asks; the story begins without the space that its first piece has.
#[test]
fn the_binary_tells_the_recorded_story() {
    let Some(stories) = Stories260k::from_fixtures() else { return };
    let recorded = fixtures().unwrap().join("weights/stories260K/expected_greedy_200.txt");
    let recorded = std::fs::read_to_string(recorded).unwrap();
    let folder = temporary();
    for form in every_form(&stories, folder.path()) {
        if form.file_name().unwrap().to_string_lossy().contains("directory") {
            continue; // what the testkit writes is ids only, and so is what is made from it
        }
        for isa in Cpu::available_isas() {
            let text = generate(&form, isa, &["", "-n", "200", "--temperature", "0"]);
            assert_eq!(text, format!("{recorded}\n"), "{isa} {}", form.display());
        }
        let json = generate(&form, "scalar", &["One day", "-n", "5", "--json"]);
        let answer: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(answer["prompt_ids"], serde_json::json!([1, 385, 328]));
        assert_eq!(answer["text"], ", a little gir");
        let mut score = Command::new(env!("CARGO_BIN_EXE_smollm"));
        let table = score.args(["score", "One day", "-m"]).arg(&form).output().unwrap().stdout;
        let table = String::from_utf8(table).unwrap();
        let tokens: Vec<_> = table.lines().filter_map(|line| line.split('\t').nth(2)).collect();
        assert_eq!(tokens, ["\"<s>\"", "\" One\"", "\" day\""], "spaces are part of a token: {table}");
    }
}

/// Of weights alone: blocks are multiplied as the values that they stand for, so that no kernel's rounding comes in.
#[test]
fn predictions_of_our_files_diverge_no_more_than_those_of_llama_cpp() {
    let Some(stories) = Stories260k::from_fixtures() else { return };
    let text = std::fs::read(fixtures().unwrap().join("pretrain/tinystories_sample.txt")).unwrap();
    let text = String::from_utf8_lossy(&text[..8192]).into_owned();
    let folder = temporary();
    let plain = folder.path().join("plain.gguf");
    std::fs::write(&plain, stories.gguf(Stored::F32).to_bytes()).unwrap();
    let base = open(&plain, None);
    let ids = base.prompt_ids(&Prompt::Text(text)).unwrap();
    let golden = std::fs::read_to_string(testdata().join("quant/divergence.txt")).unwrap();
    assert_eq!(golden.lines().count(), 3);
    for line in golden.lines() {
        let (name, theirs) = line.split_once(' ').unwrap();
        let blocks = folder.path().join(format!("{name}.gguf"));
        let options =
            QuantizeOptions { mix: Mix::named(name).unwrap(), imatrix: None, requantize: false, threads: Some(2) };
        quantize(&ModelFiles::at(&plain).unwrap(), &blocks, &options, |_| Ok(())).unwrap();
        let windows = Windows { length: 512, stride: 256 };
        let values = open(&blocks, Some(Dtype::F32));
        let ours = compare(&base, &values, &ids, windows, &mut |_, _| ControlFlow::Continue(())).unwrap().unwrap();
        let theirs: f64 = theirs.parse().unwrap();
        assert!(ours.mean_kl <= theirs, "{name}: {:e}, llama.cpp {theirs:e}", ours.mean_kl);
        assert!(ours.mean_kl > 0.5 * theirs, "{name}: {:e} is too good to be measured rightly", ours.mean_kl);
    }
}
