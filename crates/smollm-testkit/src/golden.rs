//! Loads the golden logits under `testdata/logits` (made by reference/logits_golden.py; the README there explains the fields).

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::tiny::prompt_ids;

mod llama_cpp;
mod lora;

pub use llama_cpp::{JudgedSequence, LlamaCppGolden, llama_cpp_goldens};
pub use lora::{LoraGolden, LoraPrompt, lora_goldens};

/// Rows of logits recorded at some positions of a prompt.
#[derive(Clone, Debug)]
pub struct LogitRows {
    /// The 0-based positions, increasing.
    pub positions: Vec<usize>,
    /// One row of `vocab` logits per position.
    pub rows: Vec<Vec<f32>>,
}

/// A recorded greedy continuation.
#[derive(Clone, Debug)]
pub struct Greedy {
    /// The new ids.
    pub ids: Vec<u32>,
    /// Per step, the difference of the two largest logits.
    pub gaps: Vec<f32>,
    /// The largest |delta| of transformers' own bf16 logits along this path (absent for the f32 continuation).
    pub hf_bf16_max_delta: Option<f32>,
}

/// One prompt of a golden file.
#[derive(Clone, Debug)]
pub struct GoldenPrompt {
    /// Its name, which also seeds its ids.
    pub name: String,
    /// The token ids.
    pub ids: Vec<u32>,
    /// transformers f32 on the f32 weights.
    pub f32: LogitRows,
    /// transformers f32 on the weights rounded to bf16: the truth for a bf16 run.
    pub bf16: LogitRows,
    /// Greedy continuation of the f32 run on f32 weights.
    pub greedy: Option<Greedy>,
    /// Greedy continuation of the f32 run on weights rounded to bf16.
    pub bf16_greedy: Option<Greedy>,
}

/// One tiny model's golden file.
#[derive(Clone, Debug)]
pub struct LogitsGolden {
    /// The configuration's name, also the file's.
    pub name: String,
    /// The content of config.json.
    pub config: Value,
    /// Number of parameters (a tied head counted once).
    pub parameters: usize,
    /// SHA-256 of all weights as f32, see `tiny::sha256`.
    pub weights_sha256: String,
    /// The same after rounding every weight to bf16.
    pub bf16_weights_sha256: String,
    /// Rotary frequencies after scaling, D/2 of them.
    pub inv_freq: Vec<f32>,
    /// What cos and sin are multiplied by (1 without YaRN).
    pub rope_attention_factor: f32,
    /// Largest minus smallest recorded f32 logit: the unit of the f32 tolerance.
    pub range: f32,
    /// The same for the bf16-rounded weights.
    pub bf16_range: f32,
    /// Largest |delta| of transformers' own bf16 run over the recorded positions: the bound for a bf16 run.
    pub hf_bf16_max_delta: f32,
    /// Name and shape of every tensor in the order of transformers' `state_dict`.
    pub tensors: Vec<(String, Vec<usize>)>,
    /// The prompts; together they are a ragged batch.
    pub prompts: Vec<GoldenPrompt>,
}

/// Every golden file of `testdata/logits`, by name.
///
/// # Panics
/// When a file cannot be read: the golden files are part of the repository.
pub fn logits_goldens() -> Vec<LogitsGolden> {
    json_files("logits").iter().map(|path| load(path)).collect()
}

/// The golden file called `name`.
pub fn logits_golden(name: &str) -> LogitsGolden {
    load(&crate::testdata().join("logits").join(format!("{name}.json")))
}

/// The JSON files directly in a folder of `testdata`, by name.
fn json_files(folder: &str) -> Vec<PathBuf> {
    let dir = crate::testdata().join(folder);
    let entries = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a directory entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "json"));
    paths.sort();
    paths
}

