//! Engine requests under way on behalf of one HTTP request: their events, and their end when nobody waits for them any more.

use crate::error::ApiError;
use crate::metrics::{ModelMetrics, RequestClock};
use crate::model::Model;
use axum::http::StatusCode;
use smollm_engine::{EngineHandle, Event, RequestId, Submission};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// One event, and which of the submissions it belongs to.
pub(crate) type Heard = (usize, Event);

/// Submissions under way. Dropped, it cancels what has not ended.
pub(crate) struct Call {
    events: UnboundedReceiver<Heard>,
    under_way: Vec<Guard>,
    clocks: Vec<RequestClock>,
    metrics: Arc<ModelMetrics>,
}

/// Cancels a request of the engine when it is dropped.
struct Guard {
    engine: EngineHandle,
    id: RequestId,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.engine.cancel(self.id);
    }
}

impl Call {
    /// Hands the submissions to the engine: all of them, or none.
    ///
    /// # Errors
    /// One of them can never be answered, or the queue is full.
    pub(crate) fn start(
        model: &Model,
        metrics: &Arc<ModelMetrics>,
        submissions: Vec<Submission>,
        queue_limit: Option<Duration>,
    ) -> Result<Self, ApiError> {
        admit(&model.engine, queue_limit)?;
        let (sender, events) = unbounded_channel();
        let mut call =
            Self { events, under_way: Vec::new(), clocks: Vec::new(), metrics: metrics.clone() };
        for (index, submission) in submissions.into_iter().enumerate() {
            let clock = RequestClock::start(&submission);
            let sender = sender.clone();
            let sink = move |event| match sender.send((index, event)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()), // whoever listened is gone
            };
            let id = model.engine.submit(submission, Box::new(sink)).map_err(|error| {
                let refused = ApiError::from(error);
                match refused.status {
                    StatusCode::TOO_MANY_REQUESTS => {
                        ApiError { retry_after: Some(retry_after(&model.engine)), ..refused }
                    }
                    _ => refused,
                }
            })?;
            call.under_way.push(Guard { engine: model.engine.clone(), id });
            call.clocks.push(clock);
        }
        Ok(call)
    }

    /// The next event; `None` once all have ended.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// As [`Call::next`].
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Heard>> {
        let heard = self.events.poll_recv(context);
        if let Poll::Ready(Some((index, event))) = &heard
            && let Some(clock) = self.clocks.get_mut(*index)
        {
            self.metrics.hear(clock, event);
        }
        heard
    }

    /// Ends what is under way.
    pub(crate) fn cancel(&mut self) {
        self.under_way.clear();
        self.events.close();
    }
}

/// Refuses what would wait longer than the limit, as far as one can tell.
fn admit(engine: &EngineHandle, limit: Option<Duration>) -> Result<(), ApiError> {
    let Some(limit) = limit else { return Ok(()) };
    let wait = estimated_wait(engine);
    if wait <= limit {
        return Ok(());
    }
    let message = format!(
        "the work that waits is estimated to take {:.1} s, and the limit is {:.1} s; try again later",
        wait.as_secs_f64(),
        limit.as_secs_f64()
    );
    Err(ApiError {
        retry_after: Some(retry_after(engine)),
        ..ApiError::new(StatusCode::TOO_MANY_REQUESTS, message).code("queue_full")
    })
}

/// How long the prompts that wait take to read, at the speed measured so far.
fn estimated_wait(engine: &EngineHandle) -> Duration {
    let stats = engine.stats();
    let tokens = (stats.prompt_tokens + stats.generated_tokens) as f64;
    let seconds = if tokens > 0.0 { stats.waiting_tokens as f64 * stats.busy_s / tokens } else { 0.0 };
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Whole seconds, between one and a minute.
fn retry_after(engine: &EngineHandle) -> u64 {
    estimated_wait(engine).as_secs().clamp(1, 60)
}
