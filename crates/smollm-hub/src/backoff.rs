//! Which failures pass, how long to wait for that, and when it is enough.

use std::time::Duration;

use crate::config::Retry;
use crate::error::HubError;
use crate::progress::{Event, Progress};

/// Why one attempt failed.
pub(crate) enum Failure {
    /// Trying again may help.
    Passing { url: String, reason: String, status: Option<u16>, wait: Option<Duration> },
    /// There is no connection at all.
    Unreachable { url: String, reason: String },
    /// Trying again will not help.
    Final(HubError),
}

/// Counts failures in a row and pauses between them.
pub(crate) struct Backoff {
    retry: Retry,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(retry: Retry) -> Self {
        Self { retry, failures: 0 }
    }

    /// Something arrived: the count starts over.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Pauses before the next attempt, or returns the failure as an error when there have been enough.
    pub(crate) fn wait(&mut self, failure: Failure, progress: &dyn Progress) -> Result<(), HubError> {
        self.failures += 1;
        let (reason, asked_wait) = match &failure {
            Failure::Final(_) => return Err(failure.into_error()),
            Failure::Passing { reason, wait, .. } => (reason.clone(), *wait),
            Failure::Unreachable { reason, .. } => (reason.clone(), None),
        };
        if self.failures >= self.retry.attempts {
            return Err(failure.into_error());
        }
        let own_wait = self.retry.first_wait.saturating_mul(1 << (self.failures - 1).min(16));
        let wait = match (asked_wait, failure) {
            (Some(wait), Failure::Passing { url, .. }) if wait > self.retry.longest_wait => {
                return Err(HubError::RateLimited { url, seconds: wait.as_secs() });
            }
            (Some(wait), _) => wait,
            (None, _) => own_wait.min(self.retry.longest_wait),
        };
        tell(progress, Event::Retry { reason: &reason, wait })?;
        pause(wait, progress)
    }
}

impl Failure {
    pub(crate) fn into_error(self) -> HubError {
        match self {
            Self::Passing { url, reason, status: Some(status), .. } => {
                HubError::Status { url, status, message: reason }
            }
            Self::Passing { url, reason, status: None, .. } | Self::Unreachable { url, reason } => {
                HubError::Unreachable { url, reason }
            }
            Self::Final(error) => error,
        }
    }
}

/// Sleeps in short pieces, so that a caller who wants to stop need not wait.
pub(crate) fn pause(wait: Duration, progress: &dyn Progress) -> Result<(), HubError> {
    const PIECE: Duration = Duration::from_millis(100);
    let mut left = wait;
    while !left.is_zero() {
        tell(progress, Event::Tick)?;
        let piece = left.min(PIECE);
        std::thread::sleep(piece);
        left -= piece;
    }
    Ok(())
}

/// Hands an event on; `Break` becomes the error that unwinds the fetch.
pub(crate) fn tell(progress: &dyn Progress, event: Event<'_>) -> Result<(), HubError> {
    if progress.event(event).is_break() { Err(HubError::Cancelled) } else { Ok(()) }
}

/// Sorts a failed call into passing, unreachable and final.
pub(crate) fn failure_of(url: &str, error: ureq::Error) -> Failure {
    use std::io::ErrorKind as Kind;
    use ureq::{Error, Timeout};
    let url = url.to_owned();
    let reason = match &error {
        Error::Io(source) if source.to_string().contains("invalid peer certificate") => {
            format!("{source} (SSL_CERT_FILE may name a file with the certificates to trust)")
        }
        Error::Io(source) => source.to_string(),
        Error::HostNotFound => "the host name is unknown".to_owned(),
        other => other.to_string(),
    };
    let passing = |reason| Failure::Passing { url: url.clone(), reason, status: None, wait: None };
    match &error {
        Error::Io(source) => match source.kind() {
            Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe
            | Kind::UnexpectedEof
            | Kind::TimedOut
            | Kind::WouldBlock
            | Kind::Interrupted => passing(reason),
            _ => Failure::Unreachable { url, reason },
        },
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => Failure::Unreachable { url, reason },
        Error::Timeout(_) => passing("no answer in time".to_owned()),
        Error::Protocol(_) => passing(reason),
        _ => Failure::Unreachable { url, reason },
    }
}
