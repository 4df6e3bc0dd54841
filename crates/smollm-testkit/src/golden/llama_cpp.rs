//! Loads llama.cpp's verdicts under `testdata/llama_cpp` (made by reference/llama_cpp_tiny.py; the README there explains the fields).

use std::path::Path;

use serde_json::Value;

use super::{ids, integer, json_files, list, logits_golden, number, numbers, read_json, text};
use crate::stored::Stored;
use crate::tiny::prompt_ids;

/// llama.cpp's verdict on one sequence.
#[derive(Clone, Debug)]
pub struct JudgedSequence {
    /// Its name, which seeds the ids of a tiny model's sequence.
    pub name: String,
    /// The token ids, at positions 0, 1, ...
    pub ids: Vec<u32>,
    /// The most likely next token at each position.
    pub top1: Vec<u32>,
    /// The second most likely.
    pub top2: Vec<u32>,
    /// The difference of their logits.
    pub gap: Vec<f32>,
}

/// llama.cpp's verdict on a tiny model's GGUF file (made by reference/llama_cpp_tiny.py).
#[derive(Clone, Debug)]
pub struct LlamaCppGolden {
    /// The configuration, one of `testdata/logits`.
    pub name: String,
    /// How the matrices are stored.
    pub stored: Stored,
    /// SHA-256 of the file that llama.cpp read.
    pub sha256: String,
    /// SHA-256 of the file that our own converter writes for this model, once reference/llama_cpp_check.py has found it good.
    pub convert_sha256: Option<String>,
    /// Largest minus smallest logit.
    pub range: f32,
    /// How far llama.cpp is from its own logits over the same values in an F32 file: the noise of its rounded activations.
    pub max_delta_from_f32: f32,
    /// Together 1,000 positions.
    pub sequences: Vec<JudgedSequence>,
}

/// Every golden file of `testdata/llama_cpp` that judges a tiny model.
///
/// # Panics
/// When a file cannot be read.
pub fn llama_cpp_goldens() -> Vec<LlamaCppGolden> {
    json_files("llama_cpp").iter().map(|path| load_llama_cpp(path)).collect()
}

fn load_llama_cpp(path: &Path) -> LlamaCppGolden {
    let file = read_json(path);
    let name = text(&file["name"]);
    let vocab = integer(&logits_golden(&name).config["vocab_size"]);
    let sequence = |value: &Value| {
        let name = text(&value["name"]);
        JudgedSequence {
            ids: prompt_ids(&name, integer(&value["tokens"]), vocab),
            name,
            top1: ids(&value["top1"]),
            top2: ids(&value["top2"]),
            gap: numbers(&value["gap"]),
        }
    };
    LlamaCppGolden {
        stored: match text(&file["stored"]).as_str() {
            "f32" => Stored::F32,
            "f16" => Stored::F16,
            "bf16" => Stored::Bf16,
            other => panic!("{}: unknown storage `{other}`", path.display()),
        },
        sha256: text(&file["sha256"]),
        convert_sha256: file.get("convert_sha256").map(text),
        range: number(&file["range"]),
        max_delta_from_f32: number(&file["max_delta_from_f32"]),
        sequences: list(&file["sequences"]).iter().map(sequence).collect(),
        name,
    }
}
