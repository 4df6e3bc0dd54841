//! What the measuring programs print, each in its own JSON, turned into samples.

use anyhow::{Context, Result};
use serde_json::Value;

use super::decision::{Sample, median};

/// Finds a sample in one JSON line.
pub(crate) type Read = fn(&Value) -> Option<Sample>;

/// The sample in what a program printed: its last line of JSON, as `read` understands it.
pub(crate) fn sample(output: &str, read: Read) -> Result<Sample> {
    let line = output.lines().rev().find(|line| line.starts_with('{')).context("it printed no JSON")?;
    let value: Value = serde_json::from_str(line).context("it printed broken JSON")?;
    let sample = read(&value).with_context(|| format!("its JSON holds no result: {line}"))?;
    anyhow::ensure!(sample.value.is_finite() && sample.value > 0.0, "it measured {}", sample.value);
    Ok(sample)
}

/// `smollm bench --json`, and the scripts that print the same: tokens/s of the only result.
pub(crate) fn bench(value: &Value) -> Option<Sample> {
    let [result] = value["results"].as_array()?.as_slice() else { return None };
    Some(Sample { value: result["tokens_per_s"]["median"].as_f64()?, roof_share: result["roof_share"].as_f64() })
}

/// `llama-bench -o jsonl`: tokens/s.
pub(crate) fn llama_bench(value: &Value) -> Option<Sample> {
    let samples = value["samples_ts"].as_array()?.iter().filter_map(Value::as_f64);
    Some(Sample { value: median(samples)?, roof_share: None })
}

/// `llama-batched-bench --output-format jsonl`: generated tokens/s of all sequences.
pub(crate) fn llama_batched_bench(value: &Value) -> Option<Sample> {
    Some(Sample { value: value["speed_tg"].as_f64()?, roof_share: None })
}

/// `reference/launch_cost.py`: milliseconds to the first output.
pub(crate) fn first_output(value: &Value) -> Option<Sample> {
    Some(Sample { value: value["first_output_s"].as_f64()? * 1e3, roof_share: None })
}

/// `reference/launch_cost.py`: megabytes of memory.
pub(crate) fn peak_memory(value: &Value) -> Option<Sample> {
    Some(Sample { value: value["peak_rss_bytes"].as_f64()? * 1e-6, roof_share: None })
}

#[cfg(test)]
mod tests;
