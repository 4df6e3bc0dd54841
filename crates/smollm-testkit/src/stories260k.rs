//! stories260K, a real trained Llama in llama2.c's format, as Hugging Face tensors and as GGUF (reference/stories260k.py is the Python half).
//!
//! llama2.c v0 layout (karpathy/llama2.c, export.py `legacy_export`): seven i32 (dim, hidden_dim, layers, heads, kv heads, vocabulary,
//! positions), then f32: token embedding; for all layers together attention norm, wq, wk, wv, wo, ffn norm, w1 (gate), w2 (down), w3 (up);
//! the final norm; two unused tables. The head is tied. q and k rows are in adjacent pairs, which is GGUF's order.

use std::path::Path;

use serde_json::{Value, json};

use crate::gguf::{GgufFile, GgufValue, metadata, reorder_rows, tensors};
use crate::stored::Stored;
use crate::tiny::{TinyTensor, tensor_list};

/// The model and its vocabulary.
#[derive(Clone, Debug)]
pub struct Stories260k {
    /// A `config.json`.
    pub config: Value,
    /// Hugging Face names and half-split q and k, in the order of `tiny::tensor_list`.
    pub tensors: Vec<TinyTensor>,
    /// The pieces of the SentencePiece vocabulary, U+2581 for a space.
    pub pieces: Vec<String>,
    /// The piece scores.
    pub scores: Vec<f32>,
}

/// What the fixtures and golden files say that the model generates.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The prompt: BOS alone.
    pub prompt_ids: Vec<u32>,
    /// 200 greedy ids.
    pub greedy_ids: Vec<u32>,
    /// Per step, the gap of the two largest logits (transformers, f32).
    pub gaps: Vec<f32>,
}

impl Stories260k {
    /// The model of the fixtures, or `None` (said aloud) where they are absent.
    pub fn from_fixtures() -> Option<Self> {
        let dir = crate::fixtures()?.join("weights/stories260K");
        Some(Self::read(&dir.join("stories260K.bin"), &dir.join("tok512.bin")))
    }

    /// Reads the two llama2.c files.
    ///
    /// # Panics
    /// When a file is unreadable or short: these are fixtures.
    pub fn read(model: &Path, vocabulary: &Path) -> Self {
        let bytes = |path: &Path| std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let (config, tensors) = parse_model(&bytes(model));
        let (pieces, scores) = parse_vocabulary(&bytes(vocabulary));
        Self { config, tensors, pieces, scores }
    }

    /// Writes `config.json` and `model.safetensors`.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn write_hugging_face(&self, dir: &Path, stored: Stored) -> std::io::Result<()> {
        crate::stored::write_model(dir, &self.config, &self.tensors, stored)
    }

    /// The GGUF file, with its `llama` (SentencePiece, byte fallback) vocabulary.
    pub fn gguf(&self, stored: Stored) -> GgufFile {
        GgufFile {
            metadata: metadata(&self.config, "stories260K", stored, self.vocabulary()),
            tensors: tensors(&self.config, &self.tensors),
            stored,
        }
    }

    fn vocabulary(&self) -> Vec<(String, GgufValue)> {
        let kind = |i| match i {
            0 => 2,       // unknown
            1 | 2 => 3,   // control
            3..=258 => 6, // byte
            _ => 1,
        };
        [
            ("model", GgufValue::Text("llama".to_owned())),
            ("pre", GgufValue::Text("default".to_owned())),
            ("tokens", GgufValue::Texts(self.pieces.clone())),
            ("scores", GgufValue::F32s(self.scores.clone())),
            ("token_type", GgufValue::I32s((0..self.pieces.len()).map(kind).collect())),
            ("bos_token_id", GgufValue::U32(1)),
            ("eos_token_id", GgufValue::U32(2)),
            ("unknown_token_id", GgufValue::U32(0)),
            ("add_bos_token", GgufValue::Bool(true)),
            ("add_eos_token", GgufValue::Bool(false)),
            ("add_space_prefix", GgufValue::Bool(true)),
        ]
        .map(|(key, value)| (format!("tokenizer.ggml.{key}"), value))
        .to_vec()
    }
}