/// Reads a JSON file of the repository.
pub fn read_json(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn load(path: &Path) -> LogitsGolden {
    let file = read_json(path);
    let config = file["config"].clone();
    let vocab = integer(&config["vocab_size"]);
    let layers = integer(&config["num_hidden_layers"]);
    LogitsGolden {
        name: text(&file["name"]),
        parameters: integer(&file["parameters"]),
        weights_sha256: text(&file["weights_sha256"]),
        bf16_weights_sha256: text(&file["bf16_weights_sha256"]),
        inv_freq: numbers(&file["inv_freq"]),
        rope_attention_factor: number(&file["rope_attention_factor"]),
        range: number(&file["range"]),
        bf16_range: number(&file["bf16_range"]),
        hf_bf16_max_delta: number(&file["hf_bf16_max_delta"]),
        tensors: tensors(&file, layers),
        prompts: list(&file["prompts"]).iter().map(|p| prompt(p, vocab)).collect(),
        config,
    }
}

fn prompt(value: &Value, vocab: usize) -> GoldenPrompt {
    let name = text(&value["name"]);
    let all = prompt_ids(&name, integer(&value["tokens"]), vocab);
    assert!(all.starts_with(&ids(&value["ids_head"])), "{name}: the ids of the two implementations differ");
    GoldenPrompt {
        f32: rows(&value["positions"], &value["logits"], vocab),
        bf16: rows(&value["bf16_positions"], &value["bf16_logits"], vocab),
        greedy: value.get("greedy").map(greedy),
        bf16_greedy: value.get("bf16_greedy").map(greedy),
        name,
        ids: all,
    }
}

fn greedy(value: &Value) -> Greedy {
    Greedy {
        ids: ids(&value["ids"]),
        gaps: numbers(&value["gaps"]),
        hf_bf16_max_delta: value.get("hf_bf16_max_delta").map(number),
    }
}

fn rows(positions: &Value, logits: &Value, vocab: usize) -> LogitRows {
    let positions: Vec<usize> = list(positions).iter().map(integer).collect();
    let flat = f32_from_base64(&text(logits));
    assert_eq!(flat.len(), positions.len() * vocab, "positions x vocabulary");
    LogitRows { rows: flat.chunks(vocab).map(<[f32]>::to_vec).collect(), positions }
}

/// `[[name, shape], ...]`.
fn named_shapes(value: &Value) -> Vec<(String, Vec<usize>)> {
    let pair = |pair: &Value| (text(&pair[0]), list(&pair[1]).iter().map(integer).collect());
    list(value).iter().map(pair).collect()
}

/// The tensors outside the layers with the layers' own put after the embedding.
fn tensors(file: &Value, layers: usize) -> Vec<(String, Vec<usize>)> {
    let mut outside = named_shapes(&file["tensors_outside_layers"]).into_iter();
    let mut all: Vec<_> = outside.next().into_iter().collect();
    for i in 0..layers {
        let numbered = |(name, shape): (String, _)| (name.replace("{i}", &i.to_string()), shape);
        all.extend(named_shapes(&file["tensors_per_layer"]).into_iter().map(numbered));
    }
    all.extend(outside);
    all
}

/// Decodes standard base64 (with padding) of little-endian f32.
pub fn f32_from_base64(text: &str) -> Vec<f32> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for c in text.bytes().filter(|&c| c != b'=') {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            other => panic!("not base64: {:?}", other as char),
        };
        bits = (bits << 6) | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("expected a list, found {value}"))
}

fn integer(value: &Value) -> usize {
    value.as_u64().unwrap_or_else(|| panic!("expected a whole number, found {value}")) as usize
}

fn ids(value: &Value) -> Vec<u32> {
    list(value).iter().map(|id| integer(id) as u32).collect()
}

fn number(value: &Value) -> f32 {
    value.as_f64().unwrap_or_else(|| panic!("expected a number, found {value}")) as f32
}

fn numbers(value: &Value) -> Vec<f32> {
    list(value).iter().map(number).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("expected a string, found {value}")).to_owned()
}

#[cfg(test)]
mod tests;
