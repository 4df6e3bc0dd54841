//! What Prometheus is told: counters of the engine, and histograms of what clients waited for.

mod exposition;
mod histogram;
mod llama_server;

use histogram::Histogram;
use smollm_engine::{Submission, Timings};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub(crate) use exposition::{Subject, exposition};

/// vLLM's buckets (vllm/v1/metrics/loggers.py).
const FIRST_TOKEN_S: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
    160.0, 640.0, 2560.0,
];
const NEXT_TOKEN_S: &[f64] =
    &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0];
const REQUEST_S: &[f64] = &[
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0,
    1920.0, 7680.0,
];
const TOKENS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0];
const CHOICES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0];

/// What was measured at requests to one model.
#[derive(Debug)]
pub(crate) struct ModelMetrics(Mutex<Measured>);

#[derive(Debug)]
struct Measured {
    first_token_s: Histogram,
    inter_token_s: Histogram,
    per_output_token_s: Histogram,
    request_s: Histogram,
    queue_s: Histogram,
    prefill_s: Histogram,
    decode_s: Histogram,
    inference_s: Histogram,
    prompt_tokens: Histogram,
    generated_tokens: Histogram,
    max_tokens: Histogram,
    choices: Histogram,
    /// Seconds of prompts and of answers, summed over requests: llama-server's counters.
    prompt_seconds: f64,
    generated_seconds: f64,
    /// Tokens of the longest prompt and answer together.
    longest: usize,
    /// Answers that ended, by why.
    stop: u64,
    length: u64,
    abort: u64,
}

/// Measures one request until it ends; dropped before that, it counts as given up, unless the engine never took it.
#[derive(Debug)]
pub(crate) struct Watch {
    metrics: Arc<ModelMetrics>,
    start: Instant,
    /// When each choice got its last token.
    last_token: Vec<Option<Instant>>,
    prompt: usize,
    max_tokens: Option<usize>,
    /// Choices that have not ended for the client.
    open: usize,
    /// Whether the engine has taken it.
    taken: bool,
}

impl Watch {
    pub(crate) fn start(metrics: Arc<ModelMetrics>, submission: &Submission) -> Self {
        Self {
            metrics,
            start: Instant::now(),
            last_token: vec![None; submission.choices],
            prompt: submission.prompt.len(),
            max_tokens: submission.request.max_tokens,
            open: submission.choices,
            taken: false,
        }
    }

    /// The engine has taken the request: from now on it counts.
    pub(crate) fn taken(&mut self) {
        self.taken = true;
    }

    /// A choice has a token more.
    pub(crate) fn token(&mut self, choice: usize) {
        let now = Instant::now();
        let Some(last) = self.last_token.get_mut(choice) else { return };
        let before = last.replace(now);
        let mut measured = self.metrics.lock();
        match before {
            Some(before) => measured.inter_token_s.observe((now - before).as_secs_f64()),
            None if choice == 0 => measured.first_token_s.observe((now - self.start).as_secs_f64()),
            None => {}
        }
    }

    /// A choice has ended for the client, with so many tokens.
    pub(crate) fn ended(&mut self, tokens: usize, reason: &str) {
        self.open = self.open.saturating_sub(1);
        let mut measured = self.metrics.lock();
        measured.generated_tokens.observe(tokens as f64);
        measured.longest = measured.longest.max(self.prompt + tokens);
        match reason {
            "length" => measured.length += 1,
            _ => measured.stop += 1,
        }
        if self.open == 0 {
            measured.request_s.observe(self.start.elapsed().as_secs_f64());
            measured.prompt_tokens.observe(self.prompt as f64);
            measured.choices.observe(self.last_token.len() as f64);
            if let Some(max) = self.max_tokens.filter(|&max| max < usize::MAX) {
                measured.max_tokens.observe(max as f64);
            }
        }
    }

    /// The engine has finished with a choice.
    pub(crate) fn finished(&mut self, choice: usize, timings: &Timings) {
        let mut measured = self.metrics.lock();
        measured.decode_s.observe(timings.decode_s);
        measured.generated_seconds += timings.decode_s;
        if timings.decode_tokens > 0 {
            measured.per_output_token_s.observe(timings.decode_s / timings.decode_tokens as f64);
        }
        if choice == 0 {
            measured.prompt_seconds += timings.prefill_s;
            measured.queue_s.observe(timings.queued_s);
            measured.prefill_s.observe(timings.prefill_s);
            measured.inference_s.observe(timings.prefill_s + timings.decode_s);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.taken {
            self.metrics.lock().abort += self.open as u64;
        }
    }
}

impl Default for ModelMetrics {
    fn default() -> Self {
        Self(Mutex::new(Measured {
            first_token_s: Histogram::new(FIRST_TOKEN_S),
            inter_token_s: Histogram::new(NEXT_TOKEN_S),
            per_output_token_s: Histogram::new(NEXT_TOKEN_S),
            request_s: Histogram::new(REQUEST_S),
            queue_s: Histogram::new(REQUEST_S),
            prefill_s: Histogram::new(REQUEST_S),
            decode_s: Histogram::new(REQUEST_S),
            inference_s: Histogram::new(REQUEST_S),
            prompt_tokens: Histogram::new(TOKENS),
            generated_tokens: Histogram::new(TOKENS),
            max_tokens: Histogram::new(TOKENS),
            choices: Histogram::new(CHOICES),
            prompt_seconds: 0.0,
            generated_seconds: 0.0,
            longest: 0,
            stop: 0,
            length: 0,
            abort: 0,
        }))
    }
}

impl ModelMetrics {
    /// The lock; a panic elsewhere leaves whole numbers behind.
    fn lock(&self) -> MutexGuard<'_, Measured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
