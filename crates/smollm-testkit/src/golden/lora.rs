//! Loads the golden logits under `testdata/lora` (made by reference/lora_golden.py).

use serde_json::Value;

use super::{
    Greedy, LogitRows, greedy, integer, json_files, list, logits_golden, named_shapes, number, read_json, rows, text,
};
use crate::tiny::prompt_ids;

/// One prompt under an adapter.
#[derive(Clone, Debug)]
pub struct LoraPrompt {
    /// The token ids.
    pub ids: Vec<u32>,
    /// transformers and peft, f32.
    pub f32: LogitRows,
    /// 32 greedy ids of the adapted model.
    pub greedy: Greedy,
}

/// A PEFT LoRA adapter over a tiny model, and the logits it gives.
#[derive(Clone, Debug)]
pub struct LoraGolden {
    /// The case's name.
    pub name: String,
    /// The base configuration, one of `testdata/logits`.
    pub base: String,
    /// The content of adapter_config.json.
    pub adapter_config: Value,
    /// Name and shape of every adapter tensor; `tiny::tensor` gives its elements.
    pub tensors: Vec<(String, Vec<usize>)>,
    /// Over the adapter tensors in that order, see `tiny::sha256`.
    pub weights_sha256: String,
    /// Largest minus smallest recorded logit.
    pub range: f32,
    /// The prompts.
    pub prompts: Vec<LoraPrompt>,
}

/// Every golden file of `testdata/lora`.
///
/// # Panics
/// When a file cannot be read.
pub fn lora_goldens() -> Vec<LoraGolden> {
    json_files("lora").iter().map(|path| load(&read_json(path))).collect()
}

fn load(file: &Value) -> LoraGolden {
    let base = text(&file["base"]);
    let vocab = integer(&logits_golden(&base).config["vocab_size"]);
    let prompt = |value: &Value| LoraPrompt {
        ids: prompt_ids(&text(&value["name"]), integer(&value["tokens"]), vocab),
        f32: rows(&value["positions"], &value["logits"], vocab),
        greedy: greedy(&value["greedy"]),
    };
    LoraGolden {
        name: text(&file["name"]),
        base,
        adapter_config: file["adapter_config"].clone(),
        tensors: named_shapes(&file["tensors"]),
        weights_sha256: text(&file["weights_sha256"]),
        range: number(&file["range"]),
        prompts: list(&file["prompts"]).iter().map(prompt).collect(),
    }
}
