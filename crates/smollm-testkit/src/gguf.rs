//! GGUF files of test models in llama.cpp's convention, written independently of smollm-checkpoint (reference/gguf_files.py is the Python half
//! and yields the same bytes).

use serde_json::Value;

use crate::byte_level;
use crate::stored::Stored;
use crate::tiny::{TinyTensor, weights};

/// A metadata value, of the types these files use.
#[derive(Clone, Debug, PartialEq)]
pub enum GgufValue {
    /// Type 4.
    U32(u32),
    /// Type 6.
    F32(f32),
    /// Type 7.
    Bool(bool),
    /// Type 8.
    Text(String),
    /// Type 9 of type 8.
    Texts(Vec<String>),
    /// Type 9 of type 6.
    F32s(Vec<f32>),
    /// Type 9 of type 5.
    I32s(Vec<i32>),
}

/// What a GGUF file holds: ordered metadata and ordered tensors (shapes outermost first, as in safetensors).
#[derive(Clone, Debug)]
pub struct GgufFile {
    /// Keys and values in file order.
    pub metadata: Vec<(String, GgufValue)>,
    /// Tensors in file order; vectors are always stored as F32.
    pub tensors: Vec<TinyTensor>,
    /// How matrices are stored.
    pub stored: Stored,
}

const ALIGNMENT: usize = 32;

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn put_array<T>(out: &mut Vec<u8>, element_type: u32, values: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    out.extend(9u32.to_le_bytes());
    out.extend(element_type.to_le_bytes());
    out.extend((values.len() as u64).to_le_bytes());
    for value in values {
        put(out, value);
    }
}

fn put_value(out: &mut Vec<u8>, value: &GgufValue) {
    match value {
        GgufValue::U32(x) => [4u32.to_le_bytes(), x.to_le_bytes()].iter().for_each(|b| out.extend(b)),
        GgufValue::F32(x) => [6u32.to_le_bytes(), x.to_le_bytes()].iter().for_each(|b| out.extend(b)),
        GgufValue::Bool(x) => {
            out.extend(7u32.to_le_bytes());
            out.push(u8::from(*x));
        }
        GgufValue::Text(x) => {
            out.extend(8u32.to_le_bytes());
            put_text(out, x);
        }
        GgufValue::Texts(values) => put_array(out, 8, values, |out, x| put_text(out, x)),
        GgufValue::F32s(values) => put_array(out, 6, values, |out, x| out.extend(x.to_le_bytes())),
        GgufValue::I32s(values) => put_array(out, 5, values, |out, x| out.extend(x.to_le_bytes())),
    }
}

impl GgufFile {
    /// The bytes of the file: GGUF version 3, little-endian, data aligned to 32 bytes.
    ///
    /// Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            put_text(&mut out, key);
            put_value(&mut out, value);
        }
        let mut data = Vec::new();
        for tensor in &self.tensors {
            let stored = if tensor.shape.len() == 1 { Stored::F32 } else { self.stored };
            put_text(&mut out, &tensor.name);
            out.extend((tensor.shape.len() as u32).to_le_bytes());
            for &dimension in tensor.shape.iter().rev() {
                out.extend((dimension as u64).to_le_bytes());
            }
            let (ggml_type, _) = type_numbers(stored);
            out.extend(ggml_type.to_le_bytes());
            out.extend((data.len() as u64).to_le_bytes());
            data.extend(stored.encode(&tensor.data));
            data.resize(data.len().next_multiple_of(ALIGNMENT), 0);
        }
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        out.extend(data);
        out
    }
}

/// The GGUF tensor type and `general.file_type` of a storage type.
fn type_numbers(stored: Stored) -> (u32, u32) {
    match stored {
        Stored::F32 => (0, 0),
        Stored::F16 => (1, 1),
        Stored::Bf16 => (30, 32),
    }
}

fn integer(config: &Value, key: &str) -> Option<u32> {
    config.get(key).and_then(Value::as_u64).map(|n| n as u32)
}

fn number(config: &Value, key: &str) -> f64 {
    config.get(key).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number `{key}` in {config}"))
}

/// Rotary base and the scaling object, from either style of config.json.
fn rope_of(config: &Value) -> (f64, Option<&Value>) {
    match config.get("rope_parameters") {
        Some(new) => (number(new, "rope_theta"), Some(new).filter(|rope| rope["rope_type"] != "default")),
        None => (number(config, "rope_theta"), config.get("rope_scaling").filter(|scaling| !scaling.is_null())),
    }
}

