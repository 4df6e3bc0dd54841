//! What a download tells its caller while it runs, and how the caller stops it.

use std::ops::ControlFlow;
use std::time::Duration;

/// A file that a fetch wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFile {
    /// Path inside the repository.
    pub path: String,
    /// Its whole length in bytes.
    pub bytes: u64,
    /// How many of them are on disk already: all, or those of a cut download.
    pub present: u64,
}

/// Something that happened during [`crate::Hub::fetch`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Every file that will be there at the end. Comes once, before the first byte, and only if something is missing.
    Plan(&'a [PlannedFile]),
    /// A file has `position` of its `bytes` bytes. The position can go back: a resumed file that proves wrong starts over.
    Position {
        /// Path inside the repository.
        path: &'a str,
        /// Bytes on disk.
        position: u64,
        /// Bytes in all.
        bytes: u64,
    },
    /// A file is complete, verified and in the cache.
    Done {
        /// Path inside the repository.
        path: &'a str,
    },
    /// A request failed and will be tried again after a pause.
    Retry {
        /// What failed, in a few words.
        reason: &'a str,
        /// The pause before the next attempt.
        wait: Duration,
    },
    /// Another process is downloading this file; waiting for it.
    Locked {
        /// Path inside the repository.
        path: &'a str,
    },
    /// The hub cannot be reached or is out of order, and the complete copy in the cache is used instead.
    Unreachable {
        /// Why, in a few words.
        reason: &'a str,
    },
    /// Nothing new, a few times per second while waiting: a chance to stop.
    Tick,
}

/// Receives the events of a fetch; returning `Break` stops it with [`crate::HubError::Cancelled`]. A cut file stays in
/// the cache as `.incomplete` and the next fetch resumes it.
pub trait Progress {
    /// Called from the thread that fetches.
    fn event(&self, event: Event<'_>) -> ControlFlow<()>;
}

/// Progress of no interest.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _: Event<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
