//! The configuration inside a GGUF file's metadata, read and written with llama.cpp's keys.

use super::{Architecture, ConfigError, ModelConfig};
use crate::rope::{RopeConfig, RopeScaling};
use crate::weights::name_of;
use smollm_checkpoint::gguf::{FromGguf, GgufMetadata};
use smollm_checkpoint::{Checkpoint, CheckpointError};
use smollm_kernels::Matrix;

/// What `ModelConfig::from_gguf` can meet: a broken key, or values that make no model.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the layer it names")]
pub enum GgufConfigError {
    #[error(transparent)]
    Metadata(#[from] CheckpointError),
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// llama.cpp has no key for SmolLM3's NoPE pattern; it fixes every fourth layer (`n_no_rope_layer_step`).
const NOPE_INTERVAL: usize = 4;

impl ModelConfig {
    /// Reads the configuration of an opened GGUF checkpoint.
    ///
    /// # Errors
    /// The file has no metadata, an unknown architecture, a missing or mistyped key, or sizes that contradict each other.
    pub fn from_gguf(checkpoint: &Checkpoint) -> Result<Self, GgufConfigError> {
        let file = name_of(checkpoint);
        let missing = |field: &str| ConfigError::Missing { file: file.clone(), field: field.into() };
        let metadata = checkpoint.gguf_metadata().ok_or_else(|| missing("general.architecture"))?;
        let architecture = match metadata.require::<&str>("general.architecture")? {
            "llama" => Architecture::Llama,
            "smollm3" => Architecture::SmolLm3,
            other => {
                return Err(GgufConfigError::Config(ConfigError::Unsupported {
                    file,
                    field: "general.architecture".into(),
                    found: format!("`{}`", other.escape_debug()),
                    hint: "supported are llama (SmolLM, SmolLM2) and smollm3".into(),
                }));
            }
        };
        let keys = Keys { metadata, prefix: architecture.gguf_name() };
        let layers: usize = keys.require("block_count")?;
        let heads: usize = keys.require("attention.head_count")?;
        let hidden_size: usize = keys.require("embedding_length")?;
        let head_dim = match keys.optional::<usize>("attention.key_length")? {
            Some(dim) => dim,
            None => hidden_size.checked_div(heads).unwrap_or(0), // zero is refused by `validated`
        };
        for key in ["rope.dimension_count", "attention.value_length"] {
            if let Some(n) = keys.optional::<usize>(key)?.filter(|&n| n != head_dim) {
                let (field, found) = (keys.name(key), n.to_string());
                let hint = format!("only the head dimension ({head_dim}) is computed");
                return Err(ConfigError::Unsupported { file, field, found, hint }.into());
            }
        }
        if let Some(experts) = keys.optional::<usize>("expert_count")?.filter(|&n| n > 0) {
            let (field, found) = (keys.name("expert_count"), experts.to_string());
            return Err(
                ConfigError::Unsupported { file, field, found, hint: "SmolLM models have no experts".into() }.into()
            );
        }
        let embedding = checkpoint.tensor("token_embd.weight")?;
        let vocab_size = match keys.optional::<usize>("vocab_size")? {
            Some(size) => size,
            None => embedding.shape.first().copied().unwrap_or(0),
        };
        let mut notes = Vec::new();
        let theta = keys.optional::<f32>("rope.freq_base")?.unwrap_or_else(|| {
            notes.push(format!("{file}: no {}; 10000 is used, as llama.cpp does", keys.name("rope.freq_base")));
            10_000.0
        });
        let token = |name: &str| metadata.optional::<u32>(&format!("tokenizer.ggml.{name}_token_id"));
        let mut eos_token_ids: Vec<u32> = token("eos")?.into_iter().collect();
        eos_token_ids.extend(token("eot")?.filter(|id| !eos_token_ids.contains(id)));
        let config = Self {
            architecture,
            hidden_size,
            intermediate_size: keys.require("feed_forward_length")?,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            num_key_value_heads: keys.optional("attention.head_count_kv")?.unwrap_or(heads),
            head_dim,
            vocab_size,
            max_position_embeddings: keys.require("context_length")?,
            rms_norm_eps: keys.require::<f32>("attention.layer_norm_rms_epsilon")?,
            rope: RopeConfig { theta: f64::from(theta), scaling: keys.rope_scaling(checkpoint)? },
            rope_layers: match architecture {
                Architecture::Llama => vec![true; layers.min(super::MAX_LAYERS)],
                Architecture::SmolLm3 => Self::nope_pattern(layers.min(super::MAX_LAYERS), NOPE_INTERVAL),
            },
            tie_word_embeddings: !checkpoint.contains("output.weight"),
            initializer_range: 0.02,
            bos_token_id: token("bos")?,
            eos_token_ids,
            pad_token_id: token("padding")?,
            dtype: None,
            notes,
        };
        Ok(config.validated(&file)?)
    }

    /// The metadata that llama.cpp needs to run this configuration, in the order its converter writes it. Tokenizer and
    /// general keys are the caller's.
    ///
    /// # Errors
    /// What a GGUF file cannot say: a NoPE pattern other than every fourth layer, a rotary scaling without keys.
    pub fn to_gguf(&self, file: &str, metadata: &mut GgufMetadata) -> Result<(), ConfigError> {
        let expected_layers = match self.architecture {
            Architecture::Llama => vec![true; self.num_hidden_layers],
            Architecture::SmolLm3 => Self::nope_pattern(self.num_hidden_layers, NOPE_INTERVAL),
        };
        if self.rope_layers != expected_layers {
            return Err(ConfigError::Unsupported {
                file: file.into(),
                field: "no_rope_layers".into(),
                found: format!("{:?}", self.rope_layers),
                hint: "GGUF has no key for it: every fourth layer of a smollm3 goes without, none of a llama".into(),
            });
        }
        let prefix = self.architecture.gguf_name();
        let mut put = |key: &str, value: usize| metadata.set(format!("{prefix}.{key}"), value as u32);
        put("block_count", self.num_hidden_layers);
        put("context_length", self.max_position_embeddings);
        put("embedding_length", self.hidden_size);
        put("feed_forward_length", self.intermediate_size);
        put("attention.head_count", self.num_attention_heads);
        put("attention.head_count_kv", self.num_key_value_heads);
        if let Some((kind, factor, original)) = self.gguf_scaling(file)? {
            metadata.set(format!("{prefix}.rope.scaling.type"), kind);
            metadata.set(format!("{prefix}.rope.scaling.factor"), factor);
            if let Some(original) = original {
                metadata.set(format!("{prefix}.rope.scaling.original_context_length"), original);
            }
        }
        metadata.set(format!("{prefix}.rope.freq_base"), self.rope.theta as f32);
        metadata.set(format!("{prefix}.attention.layer_norm_rms_epsilon"), self.rms_norm_eps);
        let mut put = |key: &str, value: usize| metadata.set(format!("{prefix}.{key}"), value as u32);
        // a smollm3 has them only where they cannot be worked out, because transformers' own configuration has none
        if self.architecture == Architecture::Llama || self.head_dim * self.num_attention_heads != self.hidden_size {
            put("attention.key_length", self.head_dim);
            put("attention.value_length", self.head_dim);
        }
        put("vocab_size", self.vocab_size);
        put("rope.dimension_count", self.head_dim);
        Ok(())
    }

    /// Type, factor and original context of a rotary scaling that has keys. Llama 3's and plain divisors become the
    /// tensor `rope_freqs.weight`, which is the caller's to write.
    fn gguf_scaling(&self, file: &str) -> Result<Option<GgufScaling>, ConfigError> {
        Ok(match &self.rope.scaling {
            RopeScaling::None | RopeScaling::Llama3 { .. } | RopeScaling::Divisors(_) => None,
            RopeScaling::Linear { factor } => Some(("linear", *factor as f32, None)),
            RopeScaling::Yarn { factor, original_context, beta_fast, beta_slow, attention_factor } => {
                if attention_factor.is_some() || *beta_fast != 32.0 || *beta_slow != 1.0 {
                    return Err(ConfigError::Unsupported {
                        file: file.into(),
                        field: "rope_scaling".into(),
                        found: format!("{:?}", self.rope.scaling),
                        hint: "GGUF files carry YaRN with its default betas and attention factor only".into(),
                    });
                }
                let original = original_context.unwrap_or(self.max_position_embeddings);
                Some(("yarn", *factor as f32, Some(original as u32)))
            }
        })
    }
}

/// `rope.scaling.type`, `.factor` and `.original_context_length`.
type GgufScaling = (&'static str, f32, Option<u32>);

/// The keys of one architecture.
struct Keys<'a> {
    metadata: &'a GgufMetadata,
    prefix: &'a str,
}

impl<'a> Keys<'a> {
    fn name(&self, key: &str) -> String {
        format!("{}.{key}", self.prefix)
    }

    fn require<T: FromGguf<'a>>(&self, key: &str) -> Result<T, CheckpointError> {
        self.metadata.require(&self.name(key))
    }

    fn optional<T: FromGguf<'a>>(&self, key: &str) -> Result<Option<T>, CheckpointError> {
        self.metadata.optional(&self.name(key))
    }

