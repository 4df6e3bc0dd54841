//! Engine requests under way on behalf of one HTTP request: their events, and their end when nobody waits for them any more.

use crate::app::App;
use crate::error::ApiError;
use crate::sse::engine_gone;
use crate::unsent::Share;
use axum::http::StatusCode;
use smollm_engine::{EngineHandle, Event, EventSink, RequestId, Submission};
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
    under_way: Vec<Option<Guard>>,
    /// What was said and waits to be told.
    unsent: Arc<Share>,
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
    pub(crate) fn start(app: &App, engine: &EngineHandle, submissions: Vec<Submission>) -> Result<Self, ApiError> {
        admit(engine, app.settings.queue_limit)?;
        let (sender, events) = unbounded_channel();
        let mut call = Self { events, under_way: Vec::new(), unsent: Arc::new(app.unsent.share()) };
        let sink = |(index, submission)| {
            let (sender, unsent) = (sender.clone(), call.unsent.clone());
            let sink = move |event| match unsent.add(&event) && sender.send((index, event)).is_ok() {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()), // there is no room for it, or whoever listened is gone
            };
            (submission, Box::new(sink) as EventSink)
        };
        let requests = submissions.into_iter().enumerate().map(sink).collect();
        let ids = engine.submit_all(requests).map_err(|error| {
            let refused = ApiError::from(error);
            match refused.status {
                StatusCode::TOO_MANY_REQUESTS => {
                    ApiError { retry_after: Some(whole_seconds(engine.expected_wait())), ..refused }
                }
                _ => refused,
            }
        })?;
        call.under_way.extend(ids.into_iter().map(|id| Some(Guard { engine: engine.clone(), id })));
        Ok(call)
    }

    /// The next event, which is kept until the call ends.
    ///
    /// # Errors
    /// What was kept takes too much memory, or the engine has stopped.
    pub(crate) async fn next(&mut self) -> Result<Heard, ApiError> {
        let heard = self.events.recv().await;
        self.complete(heard)
    }

    /// The next event, which goes out at once.
    ///
    /// # Errors
    /// As [`Call::next`], for what has not gone out.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Heard, ApiError>> {
        self.events.poll_recv(context).map(|heard| {
            let heard = self.complete(heard)?;
            self.unsent.sent(&heard.1);
            Ok(heard)
        })
    }

    /// What was heard, if nothing is missing.
    fn complete(&self, heard: Option<Heard>) -> Result<Heard, ApiError> {
        match self.unsent.refusal() {
            Some(refused) => Err(refused),
            None => heard.ok_or_else(engine_gone),
        }
    }

    /// What was kept, to be held until it is told.
    pub(crate) fn kept(&self) -> Arc<Share> {
        self.unsent.clone()
    }

    /// Ends one submission, which then reports its open choices as cancelled.
    pub(crate) fn cancel(&mut self, index: usize) {
        if let Some(guard) = self.under_way.get_mut(index) {
            *guard = None;
        }
    }

    /// Ends one choice of a submission, which is then reported as cancelled.
    pub(crate) fn cancel_choice(&self, index: usize, choice: usize) {
        if let Some(Some(guard)) = self.under_way.get(index) {
            guard.engine.cancel_choice(guard.id, choice);
        }
    }

    /// Ends all, and hears no more.
    pub(crate) fn hang_up(&mut self) {
        self.under_way.clear();
        self.events.close();
    }
}

/// Refuses what would wait longer than the limit, as far as one can tell: cheaply, before anything is done for it.
///
/// # Errors
/// 429, with the time after which to try again.
pub(crate) fn admit(engine: &EngineHandle, limit: Option<Duration>) -> Result<(), ApiError> {
    let (wait, Some(limit)) = (engine.expected_wait(), limit) else { return Ok(()) };
    if wait <= limit {
        return Ok(());
    }
    let message = format!(
        "a request that comes now is expected to wait {:.1} s, and the limit is {:.1} s; try again later",
        wait.as_secs_f64(),
        limit.as_secs_f64()
    );
    Err(ApiError {
        retry_after: Some(whole_seconds(wait - limit)),
        ..ApiError::new(StatusCode::TOO_MANY_REQUESTS, message).code("queue_full")
    })
}

/// Between one and a minute.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs_f64().ceil() as u64).clamp(1, 60)
}
