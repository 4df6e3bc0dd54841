//! What to do where the user asks for nothing: `generation_config.json`, then the values of the model cards.
//!
//! The command line and the API share these rules:
//! 1. `do_sample: false` in `generation_config.json` is greedy; `do_sample: true` takes its temperature, top_p, ... with
//!    `transformers`' defaults (1.0, 1.0, top_k 50) for what it leaves out; `null` turns a filter off.
//! 2. Where it says nothing about sampling (SmolLM2's has only token ids): a model without a chat template is a base model
//!    and is continued greedily, as its card does; SmolLM3 samples at temperature 0.6, top_p 0.95; every other chat model
//!    at temperature 0.2, top_p 0.9. `transformers` keeps its top_k of 50 in both, and so do we.
//! 3. `max_new_tokens` of `generation_config.json` is the limit of an answer.

use serde_json::Value;
use smollm_engine::SamplingParams;
use smollm_model::Architecture;
use std::fmt;

/// A model's own settings and where they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Defaults {
    /// How tokens are chosen; the seed is chosen per request.
    pub sampling: SamplingParams,
    /// "generation_config.json", "model card" or "base model (greedy)".
    pub source: &'static str,
    /// At most this many tokens in an answer.
    pub max_tokens: Option<usize>,
}

/// Keys that say something about sampling.
const SAMPLING_KEYS: [&str; 6] = ["do_sample", "temperature", "top_k", "top_p", "min_p", "repetition_penalty"];

impl Defaults {
    /// By the rules at the head of this file. An error says which key cannot be meant.
    pub(crate) fn new(
        generation_config: Option<&Value>,
        architecture: Architecture,
        has_template: bool,
    ) -> Result<Self, String> {
        let max_tokens = match generation_config.and_then(|c| c.get("max_new_tokens")) {
            None | Some(Value::Null) => None,
            Some(value) => Some(whole("max_new_tokens", value)?),
        };
        let greedy = SamplingParams::default();
        if let Some(config) = generation_config.filter(|c| SAMPLING_KEYS.iter().any(|key| !c[*key].is_null())) {
            let sampling = from_generation_config(config)?;
            sampling.validate(usize::MAX).map_err(|error| error.to_string())?;
            return Ok(Self { sampling, source: "generation_config.json", max_tokens });
        }
        if !has_template {
            return Ok(Self { sampling: greedy, source: "base model (greedy)", max_tokens });
        }
        let (temperature, top_p) = match architecture {
            Architecture::SmolLm3 => (0.6, 0.95),
            Architecture::Llama => (0.2, 0.9),
        };
        let sampling = SamplingParams { temperature, top_p, top_k: 50, ..greedy };
        Ok(Self { sampling, source: "model card", max_tokens })
    }
}

fn from_generation_config(config: &Value) -> Result<SamplingParams, String> {
    // `null` is Python's None, which turns a filter off
    let number = |key: &str, absent: f32, off: f32| match config.get(key) {
        None => Ok(absent),
        Some(Value::Null) => Ok(off),
        Some(value) => {
            value.as_f64().map(|v| v as f32).ok_or_else(|| format!("`{key}` is {value}; it must be a number"))
        }
    };
    let repetition_penalty = number("repetition_penalty", 1.0, 1.0)?;
    let samples = match config.get("do_sample") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(samples)) => *samples,
        Some(other) => return Err(format!("`do_sample` is {other}; it must be true or false")),
    };
    if !samples {
        // transformers ignores the rest, whatever it is
        return Ok(SamplingParams { repetition_penalty, ..SamplingParams::default() });
    }
    Ok(SamplingParams {
        temperature: number("temperature", 1.0, 1.0)?,
        top_k: match config.get("top_k") {
            None => 50,
            Some(Value::Null) => 0,
            Some(value) => whole("top_k", value)?,
        },
        top_p: number("top_p", 1.0, 1.0)?,
        min_p: number("min_p", 0.0, 0.0)?,
        repetition_penalty,
        ..SamplingParams::default()
    })
}

fn whole(key: &str, value: &Value) -> Result<usize, String> {
    let number = value.as_u64().and_then(|n| usize::try_from(n).ok());
    number.ok_or_else(|| format!("`{key}` is {value}; it must be a whole number >= 0"))
}

impl fmt::Display for Defaults {
    /// What applies and where it comes from, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p, off) = (&self.sampling, SamplingParams::default());
        match p.temperature {
            0.0 => write!(f, "greedy")?,
            t => write!(f, "temperature {t}, top_p {}, top_k {}", p.top_p, p.top_k)?,
        }
        if p.temperature > 0.0 && p.min_p != off.min_p {
            write!(f, ", min_p {}", p.min_p)?;
        }
        if p.repetition_penalty != off.repetition_penalty {
            write!(f, ", repetition_penalty {}", p.repetition_penalty)?;
        }
        if let Some(max) = self.max_tokens {
            write!(f, ", at most {max} tokens")?;
        }
        write!(f, " ({})", self.source)
    }
}

#[cfg(test)]
mod tests;
