//! What to do where the user asks for nothing: `generation_config.json`, then the values of the model cards.
//!
//! The command line and the API share these rules:
//! 1. `do_sample: false` in `generation_config.json` is greedy; `do_sample: true` takes its temperature, top_p, ... with
//!    `transformers`' defaults (1.0, 1.0, top_k 50) for what it leaves out.
//! 2. Where it says nothing about sampling (SmolLM2's has only token ids): a model without a chat template is a base model
//!    and is continued greedily, as its card does; SmolLM3 samples at temperature 0.6, top_p 0.95; every other chat model
//!    at temperature 0.2, top_p 0.9. `transformers` keeps its top_k of 50 in both, and so do we.

use serde_json::Value;
use smollm_engine::SamplingParams;
use smollm_model::Architecture;

/// A model's own sampling settings and where they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Defaults {
    /// The settings; the seed is chosen per request.
    pub sampling: SamplingParams,
    /// "generation_config.json", "model card" or "base model (greedy)".
    pub source: &'static str,
}

/// Keys that say something about sampling.
const SAMPLING_KEYS: [&str; 6] = ["do_sample", "temperature", "top_k", "top_p", "min_p", "repetition_penalty"];

impl Defaults {
    /// By the rules at the head of this file.
    pub fn new(generation_config: Option<&Value>, architecture: Architecture, has_template: bool) -> Self {
        let greedy = SamplingParams::default();
        if let Some(config) = generation_config.filter(|c| SAMPLING_KEYS.iter().any(|key| !c[*key].is_null())) {
            return Self { sampling: from_generation_config(config), source: "generation_config.json" };
        }
        if !has_template {
            return Self { sampling: greedy, source: "base model (greedy)" };
        }
        let (temperature, top_p) = match architecture {
            Architecture::SmolLm3 => (0.6, 0.95),
            Architecture::Llama => (0.2, 0.9),
        };
        let sampling = SamplingParams { temperature, top_p, top_k: 50, ..greedy };
        Self { sampling, source: "model card" }
    }
}

fn from_generation_config(config: &Value) -> SamplingParams {
    let number = |key: &str, default: f32| config[key].as_f64().map_or(default, |v| v as f32);
    let repetition_penalty = number("repetition_penalty", 1.0);
    if config["do_sample"].as_bool() != Some(true) {
        return SamplingParams { repetition_penalty, ..SamplingParams::default() };
    }
    SamplingParams {
        temperature: number("temperature", 1.0),
        top_k: config["top_k"].as_u64().map_or(50, |k| k as usize),
        top_p: number("top_p", 1.0),
        min_p: number("min_p", 0.0),
        repetition_penalty,
        ..SamplingParams::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_rules_in_order() {
        let get = |config: Option<Value>, architecture, template| {
            let d = Defaults::new(config.as_ref(), architecture, template);
            (d.sampling.temperature, d.sampling.top_k, d.sampling.top_p, d.source)
        };
        let llama = Architecture::Llama;
        let ids = || Some(json!({"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}));
        assert_eq!(get(ids(), llama, true), (0.2, 50, 0.9, "model card"));
        assert_eq!(get(ids(), llama, false), (0.0, 0, 1.0, "base model (greedy)"));
        assert_eq!(get(None, Architecture::SmolLm3, true), (0.6, 50, 0.95, "model card"));
        let sampled = json!({"do_sample": true, "temperature": 0.7});
        assert_eq!(get(Some(sampled), llama, false), (0.7, 50, 1.0, "generation_config.json"));
        // transformers ignores a temperature when do_sample is not on
        let ignored = json!({"temperature": 0.7});
        assert_eq!(get(Some(ignored), llama, true), (0.0, 0, 1.0, "generation_config.json"));
    }
}