fn scaling_kind(scaling: &Value) -> &str {
    scaling.get("rope_type").or_else(|| scaling.get("type")).and_then(Value::as_str).expect("a kind of rope scaling")
}

fn head_dim(config: &Value) -> u32 {
    let per_head = || Some(integer(config, "hidden_size")? / integer(config, "num_attention_heads")?);
    integer(config, "head_dim").or_else(per_head).expect("the shape of the heads")
}

/// The model's metadata followed by `vocabulary`, in the order of llama.cpp's converter.
pub fn metadata(
    config: &Value,
    name: &str,
    stored: Stored,
    vocabulary: Vec<(String, GgufValue)>,
) -> Vec<(String, GgufValue)> {
    let need = |key| GgufValue::U32(integer(config, key).unwrap_or_else(|| panic!("the config has no `{key}`")));
    let arch = config["model_type"].as_str().expect("model_type");
    let (theta, scaling) = rope_of(config);
    let mut out: Vec<(String, GgufValue)> = Vec::new();
    let mut put = |key: &str, value: GgufValue| out.push((key.replace("{arch}", arch), value));
    put("general.architecture", GgufValue::Text(arch.to_owned()));
    put("general.type", GgufValue::Text("model".to_owned()));
    put("general.name", GgufValue::Text(name.to_owned()));
    put("{arch}.block_count", need("num_hidden_layers"));
    put("{arch}.context_length", need("max_position_embeddings"));
    put("{arch}.embedding_length", need("hidden_size"));
    put("{arch}.feed_forward_length", need("intermediate_size"));
    put("{arch}.attention.head_count", need("num_attention_heads"));
    let kv = integer(config, "num_key_value_heads").map_or_else(|| need("num_attention_heads"), GgufValue::U32);
    put("{arch}.attention.head_count_kv", kv);
    if let Some(scaling) = scaling.filter(|s| matches!(scaling_kind(s), "linear" | "yarn")) {
        put("{arch}.rope.scaling.type", GgufValue::Text(scaling_kind(scaling).to_owned()));
        put("{arch}.rope.scaling.factor", GgufValue::F32(number(scaling, "factor") as f32));
        if let Some(original) = integer(scaling, "original_max_position_embeddings") {
            put("{arch}.rope.scaling.original_context_length", GgufValue::U32(original));
        }
    }
    put("{arch}.rope.freq_base", GgufValue::F32(theta as f32));
    put("{arch}.attention.layer_norm_rms_epsilon", GgufValue::F32(number(config, "rms_norm_eps") as f32));
    if config.get("head_dim").is_some() {
        put("{arch}.attention.key_length", need("head_dim"));
        put("{arch}.attention.value_length", need("head_dim"));
    }
    put("general.file_type", GgufValue::U32(type_numbers(stored).1));
    put("{arch}.vocab_size", need("vocab_size"));
    put("{arch}.rope.dimension_count", GgufValue::U32(head_dim(config)));
    put("general.quantization_version", GgufValue::U32(2));
    out.extend(vocabulary);
    out
}

/// The synthetic vocabulary of [`crate::byte_level`] under GGUF keys.
pub fn byte_level_vocabulary(size: usize) -> Vec<(String, GgufValue)> {
    let (tokens, merges) = byte_level::tokens_and_merges(size);
    let types = (0..size).map(|i| if i < byte_level::SPECIALS.len() { 3 } else { 1 }).collect();
    [
        ("add_space_prefix", GgufValue::Bool(false)),
        ("model", GgufValue::Text("gpt2".to_owned())),
        ("pre", GgufValue::Text("smollm".to_owned())),
        ("tokens", GgufValue::Texts(tokens)),
        ("token_type", GgufValue::I32s(types)),
        ("merges", GgufValue::Texts(merges)),
        ("bos_token_id", GgufValue::U32(1)),
        ("eos_token_id", GgufValue::U32(2)),
        ("unknown_token_id", GgufValue::U32(0)),
        ("padding_token_id", GgufValue::U32(2)),
        ("add_bos_token", GgufValue::Bool(false)),
    ]
    .map(|(key, value)| (format!("tokenizer.ggml.{key}"), value))
    .to_vec()
}

