//! Tiny models and batches that gradients are tested on.

use smollm_kernels::{Cpu, Dtype};
use smollm_model::{ModelConfig, init::initial_values};
use smollm_train::{RowWeight, Target, Tensors};

pub(crate) const TIED: &str = r#"{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 16, "intermediate_size": 24,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 23, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5, "rope_theta": 100.0, "tie_word_embeddings": true, "initializer_range": 0.3, "hidden_act": "silu"}"#;

/// The embedding apart from the head, and a layer without rotary embedding.
pub(crate) const UNTIED: &str = r#"{"architectures": ["SmolLM3ForCausalLM"], "model_type": "smollm3", "hidden_size": 12, "intermediate_size": 20,
    "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 19, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-6, "rope_theta": 100.0, "tie_word_embeddings": false, "initializer_range": 0.3, "hidden_act": "silu",
    "no_rope_layers": [1, 0, 1]}"#;

pub(crate) struct Case {
    pub(crate) config: ModelConfig,
    pub(crate) masters: Tensors,
    pub(crate) tokens: Vec<u32>,
    pub(crate) documents: Vec<std::ops::Range<usize>>,
    pub(crate) targets: Vec<Target>,
    pub(crate) weights: Vec<RowWeight>,
}

/// Two documents and a short one, a target for each token but the last ones and one that nothing hangs on.
pub(crate) fn case(json: &str) -> Case {
    let config = ModelConfig::from_json(json.as_bytes(), "config.json").expect("a configuration");
    // norms that are not all one
    let masters = Tensors::new(&config, |param, values| {
        initial_values(&config, param, 3, 0, values);
        if matches!(param.shape, smollm_model::Shape::Vector(_)) {
            values.iter_mut().enumerate().for_each(|(i, value)| *value += 0.1 * (i % 5) as f32 - 0.2);
        }
    });
    let vocab = config.vocab_size as u32;
    let tokens: Vec<u32> = (0..17).map(|i| (i * i + 3 * i) % vocab).collect();
    let documents = vec![0..7, 7..8, 8..17];
    let rows = documents.iter().flat_map(|document| document.start..document.end - 1);
    let targets: Vec<Target> = rows.map(|row| Target { row, id: tokens[row + 1] }).collect();
    let weight = |i: usize| RowWeight {
        target: if i == 4 { 0.0 } else { 0.1 + 0.05 * (i % 3) as f32 - if i % 4 == 3 { 0.3 } else { 0.0 } },
        squared_log_z: if i.is_multiple_of(2) { 0.01 } else { 0.0 },
    };
    let weights = (0..targets.len()).map(weight).collect();
    Case { config, masters, tokens, documents, targets, weights }
}

pub(crate) fn cpus() -> impl Iterator<Item = Cpu> {
    Cpu::available_isas().into_iter().enumerate().map(|(i, isa)| Cpu::with_isa(isa, 1 + i % 3).expect("available"))
}

/// Each row with the types of products.
pub(crate) fn cpus_and_types() -> impl Iterator<Item = (Cpu, Dtype)> {
    cpus().zip(std::iter::repeat(Dtype::F32)).chain(cpus().zip(std::iter::repeat(Dtype::BF16)))
}

pub(crate) fn apart(a: &[f32], b: &[f64]) -> f64 {
    let difference: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum();
    (difference / b.iter().map(|b| b * b).sum::<f64>()).sqrt()
}

/// The cosine of the angle between two tensors.
pub(crate) fn cosine(a: &[f32], b: &[f64]) -> f64 {
    let sum = |of: fn(f64, f64) -> f64| a.iter().zip(b).map(|(a, b)| of(f64::from(*a), *b)).sum::<f64>();
    sum(|a, b| a * b) / (sum(|a, _| a * a) * sum(|_, b| b * b)).sqrt()
}

/// A loss that hangs on log-probabilities and logarithms of denominators as `weights` says.
pub(crate) fn loss(weights: &[RowWeight], log_probs: Vec<[f64; 2]>) -> f64 {
    let one = |([log_prob, log_z], weight): ([f64; 2], &RowWeight)| {
        f64::from(weight.squared_log_z) * log_z * log_z - f64::from(weight.target) * log_prob
    };
    log_probs.into_iter().zip(weights).map(one).sum()
}

/// The numbers of tensors, in f64.
pub(crate) fn wide(tensors: &Tensors) -> Vec<Vec<f64>> {
    tensors.iter().map(|(_, values)| values.iter().map(|x| f64::from(*x)).collect()).collect()
}
