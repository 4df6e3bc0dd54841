//! What a run tells: `metrics.jsonl` for programs, an event file for TensorBoard, and `report.html` for people.
//!
//! The lines of `metrics.jsonl` are what there is; the other two are made of them. So after a crash it is enough to cut off the lines of steps
//! that are computed again.

mod crc32c;
mod event_file;
mod lines;
pub(crate) mod page;
mod plot;
mod report;
#[cfg(test)]
mod tests;

pub use lines::{Cut, read_metrics};
pub use report::{Report, data_results, write_report};

use crate::error::Error;
use event_file::EventFile;
use lines::Lines;
use serde_json::{Map, Value};
use std::path::Path;

/// The name of the file of metrics in the folder of a run.
pub const METRICS: &str = "metrics.jsonl";
/// The name of the report there.
pub const REPORT: &str = "report.html";
/// The folder of the event file there.
pub const EVENTS: &str = "tensorboard";

/// What is known after a step or an evaluation. Names are those of TRL: `loss`, `learning_rate`, `grad_norm`, `tokens_per_second`,
/// `rewards/margins`, ..., and `roof_share`; of an evaluation with `eval_` before them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    /// Steps that are done.
    pub step: u64,
    /// Seconds since 1970.
    pub time: f64,
    /// Tokens that were learnt from so far.
    pub tokens: u64,
    /// Names and values, in the order in which they are shown.
    pub values: Vec<(String, f64)>,
}

impl Metrics {
    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(other, _)| other == name).map(|&(_, value)| value)
    }

    /// As a line of the file has it. What is no number is `null`.
    fn to_json(&self) -> Value {
        let head = [("step", self.step.into()), ("time", self.time.into()), ("tokens", self.tokens.into())];
        let head = head.into_iter().map(|(name, value): (&str, Value)| (name.to_owned(), value));
        let values = self.values.iter().map(|(name, value)| (name.clone(), (*value).into()));
        Value::Object(head.chain(values).collect())
    }

    fn from_json(mut map: Map<String, Value>) -> Option<Self> {
        let step = map.shift_remove("step")?.as_u64()?;
        let time = map.shift_remove("time")?.as_f64()?;
        let tokens = map.shift_remove("tokens")?.as_u64()?;
        let value = |value: Value| match value {
            Value::Null => Some(f64::NAN),
            value => value.as_f64(),
        };
        let values = map.into_iter().map(|(name, number)| Some((name, value(number)?))).collect::<Option<_>>()?;
        Some(Self { step, time, tokens, values })
    }
}

/// Writes what a run tells into its folder.
#[derive(Debug)]
pub struct Telemetry {
    lines: Lines,
    events: EventFile,
}

impl Telemetry {
    /// Begins, or goes on after `step` steps: lines of later ones, and a last line that is not whole, are cut off, and the event file is made
    /// anew of what is left.
    ///
    /// # Errors
    /// A file cannot be read or written, or a line in the middle is none.
    pub fn open(folder: &Path, step: u64) -> Result<(Self, Cut), Error> {
        let (lines, kept, cut) = Lines::open(&folder.join(METRICS), step)?;
        let events = EventFile::create(&folder.join(EVENTS), &kept)?;
        Ok((Self { lines, events }, cut))
    }

    /// Brings the metrics to the disk.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn sync(&self) -> Result<(), Error> {
        self.lines.sync()
    }

    /// Adds a line to the metrics and an event to the event file; both are with the system when it returns.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn record(&mut self, metrics: &Metrics) -> Result<(), Error> {
        self.lines.push(metrics)?;
        self.events.push(metrics)
    }
}
