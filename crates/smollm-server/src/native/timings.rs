//! llama-server's `timings` and `prompt_progress`: how long the parts of an answer took, and how far its prompt has been read.

use serde::Serialize;
use smollm_engine::Timings;
use std::time::Instant;
use utoipa::ToSchema;

/// How long an answer took, by part. Rates are 0 where nothing was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct SpokenTimings {
    /// Prompt tokens that were in the cache already.
    cache_n: usize,
    /// Prompt tokens computed, and how long until the first token of the answer.
    prompt_n: usize,
    prompt_ms: f64,
    prompt_per_token_ms: f64,
    prompt_per_second: f64,
    /// Tokens of the answer.
    predicted_n: usize,
    /// Of those after the first, which comes with the prompt.
    predicted_ms: f64,
    predicted_per_token_ms: f64,
    predicted_per_second: f64,
}

impl SpokenTimings {
    /// Of an answer with so many tokens.
    pub(crate) fn new(timings: &Timings, predicted_n: usize) -> Self {
        let (prompt_ms, predicted_ms) = (1e3 * timings.prefill_s, 1e3 * timings.decode_s);
        let (prompt_per_token_ms, prompt_per_second) = rates(timings.prefill_tokens, prompt_ms);
        let (predicted_per_token_ms, predicted_per_second) = rates(timings.decode_tokens, predicted_ms);
        Self {
            cache_n: timings.cached_tokens,
            prompt_n: timings.prefill_tokens,
            prompt_ms,
            prompt_per_token_ms,
            prompt_per_second,
            predicted_n,
            predicted_ms,
            predicted_per_token_ms,
            predicted_per_second,
        }
    }
}

/// Milliseconds of a token, and tokens in a second.
fn rates(tokens: usize, ms: f64) -> (f64, f64) {
    if tokens == 0 || ms <= 0.0 { (0.0, 0.0) } else { (ms / tokens as f64, 1e3 / ms * tokens as f64) }
}

/// How far a prompt has been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct Progress {
    /// Tokens of the prompt.
    pub(crate) total: usize,
    /// Of those, found in the cache.
    pub(crate) cache: usize,
    /// Read or found in the cache.
    pub(crate) processed: usize,
    /// Since the request was taken.
    pub(crate) time_ms: f64,
}

/// The times of an answer that is under way, as far as the server sees them; the engine tells the exact ones at the end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    taken: Instant,
    first_token: Option<Instant>,
    cached: usize,
    processed: usize,
}

impl Pace {
    /// A request that is taken now.
    pub(crate) fn start() -> Self {
        Self { taken: Instant::now(), first_token: None, cached: 0, processed: 0 }
    }

    /// So many tokens of the prompt were in the cache, and so many are now. Whoever hears of it the first time is also told how far it
    /// was at the beginning.
    pub(crate) fn read(&mut self, total: usize, cached: usize, processed: usize) -> Vec<(Progress, Timings)> {
        let begins = self.processed == 0;
        (self.cached, self.processed) = (cached, processed);
        let start = Progress { total, cache: cached, processed: cached, time_ms: 0.0 };
        let time_ms = 1e3 * self.taken.elapsed().as_secs_f64();
        let now = (Progress { total, cache: cached, processed, time_ms }, self.timings(0));
        match begins {
            true => vec![(start, Timings { cached_tokens: cached, ..Timings::default() }), now],
            false => vec![now],
        }
    }

    /// A token has come.
    pub(crate) fn token(&mut self) {
        self.first_token.get_or_insert_with(Instant::now);
    }

    /// The times so far of an answer that has so many tokens.
    pub(crate) fn timings(&self, tokens: usize) -> Timings {
        let now = Instant::now();
        let first = self.first_token.unwrap_or(now);
        Timings {
            cached_tokens: self.cached,
            prefill_tokens: self.processed - self.cached.min(self.processed),
            prefill_s: (first - self.taken).as_secs_f64(),
            decode_tokens: tokens.saturating_sub(1),
            decode_s: (now - first).as_secs_f64(),
            ..Timings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_leave_out_the_first_token_and_are_never_infinite() {
        let timings =
            Timings { prefill_tokens: 4, prefill_s: 0.5, decode_tokens: 15, decode_s: 2.0, ..Timings::default() };
        let spoken = SpokenTimings::new(&timings, 16);
        assert_eq!((spoken.prompt_per_token_ms, spoken.prompt_per_second), (125.0, 8.0));
        assert_eq!((spoken.predicted_n, spoken.predicted_ms, spoken.predicted_per_second), (16, 2000.0, 7.5));
        let nothing = SpokenTimings::new(&Timings::default(), 1);
        assert_eq!(nothing, SpokenTimings { predicted_n: 1, ..SpokenTimings::default() });
    }

    #[test]
    fn progress_begins_with_what_was_in_the_cache() {
        let mut pace = Pace::start();
        let first = pace.read(100, 16, 60);
        assert_eq!(first[0].0, Progress { total: 100, cache: 16, processed: 16, time_ms: 0.0 });
        assert_eq!((first[0].1.prefill_tokens, first[0].1.prefill_s), (0, 0.0));
        assert_eq!((first.len(), first[1].0.processed, first[1].1.prefill_tokens), (2, 60, 44));
        assert_eq!(pace.read(100, 16, 100).len(), 1);
    }
}
