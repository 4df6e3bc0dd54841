//! Ctrl-C (or a request to terminate) during work that writes files: the work stops between two tensors and cleans up after itself.

use smollm::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether Ctrl-C was pressed, or the process asked to terminate, since [`Interrupt::listen`].
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Starts to listen; once per process.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let pressed = Arc::new(AtomicBool::new(false));
        let flag = pressed.clone();
        ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))?;
        Ok(Self(pressed))
    }

    /// [`Error::Interrupted`] once Ctrl-C was pressed.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }
}
