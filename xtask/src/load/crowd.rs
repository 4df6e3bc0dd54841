//! Many chats: all at once, or one after the other at a given rate.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Asked, Shape, ask, percentile};

const PATH: &str = "/v1/completions";

/// What many chats that begin at the same moment gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Wave {
    /// Tokens of all answers in a second, from the first request to the last token.
    pub(crate) tokens_per_s: f64,
    /// Median seconds to the first token.
    pub(crate) first_s: f64,
}

/// Lets the chats `from..from + chats` begin at the same moment.
///
/// # Errors
/// One of them is not answered with as many tokens as it asks for.
pub(crate) fn wave(address: &str, shape: Shape, from: u64, chats: u64) -> Result<Wave> {
    let bodies: Vec<String> = (from..from + chats).map(|chat| shape.body(chat).to_string()).collect();
    let started = Instant::now();
    let answers: Vec<Result<Asked>> = thread::scope(|scope| {
        let asking: Vec<_> = bodies.iter().map(|body| scope.spawn(|| ask(address, PATH, body, usize::MAX))).collect();
        asking.into_iter().map(|chat| chat.join().expect("no panic in a chat")).collect()
    });
    let seconds = started.elapsed().as_secs_f64();
    let mut firsts = Vec::new();
    for answer in answers {
        let answer = answer?;
        let complete = answer.status == 200 && answer.tokens == Some(shape.answer);
        ensure!(complete, "{} with {:?} tokens: {}", answer.status, answer.tokens, answer.said());
        firsts.push(answer.first_s.context("a stream without events")?);
    }
    let first_s = percentile(&firsts, 50.0).context("no chat")?;
    Ok(Wave { tokens_per_s: (shape.answer as u64 * chats) as f64 / seconds, first_s })
}

/// A chat of a crowd that comes little by little.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Seconds after the first.
    pub(crate) at_s: f64,
    pub(crate) asked: Result<Asked>,
}

/// Lets a chat begin `per_second` times a second, for `seconds`, and waits until all are over.
pub(crate) fn arrivals(address: &str, shape: Shape, per_second: f64, seconds: f64) -> Vec<Arrival> {
    let (started, all) = (Instant::now(), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for chat in 0..(per_second * seconds) as u64 {
            let at = Duration::from_secs_f64(chat as f64 / per_second);
            let body = shape.body(chat).to_string();
            thread::sleep(at.saturating_sub(started.elapsed()));
            let all = &all;
            scope.spawn(move || {
                let at_s = started.elapsed().as_secs_f64();
                let asked = ask(address, PATH, &body, usize::MAX);
                all.lock().expect("no panic in a chat").push(Arrival { at_s, asked });
            });
        }
    });
    all.into_inner().expect("no panic in a chat")
}
