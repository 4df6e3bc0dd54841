//! What each step of a demo took, as lines of a file in its folder.

use crate::error::Error;
use crate::outputs::write_file;
use serde_json::json;
use smollm_kernels::{Cpu, granted_threads};
use std::path::{Path, PathBuf};

/// The file's name.
pub(super) const STEPS: &str = "steps.jsonl";

/// What a step took. One that was broken off and gone on with is told twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Took {
    /// What it does.
    pub title: String,
    /// The command, as one would type it.
    pub command: String,
    /// Wall-clock time.
    pub seconds: f64,
    /// The most memory that the command took, where the system tells it.
    pub peak_bytes: Option<u64>,
    /// Whether it came to its end.
    pub done: bool,
}

/// The file.
#[derive(Debug)]
pub struct StepLog {
    path: PathBuf,
    isa: &'static str,
    threads: usize,
}

impl StepLog {
    /// The file of the demo in `folder`.
    ///
    /// # Errors
    /// `SMOLLM_ISA` names an instruction set that is not there.
    pub fn of(folder: &Path) -> Result<Self, Error> {
        let cpu = Cpu::new(granted_threads())?;
        Ok(Self { path: folder.join(STEPS), isa: cpu.isa(), threads: cpu.threads() })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn add(&self, took: &Took) -> Result<(), Error> {
        let mut text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::Read { path: self.path.clone(), error }),
        };
        let Took { title, command, seconds, peak_bytes, done } = took;
        let line = json!({
            "step": title, "command": command, "seconds": seconds, "peak_bytes": peak_bytes, "done": done, "isa": self.isa,
            "threads": self.threads,
        });
        text.extend(format!("{line}\n").into_bytes());
        write_file(&self.path, &text)
    }
}