/// Rows of each head from half-split order (row j pairs with j + D/2) to adjacent pairs, as GGUF's llama architecture wants q and k.
pub fn permute(tensor: &TinyTensor, heads: usize) -> TinyTensor {
    let half = tensor.shape[0] / heads / 2;
    reorder_rows(tensor, |row| {
        let (head, within) = (row / (2 * half), row % (2 * half));
        head * 2 * half + (within % 2) * half + within / 2
    })
}

/// The tensor whose row r is row `source(r)` of `tensor`.
pub(crate) fn reorder_rows(tensor: &TinyTensor, source: impl Fn(usize) -> usize) -> TinyTensor {
    let cols = tensor.shape[1];
    let row = |r| tensor.data[source(r) * cols..][..cols].iter().copied();
    TinyTensor { data: (0..tensor.shape[0]).flat_map(row).collect(), ..tensor.clone() }
}

/// The `rope_freqs` tensor of llama3 scaling: what each of the D/2 frequencies is divided by.
fn llama3_factors(config: &Value, scaling: &Value) -> TinyTensor {
    let (theta, _) = rope_of(config);
    let d = head_dim(config);
    let (low, high) = (number(scaling, "low_freq_factor"), number(scaling, "high_freq_factor"));
    let factor = number(scaling, "factor");
    let divisor = |i: u32| {
        let wavelength = 2.0 * std::f64::consts::PI * theta.powf(f64::from(2 * i) / f64::from(d));
        let turns = number(scaling, "original_max_position_embeddings") / wavelength;
        if turns > high {
            1.0
        } else if turns < low {
            factor as f32
        } else {
            let smooth = (turns - low) / (high - low);
            (1.0 / ((1.0 - smooth) / factor + smooth)) as f32
        }
    };
    TinyTensor {
        name: "rope_freqs.weight".to_owned(),
        shape: vec![d as usize / 2],
        data: (0..d / 2).map(divisor).collect(),
    }
}

/// Hugging Face tensors under GGUF names in the order of llama.cpp's converter, q and k permuted.
pub fn tensors(config: &Value, hugging_face: &[TinyTensor]) -> Vec<TinyTensor> {
    let find = |name: &str| hugging_face.iter().find(|t| t.name == name);
    let renamed = |from: &str, to: String| {
        let tensor = find(from).unwrap_or_else(|| panic!("no tensor `{from}`"));
        TinyTensor { name: to, ..tensor.clone() }
    };
    let heads = integer(config, "num_attention_heads").expect("num_attention_heads") as usize;
    let kv_heads = integer(config, "num_key_value_heads").map_or(heads, |n| n as usize);
    let mut out = Vec::new();
    if let Some(scaling) = rope_of(config).1.filter(|s| scaling_kind(s) == "llama3") {
        out.push(llama3_factors(config, scaling));
    }
    if find("lm_head.weight").is_some() {
        out.push(renamed("lm_head.weight", "output.weight".to_owned()));
    }
    out.push(renamed("model.embed_tokens.weight", "token_embd.weight".to_owned()));
    for i in 0..integer(config, "num_hidden_layers").expect("num_hidden_layers") {
        for (to, from) in [
            ("attn_norm", "input_layernorm"),
            ("ffn_down", "mlp.down_proj"),
            ("ffn_gate", "mlp.gate_proj"),
            ("ffn_up", "mlp.up_proj"),
            ("ffn_norm", "post_attention_layernorm"),
            ("attn_k", "self_attn.k_proj"),
            ("attn_output", "self_attn.o_proj"),
            ("attn_q", "self_attn.q_proj"),
            ("attn_v", "self_attn.v_proj"),
        ] {
            let tensor = renamed(&format!("model.layers.{i}.{from}.weight"), format!("blk.{i}.{to}.weight"));
            out.push(match to {
                "attn_q" => permute(&tensor, heads),
                "attn_k" => permute(&tensor, kv_heads),
                _ => tensor,
            });
        }
    }
    out.push(renamed("model.norm.weight", "output_norm.weight".to_owned()));
    out
}

/// The tiny model of `config` with deterministic weights and the synthetic vocabulary.
pub fn tiny_gguf(config: &Value, name: &str, stored: Stored) -> GgufFile {
    let vocabulary = byte_level_vocabulary(config["vocab_size"].as_u64().expect("vocab_size") as usize);
    GgufFile {
        metadata: metadata(config, name, stored, vocabulary),
        tensors: tensors(config, &weights(config)),
        stored,
    }
}

#[cfg(test)]
mod tests;