    /// As llama.cpp reads it: a factor without a type is linear.
    fn rope_scaling(&self, checkpoint: &Checkpoint) -> Result<RopeScaling, GgufConfigError> {
        let unsupported = |field: String, found: String, hint: &str| {
            let file = name_of(checkpoint);
            GgufConfigError::Config(ConfigError::Unsupported { file, field, found, hint: hint.into() })
        };
        if let Some(scale) = self.optional::<f32>("rope.scaling.attn_factor")?.filter(|&scale| scale != 1.0) {
            return Err(unsupported(self.name("rope.scaling.attn_factor"), scale.to_string(), "only 1 is computed"));
        }
        let factor = || -> Result<f64, CheckpointError> { Ok(f64::from(self.require::<f32>("rope.scaling.factor")?)) };
        let scaling = match self.optional::<&str>("rope.scaling.type")? {
            Some("none") => RopeScaling::None,
            None => match self.optional::<f32>("rope.scaling.factor")?.or(self.optional("rope.scale_linear")?) {
                None | Some(0.0 | 1.0) => RopeScaling::None,
                Some(factor) => RopeScaling::Linear { factor: f64::from(factor) },
            },
            Some("linear") => RopeScaling::Linear { factor: factor()? },
            Some("yarn") => RopeScaling::Yarn {
                factor: factor()?,
                original_context: self.optional("rope.scaling.original_context_length")?,
                beta_fast: 32.0,
                beta_slow: 1.0,
                attention_factor: None,
            },
            Some(other) => {
                let found = format!("`{}`", other.escape_debug());
                return Err(unsupported(self.name("rope.scaling.type"), found, "supported are none, linear and yarn"));
            }
        };
        let divisors = "rope_freqs.weight";
        match (checkpoint.get(divisors), scaling) {
            (None, scaling) => Ok(scaling),
            (Some(tensor), RopeScaling::None) => {
                let matrix = Matrix::new(tensor.dtype, 1, tensor.elements(), tensor.data.clone()).map_err(|_| {
                    unsupported(divisors.into(), format!("of type {}", tensor.dtype.name()), "it must be F32")
                })?;
                let mut values = vec![0.0; tensor.elements()];
                matrix.row_to_f32(0, &mut values);
                Ok(RopeScaling::Divisors(values))
            }
            (Some(_), _) => {
                let kind = self.name("rope.scaling.type");
                let hint = format!("it is computed only without the scaling of {kind}");
                Err(unsupported(divisors.into(), "there".into(), &hint))
            }
        }
    }
}