/// The recorded continuation, from `testdata/stories260k.json`.
pub fn expected() -> Expected {
    let file = crate::golden::read_json(&crate::testdata().join("stories260k.json"));
    let ids = |key: &str| serde_json::from_value(file[key].clone()).expect("a list of ids");
    Expected {
        prompt_ids: ids("prompt_ids"),
        greedy_ids: ids("greedy_ids"),
        gaps: serde_json::from_value(file["gaps"].clone()).expect("a list of gaps"),
    }
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn f32s(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

fn parse_model(bytes: &[u8]) -> (Value, Vec<TinyTensor>) {
    let [c, f, layers, heads, kv_heads, vocab, positions] = [0, 1, 2, 3, 4, 5, 6].map(|i| i32_at(bytes, 4 * i));
    assert!(vocab > 0, "a negative vocabulary size would mean an untied head");
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "attention_bias": false, "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
        "hidden_size": c, "intermediate_size": f, "max_position_embeddings": positions, "mlp_bias": false, "model_type": "llama",
        "num_attention_heads": heads, "num_hidden_layers": layers, "num_key_value_heads": kv_heads, "rms_norm_eps": 1e-5,
        "rope_scaling": null, "rope_theta": 10000.0, "tie_word_embeddings": true, "torch_dtype": "float32", "vocab_size": vocab,
    });
    let [c, f, layers, heads, kv_heads, vocab] = [c, f, layers, heads, kv_heads, vocab].map(|n| n as usize);
    let kv = c / heads * kv_heads;
    // Where each kind of tensor starts, in elements, and how many elements one layer of it has.
    let mut next = vocab * c;
    let mut starts = vec![("model.embed_tokens", 0, 0)];
    for (name, size) in [
        ("input_layernorm", c),
        ("self_attn.q_proj", c * c),
        ("self_attn.k_proj", kv * c),
        ("self_attn.v_proj", kv * c),
        ("self_attn.o_proj", c * c),
        ("post_attention_layernorm", c),
        ("mlp.gate_proj", f * c),
        ("mlp.down_proj", c * f),
        ("mlp.up_proj", f * c),
    ] {
        starts.push((name, next, size));
        next += size * layers;
    }
    starts.push(("model.norm", next, 0));
    let values = &bytes[28..];
    let read = |(name, shape): (String, Vec<usize>)| {
        let bare = name.strip_suffix(".weight").expect("every tensor is a weight");
        let (layer, kind) = match bare.strip_prefix("model.layers.").and_then(|rest| rest.split_once('.')) {
            Some((layer, kind)) => (layer.parse().expect("a layer number"), kind),
            None => (0, bare),
        };
        let &(_, start, size) = starts.iter().find(|(name, ..)| *name == kind).expect("a known kind of tensor");
        let from = 4 * (start + layer * size);
        let data = f32s(&values[from..][..4 * shape.iter().product::<usize>()]).collect();
        let half_split = match kind {
            "self_attn.q_proj" => Some(heads),
            "self_attn.k_proj" => Some(kv_heads),
            _ => None,
        };
        let tensor = TinyTensor { name, shape, data };
        half_split.map_or(tensor.clone(), |heads| half_split_rows(&tensor, heads))
    };
    let tensors = tensor_list(&config).into_iter().map(read).collect();
    (config, tensors)
}

/// Rows of each head from adjacent pairs to half-split order, the inverse of `gguf::permute`.
fn half_split_rows(tensor: &TinyTensor, heads: usize) -> TinyTensor {
    let half = tensor.shape[0] / heads / 2;
    reorder_rows(tensor, |row| {
        let (head, within) = (row / (2 * half), row % (2 * half));
        head * 2 * half + (within % half) * 2 + within / half
    })
}

/// tok512.bin: i32 longest piece, then f32 score, i32 length and the bytes of each piece, spaces as they are.
fn parse_vocabulary(bytes: &[u8]) -> (Vec<String>, Vec<f32>) {
    let (mut pieces, mut scores, mut at) = (Vec::new(), Vec::new(), 4);
    while at < bytes.len() {
        let length = i32_at(bytes, at + 4) as usize;
        let piece = std::str::from_utf8(&bytes[at + 8..][..length]).expect("UTF-8 pieces");
        pieces.push(piece.replace(' ', "\u{2581}"));
        scores.extend(f32s(&bytes[at..at + 4]));
        at += 8 + length;
    }
    for (i, name) in ["<unk>", "<s>", "</s>"].into_iter().enumerate() {
        pieces[i] = name.to_owned();
    }
    (pieces, scores)
}

#[cfg(test)]
mod tests;
