//! The shapes of the released models, for `init`: a table, not a second source of truth for loading.
//!
//! Values: `config.json` of the released models; `huggingface/smollm` text/pretraining for the larger ones.

use crate::config::{Architecture, ModelConfig};
use crate::rope::{RopeConfig, RopeScaling};
use smollm_kernels::Dtype;

/// Name, C, F, L, H, G, initialiser of the first and of the second generation.
type Size = (&'static str, usize, usize, usize, usize, usize, f32, f32);

const SIZES: [Size; 3] = [
    ("135m", 576, 1536, 30, 9, 3, 0.02, 1.0 / 24.0),
    ("360m", 960, 2560, 32, 15, 5, 0.02, 0.02),
    ("1.7b", 2048, 8192, 24, 32, 32, 0.02, 0.02),
];

/// Every name that [`preset`] knows, in order.
pub fn preset_names() -> Vec<String> {
    let mut names = Vec::new();
    for generation in ["smollm", "smollm2"] {
        for (size, ..) in SIZES {
            names.push(format!("{generation}-{size}"));
            names.push(format!("{generation}-{size}-instruct"));
        }
    }
    names.push("smollm3-3b".into());
    names
}

/// The configuration of a released model by its name (`smollm2-135m`, `smollm-1.7b-instruct`, `smollm3-3b`).
pub fn preset(name: &str) -> Option<ModelConfig> {
    let name = name.to_ascii_lowercase();
    if name == "smollm3-3b" {
        return Some(smollm3());
    }
    let (generation, rest) = name.split_once('-')?;
    let second = match generation {
        "smollm" => false,
        "smollm2" => true,
        _ => return None,
    };
    let size_name = rest.strip_suffix("-instruct").unwrap_or(rest);
    let instruct = size_name != rest;
    let &(_, c, f, l, h, g, initializer, initializer2) = SIZES.iter().find(|(size, ..)| *size == size_name)?;
    let theta = match (second, size_name) {
        (false, _) => 10_000.0,
        (true, "1.7b") => 130_000.0,
        (true, _) => 100_000.0,
    };
    Some(ModelConfig {
        architecture: Architecture::Llama,
        hidden_size: c,
        intermediate_size: f,
        num_hidden_layers: l,
        num_attention_heads: h,
        num_key_value_heads: g,
        head_dim: c / h,
        vocab_size: 49_152,
        max_position_embeddings: if second { 8192 } else { 2048 },
        rms_norm_eps: 1e-5,
        rope: RopeConfig { theta, scaling: RopeScaling::None },
        rope_layers: vec![true; l],
        tie_word_embeddings: true,
        initializer_range: if second { initializer2 } else { initializer },
        bos_token_id: Some(instruct.into()),
        eos_token_ids: vec![if instruct { 2 } else { 0 }],
        pad_token_id: instruct.then_some(2),
        dtype: Some(Dtype::BF16),
        notes: Vec::new(),
    })
}

fn smollm3() -> ModelConfig {
    ModelConfig {
        architecture: Architecture::SmolLm3,
        hidden_size: 2048,
        intermediate_size: 11_008,
        num_hidden_layers: 36,
        num_attention_heads: 16,
        num_key_value_heads: 4,
        head_dim: 128,
        vocab_size: 128_256,
        max_position_embeddings: 65_536,
        rms_norm_eps: 1e-6,
        rope: RopeConfig { theta: 5_000_000.0, scaling: RopeScaling::None },
        rope_layers: ModelConfig::nope_pattern(36, 4),
        tie_word_embeddings: true,
        initializer_range: 0.02,
        bos_token_id: Some(128_000),
        eos_token_ids: vec![128_012],
        pad_token_id: Some(128_004),
        dtype: Some(Dtype::BF16),
        notes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::parameter_count;

    #[test]
    fn parameter_counts_are_those_of_the_released_models() {
        let facts = [
            ("smollm2-135m", 134_515_008),
            ("smollm-360m", 361_821_120),
            ("smollm2-1.7b-instruct", 1_711_376_384),
            ("smollm3-3b", 3_075_098_624),
        ];
        for (name, count) in facts {
            assert_eq!(parameter_count(&preset(name).unwrap()), count, "{name}");
        }
    }

    #[test]
    fn every_listed_name_exists_and_survives_config_json() {
        for name in preset_names() {
            let config = preset(&name).unwrap();
            let json = config.to_json().to_string();
            assert_eq!(ModelConfig::from_json(json.as_bytes(), &name).unwrap(), config, "{name}");
            for key in config.to_json().as_object().unwrap().keys() {
                // transformers alone reads the one that is excepted
                assert!(ModelConfig::JSON_KEYS.contains(&key.as_str()) || key == "use_cache", "{key}");
            }
        }
        assert_eq!(preset("smollm4-9b"), None);
    }
}
