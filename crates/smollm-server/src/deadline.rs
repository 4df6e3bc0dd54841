//! The longest that a request may take, from the time that it has been read: waiting for a model or for a turn counts.

use crate::error::ApiError;
use crate::settings::Settings;
use axum::http::StatusCode;
use std::future::Future;
use std::pin::Pin;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

/// When a request must have been answered, if there is a limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// That of a request which has just been read.
    pub(crate) fn of(settings: &Settings) -> Self {
        Self(settings.request_limit.and_then(|limit| Instant::now().checked_add(limit)))
    }

    /// What comes of `work`, which is dropped when time is up.
    ///
    /// # Errors
    /// Those of `work`, or time is up.
    pub(crate) async fn keep<T>(self, work: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        match self.0 {
            Some(end) => timeout_at(end, work).await.unwrap_or_else(|_| Err(too_slow())),
            None => work.await,
        }
    }

    /// The time until then.
    pub(crate) fn sleep(self) -> Option<Pin<Box<Sleep>>> {
        self.0.map(|end| Box::pin(sleep_until(end)))
    }
}

/// The error of a request that took longer than the server lets it.
pub(crate) fn too_slow() -> ApiError {
    ApiError::new(StatusCode::GATEWAY_TIMEOUT, "the request took longer than the server's limit").code("timeout")
}
