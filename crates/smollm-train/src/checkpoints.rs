//! States on disk: each in a folder of its own that is there whole or not at all.
//!
//! `step-00000100/` holds `weights.safetensors`, `moments.safetensors` (f32) and `state.json`, which says how much of a run is done and has the CRC-32 of
//! each file's tensors in the order of the file. It is written under another name and renamed; what a crash leaves under that name is
//! removed at the next start.

mod error;
mod files;
#[cfg(test)]
mod tests;

pub use error::SaveError;

use crate::tensors::{Learnt, Tensors};
use crate::trainer::State;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What a run keeps beside tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Inputs seen.
    pub tokens: u64,
    /// Predictions that the loss counted.
    pub supervised: u64,
    /// The instruction set that it was computed with: another one rounds otherwise.
    pub isa: String,
    /// The evaluations so far.
    pub best: Best,
}

/// The best evaluations of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Steps and losses, the least loss first.
    pub least: Vec<(u64, f64)>,
    /// Evaluations since the first of them, none of which was better.
    pub since: u64,
    /// The step of the last evaluation.
    pub at: u64,
}

impl Best {
    /// Takes note of an evaluation, where `kept` of the best are kept; its place among them, from 0, if it has one.
    pub fn note(&mut self, step: u64, loss: f64, kept: usize) -> Option<usize> {
        // a loss that is no number is no improvement; of equal ones the older is better
        let place = self.least.iter().position(|(_, other)| loss < *other).unwrap_or(self.least.len());
        let place = Some(place).filter(|place| *place < kept.max(1) && !loss.is_nan());
        if let Some(place) = place {
            self.least.insert(place, (step, loss));
            self.least.truncate(kept.max(1));
        }
        self.since = if place == Some(0) { 0 } else { self.since + 1 };
        self.at = step;
        place
    }
}

/// Which states outlast newer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepRule {
    /// So many of the newest; at least 1.
    pub last: usize,
    /// Those of so many of the best evaluations, too.
    pub best: usize,
}

/// The folder of a run's states.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
    rule: KeepRule,
}

/// What was found to go on from.
#[derive(Debug)]
pub struct Found {
    /// What the run keeps beside tensors.
    pub progress: Progress,
    /// The tensors.
    pub state: State,
    /// Newer states that cannot be used, with the reason.
    pub torn: Vec<(PathBuf, SaveError)>,
}

const PARTIAL: &str = ".partial";
/// What is damaged bears this until the next state is written, so that it counts for none.
const TORN: &str = ".torn";

impl Checkpoints {
    /// States in `folder`, which is made at the first.
    pub fn new(folder: impl Into<PathBuf>, rule: KeepRule) -> Self {
        Self { folder: folder.into(), rule }
    }

    /// Which states outlast newer ones.
    pub fn rule(&self) -> KeepRule {
        self.rule
    }

    /// Where the state of a step is.
    pub fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("step-{step:08}"))
    }

    /// The steps that there are states of, in order.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn steps(&self) -> Result<Vec<u64>, SaveError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(SaveError::io(&self.folder, "list", error)),
        };
        let mut steps = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| SaveError::io(&self.folder, "list", error))?;
            let name = entry.file_name();
            // a folder of another form is not ours
            steps.extend(name.to_str().and_then(|name| name.strip_prefix("step-")?.parse::<u64>().ok()));
        }
        steps.sort_unstable();
        Ok(steps)
    }

    /// Writes a state, and removes those that the rule does not keep.
    ///
    /// # Errors
    /// The file system refuses: the states that there were are all there still.
    pub fn save(&self, state: &State, progress: &Progress) -> Result<PathBuf, SaveError> {
        let target = self.path(progress.step);
        let partial = self.folder.join(format!("step-{:08}{PARTIAL}", progress.step));
        let written = files::write(&partial, state, progress).and_then(|()| files::put_in_place(&partial, &target));
        if let Err(error) = written {
            // what is left of it would fill a disk that is full already; the error matters more than whether this works
            let _ = std::fs::remove_dir_all(&partial);
            return Err(error);
        }
        self.tidy(progress)?;
        Ok(target)
    }

    /// Removes what the rule does not keep.
    fn tidy(&self, progress: &Progress) -> Result<(), SaveError> {
        self.remove(TORN)?;
        let steps = self.steps()?;
        let old = steps.len().saturating_sub(self.rule.last.max(1));
        let best: Vec<u64> = progress.best.least.iter().take(self.rule.best).map(|(step, _)| *step).collect();
        for step in steps[..old].iter().filter(|step| !best.contains(step)) {
            let path = self.path(*step);
            // under the other name first: half of a state never bears the name of a whole one
            let partial = self.folder.join(format!("step-{step:08}{PARTIAL}"));
            std::fs::rename(&path, &partial).map_err(|error| SaveError::io(&path, "remove", error))?;
            std::fs::remove_dir_all(&partial).map_err(|error| SaveError::io(&partial, "remove", error))?;
        }
        Ok(())
    }

    /// The newest state that is whole, whose tensors are those of `table`; what was being written at a crash is removed.
    ///
    /// # Errors
    /// The file system refuses, or a whole state is of other tensors: of another model or recipe.
    pub fn newest(&self, table: &[Learnt]) -> Result<Option<Found>, SaveError> {
        self.remove(PARTIAL)?;
        let mut torn: Vec<(PathBuf, SaveError)> = Vec::new();
        for step in self.steps()?.into_iter().rev() {
            let path = self.path(step);
            match files::read(&path, table) {
                Ok((progress, learnt, moments)) => {
                    let Progress { step, tokens, supervised, .. } = progress;
                    let state = State { step, tokens, supervised, learnt, moments };
                    for (path, _) in &torn {
                        let mut name = path.clone().into_os_string();
                        name.push(TORN);
                        std::fs::rename(path, name).map_err(|error| SaveError::io(path, "rename", error))?;
                    }
                    return Ok(Some(Found { progress, state, torn }));
                }
                Err(error) if error.is_torn() => torn.push((path, error)),
                Err(error) => return Err(error),
            }
        }
        match torn.is_empty() {
            true => Ok(None),
            false => Err(SaveError::AllTorn { folder: self.folder.clone(), torn }),
        }
    }

    /// The weights of one state alone.
    ///
    /// # Errors
    /// There is none, it is damaged or of other tensors.
    pub fn weights(&self, step: u64, table: &[Learnt]) -> Result<Tensors, SaveError> {
        files::read_weights(&self.path(step), table).map(|(_, learnt)| learnt)
    }

    /// Removes folders of ours whose names end so.
    fn remove(&self, ending: &str) -> Result<(), SaveError> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Ok(()) };
        for entry in entries {
            let path = entry.map_err(|error| SaveError::io(&self.folder, "list", error))?.path();
            let is_ours = |name: &str| name.starts_with("step-") && name.ends_with(ending);
            if path.file_name().and_then(|name| name.to_str()).is_some_and(is_ours) {
                std::fs::remove_dir_all(&path).map_err(|error| SaveError::io(&path, "remove", error))?;
            }
        }
        Ok(())
    }
}

/// Makes a rename in `folder` outlast a crash of the system. Not every system can open a folder, and what was renamed is whole either way.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = std::fs::File::open(folder) {
        let _ = folder.sync_all();
    }
}
