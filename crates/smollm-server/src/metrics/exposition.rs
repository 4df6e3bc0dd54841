//! The text that Prometheus reads (exposition format 0.0.4): vLLM's names and our own, and after them llama-server's.

use super::llama_server::llama_server;
use super::{Measured, ModelMetrics};
use smollm_engine::EngineStats;
use std::fmt::Write;

/// One loaded model: its name, its engine's numbers, and what was measured at its requests.
pub(crate) struct Subject<'a> {
    pub(crate) name: &'a str,
    pub(crate) stats: EngineStats,
    pub(crate) metrics: &'a ModelMetrics,
}

/// A number of one model.
type Number = (&'static str, &'static str, &'static str, fn(&EngineStats, &Measured) -> f64);

/// Name, type, help, and where the number is found.
const NUMBERS: &[Number] = &[
    ("vllm:num_requests_running", "gauge", "Sequences that run.", |s, _| s.running as f64),
    ("vllm:num_requests_waiting", "gauge", "Sequences that wait.", |s, _| s.waiting as f64),
    ("vllm:kv_cache_usage_perc", "gauge", "Share of the cache that sequences hold; 1 is all of it.", |s, _| usage(s)),
    ("vllm:prefix_cache_queries_total", "counter", "Prompt tokens that were looked up in the prefix cache.", |s, _| {
        s.prompt_tokens_finished as f64
    }),
    ("vllm:prefix_cache_hits_total", "counter", "Prompt tokens that were found there.", |s, _| {
        s.prompt_tokens_cached as f64
    }),
    ("vllm:num_preemptions_total", "counter", "How often a sequence gave its blocks back.", |s, _| {
        s.preemptions as f64
    }),
    ("vllm:prompt_tokens_total", "counter", "Prompt tokens computed.", |s, _| s.prompt_tokens as f64),
    ("vllm:generation_tokens_total", "counter", "Tokens generated.", |s, _| s.generated_tokens as f64),
    ("vllm:spec_decode_num_draft_tokens_total", "counter", "Guessed tokens that were verified.", |s, _| {
        s.drafted_tokens as f64
    }),
    ("vllm:spec_decode_num_accepted_tokens_total", "counter", "Guessed tokens that were right.", |s, _| {
        s.accepted_tokens as f64
    }),
    ("smollm:steps_abandoned_total", "counter", "Passes given up for a cancelled request.", |s, _| {
        s.abandoned_steps as f64
    }),
    ("smollm:engine_busy_seconds_total", "counter", "Seconds of forward passes.", |s, _| s.busy_s),
    ("smollm:requests_failed_total", "counter", "Requests that failed.", |s, _| s.failed as f64),
];

/// A histogram of one model.
type Distribution = (&'static str, &'static str, fn(&Measured) -> &super::Histogram);

const DISTRIBUTIONS: &[Distribution] = &[
    ("vllm:time_to_first_token_seconds", "Time to the first token.", |m| &m.first_token_s),
    ("vllm:inter_token_latency_seconds", "Time between tokens.", |m| &m.inter_token_s),
    ("vllm:request_time_per_output_token_seconds", "Mean time of a request's tokens.", |m| &m.per_output_token_s),
    ("vllm:e2e_request_latency_seconds", "Time of whole requests.", |m| &m.request_s),
    ("vllm:request_queue_time_seconds", "Time in the queue.", |m| &m.queue_s),
    ("vllm:request_prefill_time_seconds", "Time of prompts.", |m| &m.prefill_s),
    ("vllm:request_decode_time_seconds", "Time of answers.", |m| &m.decode_s),
    ("vllm:request_inference_time_seconds", "Time of prompts and answers.", |m| &m.inference_s),
    ("vllm:request_prompt_tokens", "Tokens of prompts.", |m| &m.prompt_tokens),
    ("vllm:request_generation_tokens", "Tokens of answers.", |m| &m.generated_tokens),
    ("vllm:request_params_max_tokens", "What requests asked for as max_tokens.", |m| &m.max_tokens),
    ("vllm:request_params_n", "What requests asked for as n.", |m| &m.choices),
];

const SUCCESS: &str = "vllm:request_success_total";

/// All numbers of all loaded models.
pub(crate) fn exposition(subjects: &[Subject<'_>]) -> String {
    let mut out = String::new();
    let labels: Vec<String> =
        subjects.iter().map(|s| format!("model_name=\"{}\",engine=\"0\"", escape(s.name))).collect();
    let each = || subjects.iter().zip(&labels);
    for (name, kind, help, number) in NUMBERS {
        describe(name, kind, help, &mut out);
        for (subject, labels) in each() {
            // writing to a string cannot fail
            let _ = writeln!(out, "{name}{{{labels}}} {}", number(&subject.stats, &subject.metrics.lock()));
        }
    }
    describe(SUCCESS, "counter", "Answers that ended, by why.", &mut out);
    for (subject, labels) in each() {
        let counts = {
            let measured = subject.metrics.lock();
            [("stop", measured.stop), ("length", measured.length), ("abort", measured.abort)]
        };
        for (reason, count) in counts {
            let _ = writeln!(out, "{SUCCESS}{{{labels},finished_reason=\"{reason}\"}} {count}");
        }
    }
    for (name, help, histogram) in DISTRIBUTIONS {
        describe(name, "histogram", help, &mut out);
        for (subject, labels) in each() {
            histogram(&subject.metrics.lock()).write(name, labels, &mut out);
        }
    }
    llama_server(subjects, &mut out);
    out
}

pub(super) fn describe(name: &str, kind: &str, help: &str, out: &mut String) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn usage(stats: &EngineStats) -> f64 {
    if stats.blocks == 0 { 0.0 } else { 1.0 - stats.blocks_free as f64 / stats.blocks as f64 }
}

/// A label's value.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_described_and_labels_are_escaped() {
        let metrics = ModelMetrics::default();
        let stats = EngineStats { blocks: 4, blocks_free: 3, ..EngineStats::default() };
        let text = exposition(&[Subject { name: "a\"b", stats, metrics: &metrics }]);
        assert!(text.contains("vllm:kv_cache_usage_perc{model_name=\"a\\\"b\",engine=\"0\"} 0.25\n"), "{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().expect("a name");
            let stem = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            let described = [name, stem].iter().any(|name| text.contains(&format!("# TYPE {name} ")));
            assert!(described, "{line}");
        }
    }
}
