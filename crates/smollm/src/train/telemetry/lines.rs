//! `metrics.jsonl`: one JSON object to a line, and what becomes of it when a run goes on.

use super::Metrics;
use crate::error::Error;
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What was cut off the metrics of a run that goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cut {
    /// Lines of steps that are computed again.
    pub lines: usize,
    /// Whether the last line was not whole.
    pub torn: bool,
}

/// The file while a run writes to it.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    file: File,
}

impl Lines {
    /// Opens or makes the file; what was kept of it.
    pub(super) fn open(path: &Path, step: u64) -> Result<(Self, Vec<Metrics>, Cut), Error> {
        let refuse = |error| Error::Write { path: path.into(), error };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::Read { path: path.into(), error }),
        };
        let (all, torn) = parse(path, &bytes)?;
        let kept = all.iter().take_while(|(_, metrics)| metrics.step <= step).count();
        let cut = Cut { lines: all.len() - kept, torn };
        let end = kept.checked_sub(1).map_or(0, |last| all[last].0);
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(refuse)?;
        file.set_len(end as u64).and_then(|()| file.seek(SeekFrom::End(0))).map_err(refuse)?;
        let kept = all.into_iter().take(kept).map(|(_, metrics)| metrics).collect();
        Ok((Self { path: path.into(), file }, kept, cut))
    }

    pub(super) fn sync(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(|error| Error::Write { path: self.path.clone(), error })
    }

    pub(super) fn push(&mut self, metrics: &Metrics) -> Result<(), Error> {
        let line = format!("{}\n", metrics.to_json());
        self.file.write_all(line.as_bytes()).map_err(|error| Error::Write { path: self.path.clone(), error })
    }
}

/// Each line with where it ends, and whether there is a last one that is not whole.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Vec<(usize, Metrics)>, bool), Error> {
    let (mut all, mut start) = (Vec::new(), 0);
    for (number, line) in (1..).zip(bytes.split_inclusive(|&byte| byte == b'\n')) {
        let end = start + line.len();
        start = end;
        let metrics = match serde_json::from_slice(line) {
            Ok(Value::Object(map)) if line.ends_with(b"\n") => Metrics::from_json(map),
            _ => None,
        };
        match metrics {
            Some(metrics) => all.push((end, metrics)),
            // Written while the machine went down.
            None if end == bytes.len() => return Ok((all, true)),
            None => {
                let problem = "not an object with step, time, tokens and numbers".into();
                return Err(Error::Line { path: path.into(), line: number, problem });
            }
        }
    }
    Ok((all, false))
}

/// The metrics of a run, as far as its file is whole.
///
/// # Errors
/// The file cannot be read, or a line in the middle is none.
pub fn read_metrics(path: &Path) -> Result<Vec<Metrics>, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::Read { path: path.into(), error })?;
    Ok(parse(path, &bytes)?.0.into_iter().map(|(_, metrics)| metrics).collect())
}
