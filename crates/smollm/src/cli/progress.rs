//! Progress on standard error: bars on a terminal, nothing over a pipe or with --quiet.

use super::output::note;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use smollm_hub::{Event, Progress};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

/// A bar of bytes with remaining time, and speed where there is room for it.
fn byte_bar(bytes: u64, label: &str) -> ProgressBar {
    const WIDE: u16 = 80;
    let template = match crossterm::terminal::size() {
        Ok((columns, _)) if columns < WIDE => "{msg:16!} {wide_bar} {binary_bytes:>10}/{binary_total_bytes} {eta:>4}",
        _ => "{msg:32!} {wide_bar} {binary_bytes:>10}/{binary_total_bytes} {binary_bytes_per_sec:>12} {eta:>4}",
    };
    let bar = ProgressBar::new(bytes).with_message(label.to_owned());
    styled(bar, template)
}

/// A bar of countable things.
pub(crate) fn count_bar(total: u64, label: &str, quiet: bool) -> ProgressBar {
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(total) };
    styled(bar.with_message(label.to_owned()), "{msg} {wide_bar} {pos}/{len} {eta:>4}")
}

/// A bar of bytes of a file being written.
pub(crate) fn write_bar(label: &str, quiet: bool) -> ProgressBar {
    if quiet { ProgressBar::hidden() } else { byte_bar(0, label) }
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar, // a template is a constant of this file; the default bar would do
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
