//! What a checkpoint says about its own shape, validated once, whatever file it came from.

mod gguf;
mod json;
#[cfg(test)]
mod tests;

pub use gguf::GgufConfigError;

use crate::kv::BLOCK_TOKENS;
use crate::rope::RopeConfig;
use smollm_kernels::{Dtype, KvBuffer, KvDtype};

/// Layers beyond this are not a model but a damaged file; the bound keeps a hostile count from allocating.
const MAX_LAYERS: usize = 1024;
/// No size of a released decoder comes near this; the bound keeps every product of two sizes inside 64 bits.
const MAX_SIZE: usize = 1 << 24;

/// The decoder families this crate computes; both are one forward pass with different configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// `LlamaForCausalLM`: SmolLM, SmolLM2 and every other plain Llama.
    Llama,
    /// `SmolLM3ForCausalLM`: a Llama in which some layers have no rotary embedding (NoPE).
    SmolLm3,
}

impl Architecture {
    /// The `architectures` entry of `config.json`.
    pub fn hf_name(self) -> &'static str {
        match self {
            Self::Llama => "LlamaForCausalLM",
            Self::SmolLm3 => "SmolLM3ForCausalLM",
        }
    }

    /// The `general.architecture` of a GGUF file and the prefix of its keys; also `model_type` in `config.json`.
    pub fn gguf_name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::SmolLm3 => "smollm3",
        }
    }
}

/// Shape and constants of one decoder. Sizes are positive and mutually consistent once a value exists.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Family, which decides nothing but defaults and names.
    pub architecture: Architecture,
    /// C, the width of the residual stream.
    pub hidden_size: usize,
    /// F, the inner width of the SwiGLU block.
    pub intermediate_size: usize,
    /// L.
    pub num_hidden_layers: usize,
    /// H, query heads.
    pub num_attention_heads: usize,
    /// G, key/value heads; H is a multiple of G.
    pub num_key_value_heads: usize,
    /// D, even.
    pub head_dim: usize,
    /// V.
    pub vocab_size: usize,
    /// The longest context the model was made for, in tokens.
    pub max_position_embeddings: usize,
    /// Epsilon inside the root of RMSNorm.
    pub rms_norm_eps: f32,
    /// Rotary embedding: base and scaling.
    pub rope: RopeConfig,
    /// Per layer: does it rotate queries and keys? (`false` is a NoPE layer.)
    pub rope_layers: Vec<bool>,
    /// The output head is the embedding table.
    pub tie_word_embeddings: bool,
    /// Standard deviation of freshly initialised matrices.
    pub initializer_range: f32,
    /// Token that starts a text, where the model has one.
    pub bos_token_id: Option<u32>,
    /// Tokens that end a text (several are allowed).
    pub eos_token_ids: Vec<u32>,
    /// Token used as filling, where the model has one.
    pub pad_token_id: Option<u32>,
    /// The type the file says its weights have (`torch_dtype`), where it says so.
    pub dtype: Option<Dtype>,
    /// Values that were absent and replaced by the reference implementation's default, as one line each.
    pub notes: Vec<String>,
}

/// A configuration that cannot be used; each message names the file and the field.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: {reason}")]
    Read {
        /// Path or name of the file.
        file: String,
        /// The system's words.
        reason: String,
    },
    /// The file is not JSON.
    #[error("{file}: not valid JSON: {reason}")]
    Syntax {
        /// Path or name of the file.
        file: String,
        /// The parser's words, with line and column.
        reason: String,
    },
    /// A needed key is absent.
    #[error("{file}: `{field}` is missing")]
    Missing {
        /// Path or name of the file.
        file: String,
        /// The key.
        field: String,
    },
    /// A key has a value that cannot be right.
    #[error("{file}: `{field}` is {found}; {expected}")]
    Invalid {
        /// Path or name of the file.
        file: String,
        /// The key.
        field: String,
        /// The value found.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// A key asks for something this program does not compute.
    #[error("{file}: `{field}` is {found}, which is not supported; {hint}")]
    Unsupported {
        /// Path or name of the file.
        file: String,
        /// The key.
        field: String,
        /// The value found.
        found: String,
        /// What is supported.
        hint: String,
    },
}

