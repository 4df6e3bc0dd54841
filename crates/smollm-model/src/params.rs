//! The parameter table: every tensor of the model, with its name in each file format, its shape and how it starts.
//!
//! Loader, initialiser, converter and (later) gradients and optimiser all iterate this one table, so a tensor cannot be
//! known to one and forgotten by another.

use crate::config::ModelConfig;
use smollm_checkpoint::Checkpoint;

/// What a parameter is; also its place in [`crate::Weights`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// `model.embed_tokens`, V x C.
    EmbedTokens,
    /// A tensor of layer `.0`.
    Layer(usize, LayerSlot),
    /// `model.norm`, C.
    Norm,
    /// `lm_head`, V x C; present only where the head is not tied to the embedding.
    LmHead,
}

/// The tensors of one decoder layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the field's own and stand with their shapes in `LAYER`")]
pub enum LayerSlot {
    InputLayernorm,
    QProj,
    KProj,
    VProj,
    OProj,
    PostAttentionLayernorm,
    GateProj,
    UpProj,
    DownProj,
}

impl LayerSlot {
    /// The module name that adapters use (`q_proj`), for the seven matrices.
    pub fn module(self) -> Option<&'static str> {
        match self {
            Self::InputLayernorm | Self::PostAttentionLayernorm => None,
            Self::QProj => Some("self_attn.q_proj"),
            Self::KProj => Some("self_attn.k_proj"),
            Self::VProj => Some("self_attn.v_proj"),
            Self::OProj => Some("self_attn.o_proj"),
            Self::GateProj => Some("mlp.gate_proj"),
            Self::UpProj => Some("mlp.up_proj"),
            Self::DownProj => Some("mlp.down_proj"),
        }
    }
}

/// Vector or matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A norm's weight: C elements, starts at one, never decayed, always computed in f32.
    Vector(usize),
    /// rows (outputs) x cols (inputs), starts normal with `initializer_range`, decayed.
    Matrix(usize, usize),
}

impl Shape {
    /// Dimensions in safetensors order.
    pub fn dims(self) -> Vec<usize> {
        match self {
            Self::Vector(n) => vec![n],
            Self::Matrix(rows, cols) => vec![rows, cols],
        }
    }

    /// Number of elements.
    pub fn elements(self) -> usize {
        match self {
            Self::Vector(n) => n,
            Self::Matrix(rows, cols) => rows * cols,
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Its place in the model.
    pub slot: Slot,
    /// Name in safetensors files (`model.layers.0.self_attn.q_proj.weight`).
    pub hf_name: String,
    /// Name in GGUF files (`blk.0.attn_q.weight`).
    pub gguf_name: String,
    /// Shape, [outputs, inputs].
    pub shape: Shape,
    /// For q and k: the number of heads whose rows GGUF files hold in adjacent-pair order
    /// (llama.cpp `convert_hf_to_gguf.py`, `LlamaModel.permute`).
    pub permuted_heads: Option<usize>,
}

impl Param {
    /// Its name in a checkpoint, by the container of that.
    pub fn name_in(&self, checkpoint: &Checkpoint) -> &str {
        if checkpoint.gguf_metadata().is_some() { &self.gguf_name } else { &self.hf_name }
    }
}

/// Slot, Hugging Face name, GGUF name of the tensors of a layer, in file order.
const LAYER: [(LayerSlot, &str, &str); 9] = [
    (LayerSlot::InputLayernorm, "input_layernorm", "attn_norm"),
    (LayerSlot::QProj, "self_attn.q_proj", "attn_q"),
    (LayerSlot::KProj, "self_attn.k_proj", "attn_k"),
    (LayerSlot::VProj, "self_attn.v_proj", "attn_v"),
    (LayerSlot::OProj, "self_attn.o_proj", "attn_output"),
    (LayerSlot::PostAttentionLayernorm, "post_attention_layernorm", "ffn_norm"),
    (LayerSlot::GateProj, "mlp.gate_proj", "ffn_gate"),
    (LayerSlot::UpProj, "mlp.up_proj", "ffn_up"),
    (LayerSlot::DownProj, "mlp.down_proj", "ffn_down"),
];

/// Every parameter of a model, in file order.
pub fn params(config: &ModelConfig) -> Vec<Param> {
    let (c, f, v) = (config.hidden_size, config.intermediate_size, config.vocab_size);
    let (q, kv) = (config.query_size(), config.kv_size());
    let shape = |slot| match slot {
        LayerSlot::InputLayernorm | LayerSlot::PostAttentionLayernorm => Shape::Vector(c),
        LayerSlot::QProj => Shape::Matrix(q, c),
        LayerSlot::KProj | LayerSlot::VProj => Shape::Matrix(kv, c),
        LayerSlot::OProj => Shape::Matrix(c, q),
        LayerSlot::GateProj | LayerSlot::UpProj => Shape::Matrix(f, c),
        LayerSlot::DownProj => Shape::Matrix(c, f),
    };
    let heads = |slot| match slot {
        LayerSlot::QProj => Some(config.num_attention_heads),
        LayerSlot::KProj => Some(config.num_key_value_heads),
        _ => None,
    };
    let top = |slot, hf_name: &str, gguf_name: &str, shape| Param {
        slot,
        hf_name: hf_name.into(),
        gguf_name: gguf_name.into(),
        shape,
        permuted_heads: None,
    };
    let mut table = vec![top(Slot::EmbedTokens, "model.embed_tokens.weight", "token_embd.weight", Shape::Matrix(v, c))];
    for layer in 0..config.num_hidden_layers {
        table.extend(LAYER.map(|(slot, hf, gguf)| Param {
            slot: Slot::Layer(layer, slot),
            hf_name: format!("model.layers.{layer}.{hf}.weight"),
            gguf_name: format!("blk.{layer}.{gguf}.weight"),
            shape: shape(slot),
            permuted_heads: heads(slot),
        }));
    }
    table.push(top(Slot::Norm, "model.norm.weight", "output_norm.weight", Shape::Vector(c)));
    if !config.tie_word_embeddings {
        table.push(top(Slot::LmHead, "lm_head.weight", "output.weight", Shape::Matrix(v, c)));
    }
    table
}

/// Number of parameters; a tied head counts once.
pub fn parameter_count(config: &ModelConfig) -> usize {
    params(config).iter().map(|p| p.shape.elements()).sum()
}
