//! What Prometheus is told: counters of the engine, and histograms of what clients waited for.

mod exposition;
mod histogram;

use histogram::Histogram;
use smollm_engine::{Event, FinishReason, Submission, Timings};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub(crate) use exposition::{Subject, exposition};

/// vLLM's buckets (vllm/v1/metrics/loggers.py).
const FIRST_TOKEN_S: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0,
    640.0, 2560.0,
];
const NEXT_TOKEN_S: &[f64] = &[
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
];
const REQUEST_S: &[f64] = &[
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0,
    7680.0,
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
}

/// What is remembered of a request until it ends.
#[derive(Debug)]
pub(crate) struct RequestClock {
    start: Instant,
    /// When each choice got its last token.
    last_token: Vec<Option<Instant>>,
    generated: Vec<usize>,
    prompt: usize,
    max_tokens: Option<usize>,
}

impl RequestClock {
    pub(crate) fn start(submission: &Submission) -> Self {
        let choices = submission.choices;
        Self {
            start: Instant::now(),
            last_token: vec![None; choices],
            generated: vec![0; choices],
            prompt: submission.prompt.len(),
            max_tokens: submission.request.max_tokens,
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
        }))
    }
}

impl ModelMetrics {
    /// Takes note of an event on its way to the client.
    pub(crate) fn hear(&self, clock: &mut RequestClock, event: &Event) {
        match event {
            Event::Token { choice, .. } => self.token(clock, *choice),
            Event::Finished { choice, reason, timings } => self.finished(clock, *choice, *reason, timings),
            Event::Prefill { .. } | Event::PromptTokens(_) | Event::Failed(_) => {}
        }
    }

    fn token(&self, clock: &mut RequestClock, choice: usize) {
        let now = Instant::now();
        let Some(last) = clock.last_token.get_mut(choice) else { return };
        let before = last.replace(now);
        clock.generated[choice] += 1;
        let mut measured = self.lock();
        match before {
            Some(before) => measured.inter_token_s.observe((now - before).as_secs_f64()),
            None if choice == 0 => measured.first_token_s.observe((now - clock.start).as_secs_f64()),
            None => {}
        }
    }

    fn finished(&self, clock: &RequestClock, choice: usize, reason: FinishReason, timings: &Timings) {
        if reason == FinishReason::Cancelled {
            return;
        }
        let generated = clock.generated.get(choice).copied().unwrap_or_default();
        let mut measured = self.lock();
        measured.generated_tokens.observe(generated as f64);
        measured.decode_s.observe(timings.decode_s);
        measured.generated_seconds += timings.decode_s;
        if timings.decode_tokens > 0 {
            measured.per_output_token_s.observe(timings.decode_s / timings.decode_tokens as f64);
        }
        if choice == 0 {
            measured.prompt_seconds += timings.prefill_s;
            measured.request_s.observe(clock.start.elapsed().as_secs_f64());
            measured.queue_s.observe(timings.queued_s);
            measured.prefill_s.observe(timings.prefill_s);
            measured.inference_s.observe(timings.prefill_s + timings.decode_s);
            measured.prompt_tokens.observe(clock.prompt as f64);
            measured.choices.observe(clock.generated.len() as f64);
            if let Some(max) = clock.max_tokens {
                measured.max_tokens.observe(max as f64);
            }
        }
    }

    /// The lock; a panic elsewhere leaves whole numbers behind.
    fn lock(&self) -> MutexGuard<'_, Measured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