impl ModelConfig {
    /// Query heads per key/value head.
    pub fn group(&self) -> usize {
        self.num_attention_heads / self.num_key_value_heads
    }

    /// Width of the query projection's output, H x D.
    pub fn query_size(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    /// Width of the key (and of the value) projection's output, G x D.
    pub fn kv_size(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    /// Bytes of K and V that one token takes over all layers, as a [`KvPool`](crate::KvPool) keeps them; `None` where a head is not
    /// whole blocks of the type.
    pub fn kv_bytes_per_token(&self, dtype: KvDtype) -> Option<usize> {
        let block = KvBuffer::bytes_for(dtype, 1, BLOCK_TOKENS, self.num_key_value_heads, self.head_dim)?;
        Some(2 * self.num_hidden_layers * (block / BLOCK_TOKENS))
    }

    /// The default NoPE pattern of SmolLM3: every `interval`-th layer has no rotary embedding (`transformers`,
    /// `configuration_smollm3.py`: layer i rotates iff `(i + 1) % interval != 0`).
    pub fn nope_pattern(layers: usize, interval: usize) -> Vec<bool> {
        (0..layers).map(|i| (i + 1) % interval != 0).collect()
    }

    /// Checks every size against the others; `file` is named in the error.
    fn validated(self, file: &str) -> Result<Self, ConfigError> {
        let invalid = |field: &str, found: String, expected: &str| {
            Err(ConfigError::Invalid { file: file.into(), field: field.into(), found, expected: expected.into() })
        };
        let sizes = [
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("head_dim", self.head_dim),
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
        ];
        for (field, size) in sizes {
            if size == 0 || size > MAX_SIZE {
                return invalid(field, size.to_string(), &format!("it must lie between 1 and {MAX_SIZE}"));
            }
        }
        if self.num_hidden_layers == 0 || self.num_hidden_layers > MAX_LAYERS {
            let expected = format!("it must lie between 1 and {MAX_LAYERS}");
            return invalid("num_hidden_layers", self.num_hidden_layers.to_string(), &expected);
        }
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            let expected = format!("it must divide num_attention_heads ({})", self.num_attention_heads);
            return invalid("num_key_value_heads", self.num_key_value_heads.to_string(), &expected);
        }
        if !self.head_dim.is_multiple_of(2) {
            return invalid("head_dim", self.head_dim.to_string(), "it must be even: rotary embedding turns pairs");
        }
        if self.query_size() > MAX_SIZE {
            return invalid("num_attention_heads", self.num_attention_heads.to_string(), "heads x head_dim is absurd");
        }
        if !(self.rms_norm_eps.is_finite() && self.rms_norm_eps >= 0.0) {
            return invalid("rms_norm_eps", self.rms_norm_eps.to_string(), "it must be a finite number >= 0");
        }
        if !(self.initializer_range.is_finite() && self.initializer_range >= 0.0) {
            return invalid("initializer_range", self.initializer_range.to_string(), "it must be a finite number >= 0");
        }
        if self.rope_layers.len() != self.num_hidden_layers {
            let expected = format!("it must have one entry per layer ({})", self.num_hidden_layers);
            return invalid("no_rope_layers", format!("a list of {}", self.rope_layers.len()), &expected);
        }
        self.rope.validate(self.head_dim, self.max_position_embeddings).map_err(|(field, found, expected)| {
            ConfigError::Invalid { file: file.into(), field: field.into(), found, expected }
        })?;
        for id in self.eos_token_ids.iter().chain(&self.bos_token_id).chain(&self.pad_token_id) {
            if *id as usize >= self.vocab_size {
                let expected = format!("special token ids must be below vocab_size ({})", self.vocab_size);
                return invalid("bos/eos/pad_token_id", id.to_string(), &expected);
            }
        }
        Ok(self)
    }
}
