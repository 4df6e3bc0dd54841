//! `config.json` of the Hugging Face layout, read as `transformers` reads it.

use super::{Architecture, ConfigError, ModelConfig};
use crate::rope::{RopeConfig, RopeScaling};
use serde_json::{Map, Value};
use smollm_kernels::Dtype;
use std::path::Path;

impl ModelConfig {
    /// Reads `config.json` from a file.
    ///
    /// # Errors
    /// The file cannot be read, is not JSON, lacks a needed key, contradicts itself, or asks for what is not supported.
    pub fn from_json_file(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|e| ConfigError::Read { file: file.clone(), reason: e.to_string() })?;
        Self::from_json(&bytes, &file)
    }

    /// Reads the bytes of a `config.json`; `file` is the name that errors give.
    ///
    /// Absent keys take the defaults of the reference classes (`LlamaConfig`, `SmolLM3Config`); where such a default is
    /// known to go unnoticed and to cost quality, [`ModelConfig::notes`] says so.
    ///
    /// # Errors
    /// As [`ModelConfig::from_json_file`].
    pub fn from_json(bytes: &[u8], file: &str) -> Result<Self, ConfigError> {
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|e| ConfigError::Syntax { file: file.into(), reason: e.to_string() })?;
        let Value::Object(keys) = value else {
            return Err(ConfigError::Syntax { file: file.into(), reason: "the top level is not an object".into() });
        };
        Fields { keys: &keys, file }.model_config()
    }

    /// The keys of a `config.json` that are read: what they say counts, or is refused.
    pub const JSON_KEYS: &'static [&'static str] = &[
        "architectures",
        "attention_bias",
        "bos_token_id",
        "dtype",
        "eos_token_id",
        "head_dim",
        "hidden_act",
        "hidden_size",
        "initializer_range",
        "intermediate_size",
        "layer_types",
        "max_position_embeddings",
        "mlp_bias",
        "model_type",
        "no_rope_layer_interval",
        "no_rope_layers",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "pad_token_id",
        "quantization_config",
        "rms_norm_eps",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "tie_word_embeddings",
        "torch_dtype",
        "use_sliding_window",
        "vocab_size",
    ];

    /// Writes the configuration as `transformers` would, for `init` and `convert`.
    pub fn to_json(&self) -> Value {
        let ids = |ids: &[u32]| match ids {
            [] => Value::Null,
            [one] => Value::from(*one),
            many => Value::from(many.to_vec()),
        };
        let mut keys = Map::new();
        let mut put = |key: &str, value: Value| keys.insert(key.into(), value);
        put("architectures", vec![self.architecture.hf_name()].into());
        put("attention_bias", false.into());
        put("bos_token_id", self.bos_token_id.into());
        put("eos_token_id", ids(&self.eos_token_ids));
        put("head_dim", self.head_dim.into());
        put("hidden_act", "silu".into());
        put("hidden_size", self.hidden_size.into());
        put("initializer_range", shortest(self.initializer_range));
        put("intermediate_size", self.intermediate_size.into());
        put("max_position_embeddings", self.max_position_embeddings.into());
        put("mlp_bias", false.into());
        put("model_type", self.architecture.gguf_name().into());
        if self.architecture == Architecture::SmolLm3 {
            let flags: Vec<u8> = self.rope_layers.iter().map(|&rotates| rotates.into()).collect();
            put("no_rope_layers", flags.into());
        }
        put("num_attention_heads", self.num_attention_heads.into());
        put("num_hidden_layers", self.num_hidden_layers.into());
        put("num_key_value_heads", self.num_key_value_heads.into());
        put("pad_token_id", self.pad_token_id.into());
        put("rms_norm_eps", shortest(self.rms_norm_eps));
        put("rope_scaling", self.rope.scaling.to_json());
        put("rope_theta", number(self.rope.theta));
        put("tie_word_embeddings", self.tie_word_embeddings.into());
        put("torch_dtype", self.dtype.and_then(torch_name).into());
        put("use_cache", true.into());
        put("vocab_size", self.vocab_size.into());
        Value::Object(keys)
    }
}

/// The value as JSON would show it at f32 precision: `1e-5`, not `0.000009999999747378752`.
fn shortest(value: f32) -> Value {
    number(value.to_string().parse().unwrap_or(f64::from(value)))
}

/// Whole numbers without a fraction, as `transformers` writes `rope_theta`.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { (value as i64).into() } else { value.into() }
}

