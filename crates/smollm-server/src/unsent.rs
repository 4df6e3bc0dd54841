//! How much of answers lies in memory because it has not gone out yet: bounded for all requests together, and for each.
//!
//! The engine does not wait for clients. What it says waits for a slow reader of a stream, or for the end of an answer that is told at
//! once; with log-probabilities of many alternatives that is much more than the text.

use crate::error::ApiError;
use axum::http::StatusCode;
use smollm_engine::{Event, Token};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// What one request may have of the whole: one part of so many.
const PARTS: usize = 4;
/// Bytes of an event or a token by itself, and of an alternative to it: as the engine says it, in the words of an endpoint, and in JSON.
const TOKEN: usize = 128;
const ALTERNATIVE: usize = 200;
/// Bytes of an answer that takes long to put into words.
const LARGE: usize = 1 << 20;
/// Bytes of a number of a vector.
const NUMBER: usize = 16;

/// The bound for all requests.
#[derive(Debug)]
pub(crate) struct Unsent {
    most: usize,
    bytes: AtomicUsize,
}

/// What one request has of it, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    all: Arc<Unsent>,
    bytes: AtomicUsize,
    /// Which bound was passed, as a number: 0 for none.
    passed: AtomicU8,
}

/// The two bounds.
const ITS_OWN: u8 = 1;
const OF_ALL: u8 = 2;

impl Unsent {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, bytes: AtomicUsize::new(0) })
    }

    /// For a new request.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share { all: self.clone(), bytes: AtomicUsize::new(0), passed: AtomicU8::new(0) }
    }
}

impl Share {
    /// Counts an event that waits from now on; `false` if there is no room for it, or was none before.
    pub(crate) fn add(&self, event: &Event) -> bool {
        if self.passed.load(Ordering::Relaxed) != 0 {
            return false; // something is missing already
        }
        let bytes = weight(event);
        let own = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let all = self.all.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let passed = match (own > self.all.most / PARTS, all > self.all.most) {
            (true, _) => ITS_OWN,
            (_, true) => OF_ALL,
            _ => return true,
        };
        self.passed.store(passed, Ordering::Relaxed);
        false
    }

    /// An event has gone out.
    pub(crate) fn sent(&self, event: &Event) {
        let bytes = weight(event);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.all.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether it takes long to put into words what waits.
    pub(crate) fn is_large(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > LARGE
    }

    /// Why there was no room, if there was none.
    pub(crate) fn refusal(&self) -> Option<ApiError> {
        let most = self.all.most;
        match self.passed.load(Ordering::Relaxed) {
            ITS_OWN => Some(
                ApiError::bad(format!(
                    "the answer takes more than {} bytes before it goes out; ask for fewer tokens, choices or log-probabilities, \
                     or read the stream faster (--answer-memory)",
                    most / PARTS
                ))
                .code("answer_too_large"),
            ),
            OF_ALL => Some(ApiError {
                retry_after: Some(1),
                ..ApiError::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!("answers that have not gone out take more than {most} bytes (--answer-memory); try again later"),
                )
                .code("answers_too_large")
            }),
            _ => None,
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.bytes.fetch_sub(self.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// About how many bytes it takes to keep an event and to tell it.
fn weight(event: &Event) -> usize {
    let token = |token: &Token| TOKEN + token.top.len() * ALTERNATIVE;
    match event {
        Event::Token { token: one, .. } => token(one),
        Event::PromptTokens(tokens) => tokens.iter().map(token).sum(),
        Event::Embedding(vector) => vector.len() * NUMBER,
        Event::Prefill { .. } | Event::Finished { .. } | Event::Failed(_) => TOKEN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(alternatives: usize) -> Event {
        Event::Token { choice: 0, token: Token { id: 1, logprob: Some(-1.0), top: vec![(1, -1.0); alternatives] } }
    }

    #[test]
    fn a_request_may_have_a_part_and_gives_it_back() {
        let all = Unsent::new(4 * weight(&token(10)) * 3);
        let share = all.share();
        assert!((0..3).all(|_| share.add(&token(10))) && share.refusal().is_none());
        share.sent(&token(10));
        assert!(share.add(&token(10)));
        assert!(!share.add(&token(0)));
        share.sent(&token(10));
        assert!(!share.add(&token(0)), "what comes after a gap is of no use");
        assert_eq!(share.refusal().and_then(|error| error.code), Some("answer_too_large"));
        drop(share);
        assert_eq!(all.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn all_together_are_bounded_too() {
        let all = Unsent::new(4 * weight(&token(10)));
        let shares: Vec<Share> = (0..5).map(|_| all.share()).collect();
        assert_eq!(shares.iter().filter(|share| share.add(&token(10))).count(), 4);
        assert_eq!(shares[4].refusal().map(|error| error.status), Some(StatusCode::SERVICE_UNAVAILABLE));
        drop(shares);
        assert!(all.share().add(&token(10)));
    }
}
