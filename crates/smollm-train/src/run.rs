//! The loop: steps, evaluations and checkpoints until a run ends.

use crate::checkpoints::{Best, Checkpoints, Progress, SaveError};
use crate::trainer::{Evaluation, StepError, StepReport, Trainer};
use smollm_corpus::feed::{Batch, Feed, FeedError};
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;

/// When what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Rows of a step.
    pub rows: u64,
    /// Rows that go through the model together; the last of a step may be fewer.
    pub micro_rows: u64,
    /// Steps between two evaluations; `None` for none but the last.
    pub evaluate_every: Option<u64>,
    /// Rows of an evaluation.
    pub evaluation_rows: u64,
    /// Evaluations without improvement after which the run ends.
    pub patience: Option<u64>,
    /// Steps between two checkpoints; there is one at the end in any case.
    pub save_every: Option<u64>,
}

/// What a run tells while it goes on.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step was done.
    Step(&'a StepReport),
    /// An evaluation was done, after the steps so far.
    Evaluated {
        /// Steps done.
        step: u64,
        /// What it found.
        evaluation: &'a Evaluation,
        /// Whether it is the best so far.
        best: bool,
    },
    /// A part of an evaluation comes next; it may be broken off.
    Evaluating {
        /// Rows done.
        rows: u64,
        /// Rows of all of it.
        of: u64,
    },
    /// A checkpoint is about to be written.
    Saving {
        /// Steps done.
        step: u64,
    },
    /// A checkpoint was written.
    Saved {
        /// Steps done.
        step: u64,
        /// Where.
        path: PathBuf,
    },
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All steps are done.
    Done,
    /// Evaluations did not improve any more.
    Early,
    /// Whoever watched asked to stop; a checkpoint was written.
    Stopped,
}

/// Why a run broke off. The last checkpoint is whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A step came to nothing.
    #[error(transparent)]
    Step(#[from] StepError),
    /// Data cannot be read.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// A checkpoint cannot be written.
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// Rows that go through the model together.
fn micro_batches(rows: Range<u64>, micro: u64) -> impl Iterator<Item = Range<u64>> {
    let end = rows.end;
    let micro = micro.max(1);
    (rows.start..rows.end)
        .step_by(usize::try_from(micro).unwrap_or(usize::MAX))
        .map(move |start| start..end.min(start + micro))
}

impl Plan {
    /// The micro-batches of a step, counted from 0.
    ///
    /// # Errors
    /// A data set cannot be read or is damaged.
    pub fn batches(&self, feed: &Feed, step: u64) -> Result<Vec<Batch>, FeedError> {
        micro_batches(step * self.rows..(step + 1) * self.rows, self.micro_rows).map(|rows| feed.batch(rows)).collect()
    }

    /// The micro-batches of an evaluation.
    pub fn evaluation<'a>(&self, feed: &'a Feed) -> impl Iterator<Item = Result<Batch, FeedError>> + use<'a> {
        micro_batches(0..self.evaluation_rows, self.micro_rows).map(|rows| feed.batch(rows))
    }
}

/// A run: what learns, from what, when what happens, and where it is kept.
#[derive(Debug)]
pub struct Run<'a> {
    /// What learns.
    pub trainer: Trainer,
    /// What it learns from.
    pub feed: &'a Feed,
    /// What it is evaluated on.
    pub validation: Option<&'a Feed>,
    /// When what happens.
    pub plan: Plan,
    /// Where states are kept.
    pub checkpoints: &'a Checkpoints,
    /// The evaluations so far.
    pub best: Best,
    /// The step of the last checkpoint.
    pub saved: u64,
}

impl Run<'_> {
    /// Goes on to the end; `watch` hears of all that happens and may stop it after a step, for which a checkpoint is written.
    ///
    /// # Errors
    /// A step that is not finite or has nothing to learn, data that cannot be read, a checkpoint that cannot be written. The checkpoints
    /// that there were are there still.
    pub fn go(&mut self, watch: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>) -> Result<Ended, RunError> {
        let total = self.trainer.options().total_steps;
        let mut stop = false;
        loop {
            let step = self.trainer.state().step;
            let due = |every: Option<u64>| step > 0 && every.is_some_and(|every| step.is_multiple_of(every.max(1)));
            // what is left out here is made up for when the run goes on
            if (due(self.plan.evaluate_every) || step == total) && self.best.at < step && !stop {
                stop |= self.evaluate(watch)?.is_break();
            }
            let early = self.plan.patience.is_some_and(|patience| self.best.since >= patience.max(1));
            let ended = match () {
                () if stop => Some(Ended::Stopped),
                () if step >= total => Some(Ended::Done),
                () if early => Some(Ended::Early),
                () => None,
            };
            if ended.is_some() || due(self.plan.save_every) {
                self.save(watch)?;
            }
            if let Some(ended) = ended {
                return Ok(ended);
            }
            let batches = self.plan.batches(self.feed, step)?;
            let report = self.trainer.step(&batches)?;
            stop = watch(Event::Step(&report)).is_break();
        }
    }

    /// Breaks where whoever watches does; then it is as if there had been no evaluation.
    fn evaluate(&mut self, watch: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>) -> Result<ControlFlow<()>, RunError> {
        let Some(validation) = self.validation else { return Ok(ControlFlow::Continue(())) };
        let step = self.trainer.state().step;
        let of = self.plan.evaluation_rows;
        let mut rows = 0;
        let batches = self.plan.evaluation(validation).map(|batch| -> Result<Batch, Option<FeedError>> {
            if watch(Event::Evaluating { rows, of }).is_break() {
                return Err(None);
            }
            let batch = batch.map_err(Some)?;
            rows += batch.rows.len() as u64;
            Ok(batch)
        });
        let evaluation = match self.trainer.evaluate(batches) {
            Ok(evaluation) => evaluation,
            Err(Some(error)) => return Err(error.into()),
            Err(None) => return Ok(ControlFlow::Break(())),
        };
        let kept = self.checkpoints.rule().best;
        let place = self.best.note(step, evaluation.loss, kept);
        let told = watch(Event::Evaluated { step, evaluation: &evaluation, best: place == Some(0) });
        if place.is_some_and(|place| place < kept) {
            self.save(watch)?;
        }
        Ok(told)
    }

    /// Writes a checkpoint, if there is none of this step.
    fn save(&mut self, watch: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>) -> Result<(), RunError> {
        let state = self.trainer.state();
        if self.saved == state.step {
            return Ok(());
        }
        let step = state.step;
        // what was told stands on the disk before the checkpoint that it belongs to
        let _ = watch(Event::Saving { step });
        let progress = Progress {
            step,
            tokens: state.tokens,
            supervised: state.supervised,
            isa: self.trainer.cpu().isa().to_string(),
            best: self.best.clone(),
        };
        let path = self.checkpoints.save(state, &progress)?;
        self.saved = step;
        let _ = watch(Event::Saved { step, path });
        Ok(())
    }
}
