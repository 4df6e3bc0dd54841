//! llama-server's metrics: of all models together and without labels, as it has them.

use super::exposition::{Subject, describe};
use std::fmt::Write;

/// What all models together have done and are doing.
#[derive(Debug, Default)]
struct Total {
    prompt_tokens: u64,
    cached_tokens: u64,
    prompt_seconds: f64,
    generated_tokens: u64,
    generated_seconds: f64,
    steps: u64,
    sequence_steps: u64,
    longest: usize,
    drafts: u64,
    drafted_tokens: u64,
    accepted_tokens: u64,
    running: usize,
    waiting: usize,
}

type Number = (&'static str, &'static str, &'static str, fn(&Total) -> f64);

/// Name, type, help, and where the number is found.
const NUMBERS: &[Number] = &[
    ("llamacpp:prompt_tokens_total", "counter", "Prompt tokens computed.", |t| t.prompt_tokens as f64),
    ("llamacpp:prompt_tokens_cached_total", "counter", "Prompt tokens found in the cache.", |t| t.cached_tokens as f64),
    ("llamacpp:prompt_seconds_total", "counter", "Seconds of prompts.", |t| t.prompt_seconds),
    ("llamacpp:tokens_predicted_total", "counter", "Tokens generated.", |t| t.generated_tokens as f64),
    ("llamacpp:tokens_predicted_seconds_total", "counter", "Seconds of answers.", |t| t.generated_seconds),
    ("llamacpp:n_decode_total", "counter", "Forward passes.", |t| t.steps as f64),
    ("llamacpp:n_tokens_max", "counter", "Tokens of the longest prompt and answer.", |t| t.longest as f64),
    ("llamacpp:spec_decode_num_drafts_total", "counter", "How often tokens were guessed.", |t| t.drafts as f64),
    ("llamacpp:spec_decode_num_draft_tokens_total", "counter", "Guessed tokens that were verified.", |t| {
        t.drafted_tokens as f64
    }),
    ("llamacpp:spec_decode_num_accepted_tokens_total", "counter", "Guessed tokens that were right.", |t| {
        t.accepted_tokens as f64
    }),
    ("llamacpp:prompt_tokens_seconds", "gauge", "Prompt tokens in a second of prompts.", |t| {
        rate(t.prompt_tokens as f64, t.prompt_seconds)
    }),
    ("llamacpp:predicted_tokens_seconds", "gauge", "Generated tokens in a second of answers.", |t| {
        rate(t.generated_tokens as f64, t.generated_seconds)
    }),
    ("llamacpp:requests_processing", "gauge", "Sequences that run.", |t| t.running as f64),
    ("llamacpp:requests_deferred", "gauge", "Sequences that wait.", |t| t.waiting as f64),
    ("llamacpp:n_busy_slots_per_decode", "gauge", "Sequences in a forward pass, on average.", |t| {
        rate(t.sequence_steps as f64, t.steps as f64)
    }),
];

/// Appends the numbers of all loaded models.
pub(super) fn llama_server(subjects: &[Subject<'_>], out: &mut String) {
    let mut total = Total::default();
    for Subject { stats, metrics, .. } in subjects {
        let measured = metrics.lock();
        total.prompt_tokens += stats.prompt_tokens;
        total.cached_tokens += stats.prompt_tokens_cached;
        total.prompt_seconds += measured.prompt_seconds;
        total.generated_tokens += stats.generated_tokens;
        total.generated_seconds += measured.generated_seconds;
        total.steps += stats.steps;
        total.sequence_steps += stats.sequence_steps;
        total.longest = total.longest.max(measured.longest);
        total.drafts += stats.drafts;
        total.drafted_tokens += stats.drafted_tokens;
        total.accepted_tokens += stats.accepted_tokens;
        total.running += stats.running;
        total.waiting += stats.waiting;
    }
    for (name, kind, help, number) in NUMBERS {
        describe(name, kind, help, out);
        let _ = writeln!(out, "{name} {}", number(&total)); // writing to a string cannot fail
    }
}

fn rate(count: f64, per: f64) -> f64 {
    if per > 0.0 { count / per } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ModelMetrics;
    use smollm_engine::EngineStats;

    #[test]
    fn models_are_added_up_and_rates_are_of_their_sums() {
        let metrics = ModelMetrics::default();
        metrics.lock().prompt_seconds = 2.0;
        let stats = |prompt_tokens, steps| EngineStats { prompt_tokens, steps, ..EngineStats::default() };
        let subject = |stats| Subject { name: "a", stats, metrics: &metrics };
        let mut text = String::new();
        llama_server(&[subject(stats(10, 1)), subject(stats(30, 2))], &mut text);
        for line in
            ["llamacpp:prompt_tokens_total 40", "llamacpp:prompt_tokens_seconds 10", "llamacpp:n_decode_total 3"]
        {
            assert!(text.lines().any(|l| l == line), "{line} in {text}");
        }
    }
}
