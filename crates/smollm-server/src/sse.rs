//! Server-sent events: an answer in pieces while it is being written.

use crate::answer::Wish;
use crate::call::Call;
use crate::deadline::{Deadline, too_slow};
use crate::error::ApiError;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::Serialize;
use smollm_engine::Event;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep};

/// Tells the events of a call in the words of one dialect.
pub(crate) trait Narrator: Send + Unpin + 'static {
    /// An event of submission `index`; what is wanted then.
    fn hear(&mut self, index: usize, event: Event, out: &mut Lines) -> Wish;

    /// Everything has been told.
    fn close(&mut self, out: &mut Lines);
}

/// Lines that wait to be sent.
#[derive(Debug, Default)]
pub(crate) struct Lines(VecDeque<Bytes>);

impl Lines {
    /// An event with this JSON.
    pub(crate) fn data(&mut self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(json) => self.0.push_back(format!("data: {json}\n\n").into()),
            Err(error) => self.error(&ApiError::internal(error.to_string())),
        }
    }

    /// OpenAI's last line.
    pub(crate) fn done(&mut self) {
        self.0.push_back(Bytes::from_static(b"data: [DONE]\n\n"));
    }

    /// An error after the status has gone out.
    pub(crate) fn error(&mut self, error: &ApiError) {
        if let Ok(json) = serde_json::to_string(&error.body()) {
            self.0.push_back(format!("data: {json}\n\n").into());
        }
    }
}

/// The body of a response that tells a call.
struct Stream<N> {
    call: Call,
    narrator: N,
    lines: Lines,
    over: bool,
    keep_alive: Interval,
    deadline: Option<Pin<Box<Sleep>>>,
}

/// Streams a call.
pub(crate) fn stream<N: Narrator>(call: Call, narrator: N, keep_alive: Duration, deadline: Deadline) -> Response {
    let mut keep_alive = tokio::time::interval_at(Instant::now() + keep_alive, keep_alive);
    keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let deadline = deadline.sleep();
    let body = Body::new(Stream { call, narrator, lines: Lines::default(), over: false, keep_alive, deadline });
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no")); // nginx would hold pieces back
    response
}

/// The error of an engine whose thread has died.
pub(crate) fn engine_gone() -> ApiError {
    ApiError::internal("the engine has stopped")
}

impl<N: Narrator> Stream<N> {
    fn poll_lines(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(line) = self.lines.0.pop_front() {
                self.keep_alive.reset();
                return Poll::Ready(Some(line));
            }
            if self.over {
                return Poll::Ready(None);
            }
            if let Some(deadline) = &mut self.deadline
                && deadline.as_mut().poll(context).is_ready()
            {
                self.call.hang_up();
                self.over = true;
                self.lines.error(&too_slow());
                continue;
            }
            match self.call.poll_next(context) {
                Poll::Ready(Ok((_, Event::Failed(error)))) => {
                    self.lines.error(&error.into());
                    self.call.hang_up();
                    self.over = true;
                }
                Poll::Ready(Ok((index, event))) => match self.narrator.hear(index, event, &mut self.lines) {
                    Wish::More => {}
                    Wish::EnoughOf(choice) => self.call.cancel_choice(index, choice),
                    Wish::Enough => self.call.cancel(index),
                    Wish::Nothing => {
                        self.narrator.close(&mut self.lines);
                        self.over = true;
                    }
                },
                Poll::Ready(Err(error)) => {
                    self.lines.error(&error); // the narrator ends the call when all is told
                    self.call.hang_up();
                    self.over = true;
                }
                Poll::Pending => {
                    return match self.keep_alive.poll_tick(context) {
                        Poll::Ready(_) => Poll::Ready(Some(Bytes::from_static(b": keep-alive\n\n"))),
                        Poll::Pending => Poll::Pending,
                    };
                }
            }
        }
    }
}

impl<N: Narrator> HttpBody for Stream<N> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.get_mut().poll_lines(context).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}
