//! Tests of who takes part and with which command.

use super::*;
use crate::bench_peers::subject::weight_type;

fn task(case: &str, weights: &str) -> Task<'static> {
    let (case, weights) = (case.parse().unwrap(), weight_type(weights).unwrap());
    Task { case, weights, threads: 2, repeats: 3, isa: None }
}

/// `engine flags: arguments` of everyone, programs and files under short names.
fn lines(task: Task<'_>) -> Vec<String> {
    let llama = super::super::llama_build::LlamaCpp::at("L");
    let python = Path::new("python");
    let programs =
        Programs { smollm: Path::new("S"), llama: Some(&llama), torch: Some(python), openvino: Some(python) };
    let openvino = task.weights.openvino.map(|_| PathBuf::from("m-ov"));
    let files = Files { gguf: "m.gguf".into(), directory: "m".into(), openvino };
    let all = contenders(&programs, &files, task);
    all.iter().map(|c| format!("{} {}: {}", c.engine.title(), c.flags, c.line())).collect()
}

#[test]
fn everyone_prefills_bf16() {
    let expected = [
        "smollm : bench --json --quiet -m m.gguf --threads 2 --repeats 3 --prefill 512 --decode 0",
        "llama.cpp -fa on: -m m.gguf -t 2 -r 3 -fa on --repack 1 -o jsonl -p 512 -n 0",
        "llama.cpp -fa off: -m m.gguf -t 2 -r 3 -fa off --repack 1 -o jsonl -p 512 -n 0",
        "OpenVINO --precision default: reference/openvino_speed.py run m-ov --precision default \
         --threads 2 --repeats 3 --cases prefill:512",
        "OpenVINO --precision f32: reference/openvino_speed.py run m-ov --precision f32 \
         --threads 2 --repeats 3 --cases prefill:512",
        "torch --attention sdpa: reference/hf_speed.py m --dtype bf16 --attention sdpa \
         --threads 2 --repeats 3 --cases prefill:512",
        "torch --attention eager: reference/hf_speed.py m --dtype bf16 --attention eager \
         --threads 2 --repeats 3 --cases prefill:512",
    ];
    assert_eq!(lines(task("prefill512", "bf16")), expected);
}

#[test]
fn quantised_weights_are_tried_with_and_without_repacking() {
    let lines = lines(task("batch8", "q6_k"));
    let expected = [
        "smollm : bench --json --quiet -m m.gguf --threads 2 --repeats 3 --prefill 0 --decode 32 --depth 64 --batch 8",
        "llama.cpp -fa on: -m m.gguf -t 2 -fa on -c 768 -b 2048 -ub 512 -npp 64 -ntg 32 -npl 8 --output-format jsonl",
        "llama.cpp -fa off: -m m.gguf -t 2 -fa off -c 768 -b 2048 -ub 512 -npp 64 -ntg 32 -npl 8 --output-format jsonl",
        "llama.cpp -fa on --no-repack: -m m.gguf -t 2 -fa on --no-repack -c 768 -b 2048 -ub 512 -npp 64 -ntg 32 -npl 8 \
         --output-format jsonl",
        "llama.cpp -fa off --no-repack: -m m.gguf -t 2 -fa off --no-repack -c 768 -b 2048 -ub 512 -npp 64 -ntg 32 -npl 8 \
         --output-format jsonl",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn programs_are_launched_with_the_same_prompt() {
    let lines = lines(task("cold", "bf16"));
    assert_eq!(lines.len(), 3, "{lines:?}");
    let expected = "smollm : reference/launch_cost.py S generate --quiet -m m.gguf --threads 2 --ctx 512 -n 1 --ignore-eos \
                    --temperature 0 1234567890123456";
    assert_eq!(lines[0], expected);
    assert!(lines[1].starts_with(
        "llama.cpp -fa on: reference/launch_cost.py L/bin/llama-completion -m m.gguf -t 2 -c 512 -n 4 -fa on "
    ));
    assert!(lines[1].ends_with(" --no-display-prompt -p 1234567890123456"), "{}", lines[1]);
}

#[test]
fn a_forced_row_reaches_us_alone() {
    let forced = Task { isa: Some("avx2"), ..task("decode", "q4_0") };
    let llama = super::super::llama_build::LlamaCpp::at("L");
    let programs = Programs { smollm: Path::new("S"), llama: Some(&llama), torch: None, openvino: None };
    let all = contenders(&programs, &Files::default(), forced);
    assert_eq!(all[0].environment, [("SMOLLM_ISA", "avx2".to_owned())]);
    assert!(all[1..].iter().all(|c| c.engine == Engine::Llama && c.environment.is_empty()));
    assert_eq!(all.len(), 5);
}

#[test]
fn prompts_of_digits() {
    assert_eq!(digits(16), "1234567890123456");
    assert_eq!(digits(512).len(), 512);
}
