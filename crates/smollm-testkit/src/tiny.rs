//! Deterministic tiny weights and prompts, the Rust half (reference/tiny_weights.py is the numpy half).

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::stored::Stored;

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A named f32 tensor, row-major, with the shape order of safetensors (`[out, in]`).
#[derive(Clone, Debug, PartialEq)]
pub struct TinyTensor {
    /// The Hugging Face or GGUF name.
    pub name: String,
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// Row-major elements.
    pub data: Vec<f32>,
}

/// FNV-1a, 64 bits, of the UTF-8 bytes of `text`.
fn fnv1a64(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// The SplitMix64 output function.
fn splitmix64(x: u64) -> u64 {
    let mut z = x.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Hash number `i` of the stream called `name`.
fn hash(name: u64, i: usize) -> u64 {
    splitmix64(name.wrapping_add((i as u64).wrapping_mul(GOLDEN)))
}

/// The deterministic tensor of this name and shape.
///
/// With u in [-1, 1) from the top 24 bits of the element's hash: `*norm.weight` is `1 + u/4`, `*embed_tokens.weight` is `u/2`,
/// anything else `u * (2 / sqrt(last dimension))`; computed in f64, rounded once to f32.
pub fn tensor(name: &str, shape: &[usize]) -> TinyTensor {
    let stream = fnv1a64(name);
    let fan_in = *shape.last().expect("a tensor has at least one dimension") as f64;
    let scale = 2.0 / fan_in.sqrt();
    let value = |i| {
        let unit = (hash(stream, i) >> 40) as f64 * (1.0 / (1u64 << 24) as f64) * 2.0 - 1.0;
        let value = if name.ends_with("norm.weight") {
            1.0 + unit * 0.25
        } else if name.ends_with("embed_tokens.weight") {
            unit * 0.5
        } else {
            unit * scale
        };
        value as f32
    };
    TinyTensor { name: name.to_owned(), shape: shape.to_vec(), data: (0..shape.iter().product()).map(value).collect() }
}

/// `n` deterministic token ids below `vocab`, the prompt called `name`.
pub fn prompt_ids(name: &str, n: usize, vocab: usize) -> Vec<u32> {
    let stream = fnv1a64(name);
    (0..n).map(|i| ((hash(stream, i) >> 32) % vocab as u64) as u32).collect()
}

/// Keys of config.json that make a narrow sister of two layers of a released model: rows of 256 have blocks of every type, and of a
/// feed-forward of 544 the mixes make Q5_0.
pub fn narrow() -> Vec<(String, Value)> {
    [
        ("hidden_size", 256),
        ("num_attention_heads", 4),
        ("num_key_value_heads", 2),
        ("intermediate_size", 544),
        ("num_hidden_layers", 2),
        ("vocab_size", 512),
    ]
    .map(|(key, value)| (key.to_owned(), Value::from(value)))
    .to_vec()
}

fn field(config: &Value, key: &str) -> Option<usize> {
    config.get(key).and_then(Value::as_u64).map(|n| n as usize)
}

/// Name and shape of every tensor a Llama or SmolLM3 `config.json` implies, in the order of transformers' `state_dict`.
/// A tied `lm_head` is absent.
pub fn tensor_list(config: &Value) -> Vec<(String, Vec<usize>)> {
    let need = |key| field(config, key).unwrap_or_else(|| panic!("the config has no `{key}`"));
    let (c, f, v, h) =
        (need("hidden_size"), need("intermediate_size"), need("vocab_size"), need("num_attention_heads"));
    let g = field(config, "num_key_value_heads").unwrap_or(h);
    let d = field(config, "head_dim").unwrap_or(c / h);
    let mut list = vec![("model.embed_tokens.weight".to_owned(), vec![v, c])];
    for i in 0..need("num_hidden_layers") {
        for (name, shape) in [
            ("self_attn.q_proj", vec![h * d, c]),
            ("self_attn.k_proj", vec![g * d, c]),
            ("self_attn.v_proj", vec![g * d, c]),
            ("self_attn.o_proj", vec![c, h * d]),
            ("mlp.gate_proj", vec![f, c]),
            ("mlp.up_proj", vec![f, c]),
            ("mlp.down_proj", vec![c, f]),
            ("input_layernorm", vec![c]),
            ("post_attention_layernorm", vec![c]),
        ] {
            list.push((format!("model.layers.{i}.{name}.weight"), shape));
        }
    }
    list.push(("model.norm.weight".to_owned(), vec![c]));
    let smollm3 = config.get("model_type").and_then(Value::as_str) == Some("smollm3");
    if !config.get("tie_word_embeddings").and_then(Value::as_bool).unwrap_or(smollm3) {
        list.push(("lm_head.weight".to_owned(), vec![v, c]));
    }
    list
}

/// The deterministic weights of a configuration, in the order of [`tensor_list`].
pub fn weights(config: &Value) -> Vec<TinyTensor> {
    tensor_list(config).iter().map(|(name, shape)| tensor(name, shape)).collect()
}

/// The same tensors with every element rounded to `stored` and widened back.
pub fn rounded(tensors: &[TinyTensor], stored: Stored) -> Vec<TinyTensor> {
    let round = |t: &TinyTensor| TinyTensor { data: stored.round(&t.data), ..t.clone() };
    tensors.iter().map(round).collect()
}

/// Lower-case hex SHA-256 over the f32 little-endian bytes of the tensors, one after another.
pub fn sha256(tensors: &[TinyTensor]) -> String {
    let mut hasher = Sha256::new();
    for tensor in tensors {
        hasher.update(Stored::F32.encode(&tensor.data));
    }
    hex(&hasher.finalize())
}

/// Lower-case hex SHA-256 of `bytes`.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
