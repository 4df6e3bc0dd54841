//! A TensorBoard event file: TFRecords (length, its checksum, bytes, their checksum) of `Event` messages with scalar summaries.
//!
//! The fields are those of tensorboard/compat/proto/event.proto and summary.proto. TensorFlow's crates would bring all of it for these.

use super::Metrics;
use super::crc32c::masked;
use crate::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// TensorBoard takes files with `tfevents` in their name.
const NAME: &str = "events.out.tfevents.0.smollm";

/// The file while a run writes to it.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
    /// Whether its first event is there.
    begun: bool,
}

impl EventFile {
    /// Makes the file anew, with events of these metrics.
    pub(super) fn create(folder: &Path, metrics: &[Metrics]) -> Result<Self, Error> {
        let path = folder.join(NAME);
        let refuse = |error| Error::Write { path: path.clone(), error };
        fs::create_dir_all(folder).map_err(refuse)?;
        let mut bytes = metrics.first().map_or(Vec::new(), version);
        metrics.iter().for_each(|metrics| bytes.extend(record(&event_of(metrics))));
        let partial = path.with_extension("partial");
        fs::write(&partial, &bytes).and_then(|()| fs::rename(&partial, &path)).map_err(refuse)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(refuse)?;
        Ok(Self { path, file, begun: !metrics.is_empty() })
    }

    pub(super) fn push(&mut self, metrics: &Metrics) -> Result<(), Error> {
        let mut bytes = if self.begun { Vec::new() } else { version(metrics) };
        bytes.extend(record(&event_of(metrics)));
        self.file.write_all(&bytes).map_err(|error| Error::Write { path: self.path.clone(), error })?;
        self.begun = true;
        Ok(())
    }
}

/// The event that every file begins with. Times are shown relative to its time, so it is that of the first metrics.
fn version(first: &Metrics) -> Vec<u8> {
    record(&event(first.time, 0, Some("brain.Event:2"), &[]))
}

/// Tags are in two groups, as transformers has them.
fn event_of(metrics: &Metrics) -> Vec<u8> {
    let tag = |name: &str| match name.strip_prefix("eval_") {
        Some(rest) => format!("eval/{rest}"),
        None => format!("train/{name}"),
    };
    let values: Vec<(String, f64)> = metrics.values.iter().map(|(name, value)| (tag(name), *value)).collect();
    event(metrics.time, metrics.step, None, &values)
}

/// An `Event`: `wall_time` 1, `step` 2, `file_version` 3, `summary` 5.
fn event(time: f64, step: u64, version: Option<&str>, values: &[(String, f64)]) -> Vec<u8> {
    let mut out = vec![1 << 3 | 1];
    out.extend(time.to_le_bytes());
    out.push(2 << 3);
    varint(step, &mut out);
    if let Some(version) = version {
        bytes(3, version.as_bytes(), &mut out);
    }
    let mut summary = Vec::new();
    for (tag, value) in values {
        // A `Summary.Value`: `tag` 1, `simple_value` 2.
        let mut message = Vec::new();
        bytes(1, tag.as_bytes(), &mut message);
        message.push(2 << 3 | 5);
        message.extend((*value as f32).to_le_bytes());
        bytes(1, &message, &mut summary);
    }
    if !values.is_empty() {
        bytes(5, &summary, &mut out);
    }
    out
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A field of bytes, text or a message.
fn bytes(field: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(field << 3 | 2);
    varint(content.len() as u64, out);
    out.extend(content);
}

fn record(event: &[u8]) -> Vec<u8> {
    let length = (event.len() as u64).to_le_bytes();
    let mut out = length.to_vec();
    out.extend(masked(&length).to_le_bytes());
    out.extend(event);
    out.extend(masked(event).to_le_bytes());
    out
}
