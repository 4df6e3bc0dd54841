//! What is said while a run goes on: to whoever watches, and into its files.

use super::roof::Roof;
use crate::error::Error;
use crate::train::telemetry::{Metrics, Telemetry};
use smollm_corpus::prepare::Progress;
use smollm_train::run::{Ended, Event};
use smollm_train::{Evaluation, StepReport};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What a run tells while it goes on.
#[derive(Debug)]
pub enum Told<'a> {
    /// Files of a source become tokens.
    Preparing {
        /// The source, as the recipe calls it.
        source: &'a str,
        /// How far that is.
        at: Progress,
    },
    /// The reference of preferences is computed.
    Reference {
        /// Steps whose answers are known.
        done: u64,
        /// Steps of the run.
        total: u64,
    },
    /// A checkpoint is damaged; an older one serves.
    Torn {
        /// Where, in the folder of the run.
        path: &'a Path,
        /// What is wrong.
        problem: String,
    },
    /// The run goes on.
    Resumed {
        /// After so many steps.
        step: u64,
        /// Lines of later steps that were cut off the metrics.
        cut: usize,
    },
    /// All is ready for the next step.
    Begins {
        /// Steps done.
        step: u64,
        /// Steps of the run.
        total: u64,
        /// Elements that are learnt.
        learnt: u64,
        /// The instruction set.
        isa: &'static str,
        /// Threads.
        threads: usize,
    },
    /// A step was done.
    Step {
        /// What it did.
        report: &'a StepReport,
        /// Steps of the run.
        total: u64,
        /// Inputs a second, of late.
        tokens_per_second: f64,
        /// The share of the operations that the machine can do at best.
        roof_share: f64,
    },
    /// What else the loop tells, as it tells it.
    Loop(Event<'a>),
}

/// Hears what a run tells, and may stop it.
pub type Watch<'a> = dyn FnMut(Told<'_>) -> ControlFlow<()> + 'a;

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// Why it ended.
    pub ended: Ended,
    /// Steps done.
    pub step: u64,
    /// Steps of the whole run.
    pub total: u64,
    /// The step of the best evaluation, and its loss.
    pub best: Option<(u64, f64)>,
    /// The model, or the adapter, if the run came to its end.
    pub model: Option<PathBuf>,
    /// The report.
    pub report: PathBuf,
}

/// Writes what the loop tells into the files of the run, and passes it on.
pub(super) struct Teller {
    telemetry: Telemetry,
    roof: Roof,
    total: u64,
    tokens: u64,
    /// When the last step ended, or what came between it and the next.
    since: Instant,
    failed: Option<Error>,
}

impl Teller {
    pub(super) fn new(telemetry: Telemetry, roof: Roof, total: u64, tokens: u64) -> Self {
        Self { telemetry, roof, total, tokens, since: Instant::now(), failed: None }
    }

    /// What went wrong in writing, if anything did.
    pub(super) fn result(&mut self) -> Result<(), Error> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// A file that cannot be written stops the run: its metrics would have a gap that nothing shows.
    pub(super) fn hear(&mut self, event: Event<'_>, watch: &mut Watch<'_>) -> ControlFlow<()> {
        let told = match event {
            Event::Step(report) => {
                let seconds = self.since.elapsed().as_secs_f64();
                let tokens_per_second = report.tokens as f64 / seconds.max(1e-9);
                let roof_share = self.roof.share(tokens_per_second);
                self.tokens += report.tokens;
                self.record(report.step, step_values(report, tokens_per_second, roof_share));
                watch(Told::Step { report, total: self.total, tokens_per_second, roof_share })
            }
            Event::Evaluated { step, evaluation, .. } => {
                self.record(step, evaluation_values(evaluation));
                watch(Told::Loop(event))
            }
            Event::Saving { .. } => {
                self.failed = self.failed.take().or(self.telemetry.sync().err());
                watch(Told::Loop(event))
            }
            Event::Evaluating { .. } | Event::Saved { .. } => watch(Told::Loop(event)),
        };
        self.since = Instant::now();
        if self.failed.is_some() { ControlFlow::Break(()) } else { told }
    }

    fn record(&mut self, step: u64, values: Vec<(String, f64)>) {
        // a clock before 1970 is no reason to stop
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        let recorded = self.telemetry.record(&Metrics { step, time, tokens: self.tokens, values });
        self.failed = self.failed.take().or(recorded.err());
    }
}

fn step_values(report: &StepReport, tokens_per_second: f64, roof_share: f64) -> Vec<(String, f64)> {
    let own = [
        ("loss", report.loss),
        ("learning_rate", report.learning_rate),
        ("grad_norm", report.grad_norm),
        ("tokens_per_second", tokens_per_second),
        ("roof_share", roof_share),
    ];
    own.iter().chain(&report.metrics).map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn evaluation_values(evaluation: &Evaluation) -> Vec<(String, f64)> {
    let loss = [("loss", evaluation.loss)];
    loss.iter().chain(&evaluation.metrics).map(|(name, value)| (format!("eval_{name}"), *value)).collect()
}
