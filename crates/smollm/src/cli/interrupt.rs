//! Ctrl-C (or a request to terminate) during work that writes files: the work stops between two tensors and cleans up after itself.

use super::output::note;
use smollm::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How often Ctrl-C was pressed, or the process asked to terminate, since [`Interrupt::listen`].
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Starts to listen; once per process.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let presses = Arc::new(AtomicUsize::new(0));
        let count = presses.clone();
        ctrlc::set_handler(move || _ = count.fetch_add(1, Ordering::Relaxed))?;
        Ok(Self(presses))
    }

    /// As [`Interrupt::listen`], for work whose steps take long: the first Ctrl-C says what it waits for, unless that is to be quiet, and
    /// the second does not wait. Files of a run are whole or not there, so there is nothing to clean up.
    pub(crate) fn of_run(quiet: bool) -> anyhow::Result<Self> {
        /// What shells report of a process that Ctrl-C ended: 128 and the number of the signal.
        const INTERRUPTED: i32 = 130;
        let presses = Arc::new(AtomicUsize::new(0));
        let count = presses.clone();
        ctrlc::set_handler(move || {
            if count.fetch_add(1, Ordering::Relaxed) > 0 {
                std::process::exit(INTERRUPTED);
            }
            if !quiet {
                note("stopping after this step; press Ctrl-C again to stop at once (the last checkpoint is whole)");
            }
        })?;
        Ok(Self(presses))
    }

    /// [`Error::Interrupted`] once Ctrl-C was pressed.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.presses() > 0 { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// How often.
    pub(crate) fn presses(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