/// `torch_dtype` of a weight type.
fn torch_name(dtype: Dtype) -> Option<&'static str> {
    match dtype {
        Dtype::F32 => Some("float32"),
        Dtype::F16 => Some("float16"),
        Dtype::BF16 => Some("bfloat16"),
        _ => None,
    }
}

/// The keys of one file, with typed getters whose errors name file and key.
struct Fields<'a> {
    keys: &'a Map<String, Value>,
    file: &'a str,
}

impl Fields<'_> {
    fn model_config(&self) -> Result<ModelConfig, ConfigError> {
        let architecture = self.architecture()?;
        self.refuse_unsupported()?;
        let mut notes = Vec::new();
        let layers = self.size("num_hidden_layers")?;
        let heads = self.size("num_attention_heads")?;
        let hidden_size = self.size("hidden_size")?;
        let head_dim = match self.optional_size("head_dim")? {
            Some(dim) => dim,
            None if heads > 0 && hidden_size.is_multiple_of(heads) => hidden_size / heads,
            None => {
                return self
                    .invalid("hidden_size", "it must be a multiple of num_attention_heads when head_dim is absent");
            }
        };
        let max_position_embeddings = self.optional_size("max_position_embeddings")?.unwrap_or_else(|| {
            notes.push(format!("{}: no max_position_embeddings; 2048 is assumed", self.file));
            2048
        });
        let theta_default = match architecture {
            Architecture::Llama => 10_000.0,
            Architecture::SmolLm3 => 2_000_000.0,
        };
        let rope = self.rope(theta_default, &mut notes)?;
        ModelConfig {
            architecture,
            hidden_size,
            intermediate_size: self.size("intermediate_size")?,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            num_key_value_heads: self.optional_size("num_key_value_heads")?.unwrap_or(heads),
            head_dim,
            vocab_size: self.size("vocab_size")?,
            max_position_embeddings,
            rms_norm_eps: self.float("rms_norm_eps")?.unwrap_or(1e-6) as f32,
            rope,
            rope_layers: self.rope_layers(architecture, layers)?,
            tie_word_embeddings: self.flag("tie_word_embeddings")?.unwrap_or(architecture == Architecture::SmolLm3),
            initializer_range: self.float("initializer_range")?.unwrap_or(0.02) as f32,
            bos_token_id: self.ids("bos_token_id")?.first().copied(),
            eos_token_ids: self.ids("eos_token_id")?,
            pad_token_id: self.ids("pad_token_id")?.first().copied(),
            dtype: self.dtype(),
            notes,
        }
        .validated(self.file)
    }

    fn architecture(&self) -> Result<Architecture, ConfigError> {
        let named = self.keys.get("architectures").and_then(|v| v.get(0)).and_then(Value::as_str);
        let model_type = self.keys.get("model_type").and_then(Value::as_str);
        match (named, model_type) {
            (Some("LlamaForCausalLM"), _) | (None, Some("llama")) => Ok(Architecture::Llama),
            (Some("SmolLM3ForCausalLM"), _) | (None, Some("smollm3")) => Ok(Architecture::SmolLm3),
            (None, None) => Err(ConfigError::Missing { file: self.file.into(), field: "architectures".into() }),
            (found, model_type) => Err(ConfigError::Unsupported {
                file: self.file.into(),
                field: if found.is_some() { "architectures" } else { "model_type" }.into(),
                found: format!("`{}`", found.or(model_type).unwrap_or_default().escape_debug()),
                hint: "supported are LlamaForCausalLM (SmolLM, SmolLM2) and SmolLM3ForCausalLM".into(),
            }),
        }
    }

    fn refuse_unsupported(&self) -> Result<(), ConfigError> {
        for field in ["attention_bias", "mlp_bias", "use_sliding_window"] {
            if self.flag(field)? == Some(true) {
                return self.unsupported(field, "SmolLM models have it off");
            }
        }
        if self.present("hidden_act").is_some_and(|name| name != "silu" && name != "swish") {
            return self.unsupported("hidden_act", "only silu is computed");
        }
        if self.keys.get("quantization_config").is_some_and(|v| !v.is_null()) {
            return self.unsupported("quantization_config", "use the unquantised checkpoint or a GGUF file");
        }
        let full = |types: &Value| types.as_array().is_some_and(|types| types.iter().all(|t| t == "full_attention"));
        if self.present("layer_types").is_some_and(|types| !full(types)) {
            return self.unsupported("layer_types", "only full_attention is computed");
        }
        Ok(())
    }

    /// `rope_theta` and `rope_scaling` beside it, or both inside `rope_parameters` (transformers 5).
    fn rope(&self, theta_default: f64, notes: &mut Vec<String>) -> Result<RopeConfig, ConfigError> {
        let parameters = self.object("rope_parameters")?;
        let theta = match parameters.as_ref().map(|inner| inner.float("rope_theta")).transpose()?.flatten() {
            None => self.float("rope_theta")?,
            inner => inner,
        };
        let theta = theta.unwrap_or_else(|| {
            notes.push(format!("{}: no rope_theta; {theta_default} is used, as transformers does", self.file));
            theta_default
        });
        let scaling = match parameters {
            None => self.object("rope_scaling")?,
            inner => inner,
        };
        Ok(RopeConfig { theta, scaling: scaling.map_or(Ok(RopeScaling::None), |fields| fields.rope_scaling())? })
    }

    /// `self` are the keys of `rope_scaling` or `rope_parameters`.
    fn rope_scaling(&self) -> Result<RopeScaling, ConfigError> {
        if let Some((key, _)) = self.keys.iter().find(|(_, value)| value.is_object()) {
            return self.unsupported(key, "all layers have the same rotary embedding here");
        }
        if self.float("partial_rotary_factor")?.is_some_and(|part| part != 1.0) {
            return self.unsupported("partial_rotary_factor", "heads are rotated whole");
        }
        if self.flag("truncate")? == Some(false) {
            return self.unsupported("truncate", "YaRN's range of dimensions is always rounded");
        }
        let factor = || {
            self.float("factor")?
                .ok_or_else(|| ConfigError::Missing { file: self.file.into(), field: "rope_scaling.factor".into() })
        };
        let original = || self.optional_size("original_max_position_embeddings");
        match self.present("rope_type").or_else(|| self.present("type")).map(Value::as_str) {
            None | Some(Some("default")) => Ok(RopeScaling::None),
            Some(Some("linear")) => Ok(RopeScaling::Linear { factor: factor()? }),
            Some(Some("yarn")) => Ok(RopeScaling::Yarn {
                factor: factor()?,
                original_context: original()?,
                beta_fast: self.float("beta_fast")?.unwrap_or(32.0),
                beta_slow: self.float("beta_slow")?.unwrap_or(1.0),
                attention_factor: self.yarn_attention_factor(factor()?)?,
            }),
            Some(Some("llama3")) => Ok(RopeScaling::Llama3 {
                factor: factor()?,
                low_freq_factor: self.float("low_freq_factor")?.unwrap_or(1.0),
                high_freq_factor: self.float("high_freq_factor")?.unwrap_or(4.0),
                original_context: original()?.unwrap_or(8192),
            }),
            Some(Some(other)) => Err(ConfigError::Unsupported {
                file: self.file.into(),
                field: "rope_scaling.rope_type".into(),
                found: format!("`{}`", other.escape_debug()),
                hint: "supported are default, linear, yarn and llama3".into(),
            }),
            Some(None) => {
                let field = if self.present("rope_type").is_some() { "rope_type" } else { "type" };
                self.invalid(field, "it must be the name of a scaling")
            }
        }
    }

    /// `attention_factor`, or the quotient that `mscale` and `mscale_all_dim` make where both are there (`transformers`,
    /// `_compute_yarn_parameters`).
    fn yarn_attention_factor(&self, factor: f64) -> Result<Option<f64>, ConfigError> {
        let scaled = |scale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 };
        let part = |field| -> Result<_, ConfigError> { Ok(self.float(field)?.filter(|&scale| scale != 0.0)) };
        let quotient = part("mscale")?.zip(part("mscale_all_dim")?).map(|(over, under)| scaled(over) / scaled(under));
        Ok(self.float("attention_factor")?.or(quotient))
    }

    /// `no_rope_layers` holds 1 = "rotate", 0 = "do not", despite its name; without it every
    /// `no_rope_layer_interval`-th layer (4) of a SmolLM3 goes without.
    fn rope_layers(&self, architecture: Architecture, layers: usize) -> Result<Vec<bool>, ConfigError> {
        let layers = layers.min(super::MAX_LAYERS); // a larger count is refused by `validated`
        if architecture == Architecture::Llama {
            return Ok(vec![true; layers]);
        }
        match self.keys.get("no_rope_layers") {
            None | Some(Value::Null) => {
                let interval = self.optional_size("no_rope_layer_interval")?.unwrap_or(4);
                if interval == 0 {
                    return self.invalid("no_rope_layer_interval", "it must be at least 1");
                }
                Ok(ModelConfig::nope_pattern(layers, interval))
            }
            Some(Value::Array(flags)) => {
                let flags = flags.iter().map(|f| f.as_u64().filter(|&n| n <= 1).map(|n| n == 1)).collect();
                match flags {
                    Some(flags) => Ok(flags),
                    None => self.invalid("no_rope_layers", "it must be a list of 0 and 1"),
                }
            }
            Some(_) => self.invalid("no_rope_layers", "it must be a list of 0 and 1"),
        }
    }

    fn dtype(&self) -> Option<Dtype> {
        let name = self.keys.get("torch_dtype").or_else(|| self.keys.get("dtype")).and_then(Value::as_str)?;
        match name.trim_start_matches("torch.") {
            "float32" => Some(Dtype::F32),
            "float16" => Some(Dtype::F16),
            "bfloat16" => Some(Dtype::BF16),
            _ => None, // the tensors themselves say what they are; this key is information only
        }
    }

    /// The fields of an object that may be absent.
    fn object(&self, field: &str) -> Result<Option<Fields<'_>>, ConfigError> {
        match self.present(field) {
            None => Ok(None),
            Some(Value::Object(keys)) => Ok(Some(Fields { keys, file: self.file })),
            Some(_) => self.invalid(field, "it must be an object"),
        }
    }

    fn present(&self, field: &str) -> Option<&Value> {
        self.keys.get(field).filter(|v| !v.is_null())
    }

    fn size(&self, field: &str) -> Result<usize, ConfigError> {
        self.optional_size(field)?.ok_or_else(|| ConfigError::Missing { file: self.file.into(), field: field.into() })
    }

    fn optional_size(&self, field: &str) -> Result<Option<usize>, ConfigError> {
        match self.present(field) {
            None => Ok(None),
            Some(v) => match v.as_u64().and_then(|n| usize::try_from(n).ok()) {
                Some(n) => Ok(Some(n)),
                None => self.invalid(field, "it must be a whole number >= 0"),
            },
        }
    }

    fn float(&self, field: &str) -> Result<Option<f64>, ConfigError> {
        match self.present(field) {
            None => Ok(None),
            Some(v) => match v.as_f64() {
                Some(x) => Ok(Some(x)),
                None => self.invalid(field, "it must be a number"),
            },
        }
    }

    fn flag(&self, field: &str) -> Result<Option<bool>, ConfigError> {
        match self.present(field) {
            None => Ok(None),
            Some(Value::Bool(b)) => Ok(Some(*b)),
            Some(_) => self.invalid(field, "it must be true or false"),
        }
    }

    /// One id or a list of ids.
    fn ids(&self, field: &str) -> Result<Vec<u32>, ConfigError> {
        let id = |v: &Value| v.as_u64().and_then(|n| u32::try_from(n).ok());
        let ids = match self.present(field) {
            None => Some(Vec::new()),
            // SmolLM training configurations write -1 for "none"
            Some(v) if v.as_i64() == Some(-1) => Some(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(id).collect(),
            Some(v) => id(v).map(|n| vec![n]),
        };
        match ids {
            Some(ids) => Ok(ids),
            None => self.invalid(field, "it must be a token id or a list of token ids"),
        }
    }

    fn invalid<T>(&self, field: &str, expected: &str) -> Result<T, ConfigError> {
        let found = self.keys.get(field).map_or("absent".into(), abbreviated);
        Err(ConfigError::Invalid { file: self.file.into(), field: field.into(), found, expected: expected.into() })
    }

    fn unsupported<T>(&self, field: &str, hint: &str) -> Result<T, ConfigError> {
        let found = self.keys.get(field).map_or("absent".into(), abbreviated);
        Err(ConfigError::Unsupported { file: self.file.into(), field: field.into(), found, hint: hint.into() })
    }
}

/// A JSON value short enough for one line of an error message.
fn abbreviated(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        None => text,
        Some((cut, _)) => format!("{}...", &text[..cut]),
    }
}
