//! Lines for standard output from threads that must not wait for whoever reads it.

use super::output::output;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::time::Duration;

/// Lines that wait to be written, at most; what comes while so many do is counted and dropped.
const WAITING: usize = 4096;
/// How long the end of the program waits for lines that nobody takes.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Where lines go.
#[derive(Clone)]
pub(crate) struct Lines {
    queue: SyncSender<String>,
    lost: Arc<AtomicUsize>,
}

/// The thread that writes them.
pub(crate) struct Writer {
    done: Receiver<()>,
}

/// Lines and their writer, which ends when the last [`Lines`] is gone.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn line_log() -> std::io::Result<(Lines, Writer)> {
    let (queue, lines) = sync_channel::<String>(WAITING);
    let (end, done) = channel();
    let lost = Arc::new(AtomicUsize::new(0));
    let missing = lost.clone();
    std::thread::Builder::new().name("log".into()).spawn(move || {
        for line in lines {
            // A log that nobody takes must not end the server.
            let mut out = output();
            let lost = missing.swap(0, Ordering::Relaxed);
            if lost > 0 {
                let _ = writeln!(out, "{{\"lost_lines\":{lost}}}");
            }
            let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        }
        let _ = end.send(());
    })?;
    Ok((Lines { queue, lost }, Writer { done }))
}

impl Lines {
    /// Writes a line soon; never waits.
    pub(crate) fn write(&self, line: &str) {
        if self.queue.try_send(line.to_owned()).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Writer {
    /// Waits until all lines are written, unless nobody takes them.
    pub(crate) fn finish(self) {
        let _ = self.done.recv_timeout(LAST_LINES);
    }
}
