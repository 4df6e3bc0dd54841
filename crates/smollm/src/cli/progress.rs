//! Progress on standard error: bars on a terminal, nothing over a pipe or with --quiet.

use super::output::note;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use smollm_hub::{Event, Progress};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The progress of one piece of work. The bar is gone when this value is, so that what is said next, a result or an error,
/// stands where it was.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Counts things that are done.
    pub(crate) fn counting(label: &str, quiet: bool) -> Self {
        Self::shown(quiet, || styled(0, label, ["{pos:>10}/{len} {eta:>4}"; 2]))
    }

    /// Counts bytes that are written to a file.
    pub(crate) fn writing(file: &Path, quiet: bool) -> Self {
        let name = file.file_name().unwrap_or(file.as_os_str());
        Self::shown(quiet, || byte_bar(0, &name.to_string_lossy()))
    }

    /// Counts bytes that are read.
    pub(crate) fn reading(quiet: bool) -> Self {
        Self::reading_of("reading", quiet)
    }

    /// Counts bytes that are read of something.
    pub(crate) fn reading_of(label: &str, quiet: bool) -> Self {
        Self::shown(quiet, || byte_bar(0, label))
    }

    /// Counts steps of training, of which `done` are done; [`Bar::step`] says how they go.
    pub(crate) fn training(done: u64, total: u64, quiet: bool) -> Self {
        Self::shown(quiet, || {
            let bar = styled(total, "training", ["{pos:>8}/{len} {eta:>4}"; 2]).with_position(done);
            // of the whole run, not of what is left of it
            bar.reset_eta();
            bar
        })
    }

    /// A step is done.
    pub(crate) fn step(&self, step: u64, how: String) {
        self.0.set_position(step);
        self.say(how);
    }

    /// What stands before the bar.
    pub(crate) fn say(&self, message: String) {
        self.0.set_message(message);
    }

    fn shown(quiet: bool, bar: impl FnOnce() -> ProgressBar) -> Self {
        Self(if quiet { ProgressBar::hidden() } else { bar() })
    }

    /// So much is done.
    pub(crate) fn at(&self, done: usize, total: usize) {
        self.0.set_length(total as u64);
        self.0.set_position(done as u64);
    }

    /// So much is written.
    pub(crate) fn written(&self, at: smollm_checkpoint::Progress) {
        self.0.set_length(at.total);
        self.0.set_position(at.written);
    }

    /// So many bytes are done.
    pub(crate) fn bytes(&self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
    }

    /// Does something that prints, without the bar in its way.
    pub(crate) fn aside<R>(&self, print: impl FnOnce() -> R) -> R {
        self.0.suspend(print)
    }
}

/// A bar of bytes, with their speed where there is room for it.
fn byte_bar(bytes: u64, label: &str) -> ProgressBar {
    const NARROW: &str = "{binary_bytes:>10}/{binary_total_bytes} {eta:>4}";
    const WIDE: &str = "{binary_bytes:>10}/{binary_total_bytes} {binary_bytes_per_sec:>12} {eta:>4}";
    styled(bytes, label, [NARROW, WIDE])
}

/// A label, the bar, and numbers: the first for a narrow terminal, the second for a wide one.
fn styled(total: u64, label: &str, numbers: [&str; 2]) -> ProgressBar {
    const WIDE: u16 = 80;
    let template = match crossterm::terminal::size() {
        Ok((columns, _)) if columns < WIDE => format!("{{msg:16!}} {{wide_bar}} {}", numbers[0]),
        _ => format!("{{msg:32!}} {{wide_bar}} {}", numbers[1]),
    };
    let bar = ProgressBar::new(total).with_message(label.to_owned());
    match ProgressStyle::with_template(&template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar, // templates are constants of this file; the default bar would do
    }
}

/// The bar of a file.
struct FileBar {
    bar: ProgressBar,
    /// Files come one after another, and time spent waiting for the others is not slowness.
    begun: bool,
}

/// One bar per file of a download.
pub(crate) struct DownloadBars {
    bars: MultiProgress,
    files: Mutex<HashMap<String, FileBar>>,
    quiet: bool,
}

impl DownloadBars {
    pub(crate) fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self { bars: MultiProgress::with_draw_target(target), files: Mutex::default(), quiet }
    }

    /// A line above the bars; plain when there are none to draw.
    fn say(&self, line: &str) {
        if self.quiet {
            return;
        }
        if self.bars.is_hidden() {
            note(line);
        } else {
            // a terminal that cannot be written to has no use for the line either
            let _ = self.bars.println(line);
        }
    }
}

impl Progress for DownloadBars {
    fn event(&self, event: Event<'_>) -> ControlFlow<()> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Plan(plan) => {
                let missing: u64 = plan.iter().map(|f| f.bytes - f.present.min(f.bytes)).sum();
                let s = if plan.len() == 1 { "" } else { "s" };
                self.say(&format!("downloading {} ({} file{s})", indicatif::BinaryBytes(missing), plan.len()));
                for file in plan.iter().filter(|f| f.present < f.bytes) {
                    let bar = self.bars.add(byte_bar(file.bytes, &file.path));
                    bar.set_position(file.present);
                    files.insert(file.path.clone(), FileBar { bar, begun: false });
                }
            }
            Event::Position { path, position, .. } => {
                if let Some(FileBar { bar, begun }) = files.get_mut(path) {
                    bar.set_position(position);
                    if !std::mem::replace(begun, true) {
                        bar.reset_eta();
                    }
                }
            }
            Event::Done { path } => {
                if let Some(FileBar { bar, .. }) = files.remove(path) {
                    bar.finish();
                }
            }
            Event::Retry { reason, wait } => self.say(&format!("{reason}; trying again in {} s", wait.as_secs())),
            Event::Locked { path } => self.say(&format!("another process is downloading {path}; waiting for it")),
            Event::Unreachable { reason } => self.say(&format!("note: {reason}; using the copy in the cache")),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
