//! The folder of a run.

use super::reference;
use super::start::Start;
use crate::error::Error;
use crate::outputs::FolderLock;
use crate::train::data::Prepared;
use crate::train::recipe::{IN_A_RUN, Recipe};
use crate::train::telemetry::METRICS;
use serde_json::json;
use smollm_corpus::feed::Feed;
use std::path::{Path, PathBuf};

/// What model and data were when the run began.
const INPUTS: &str = "inputs.json";

/// The folder of a run, which no other process works in for as long as this value is there.
pub(super) struct RunFolder {
    path: PathBuf,
    _lock: FolderLock,
}

impl RunFolder {
    /// The folder `path`, made if need be.
    pub(super) fn make(path: &Path) -> Result<Self, Error> {
        Ok(Self { path: path.into(), _lock: FolderLock::take(path, "another process is at work on this run")? })
    }

    /// The folder of a run that was begun.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        if !path.join(IN_A_RUN).is_file() {
            let problem = format!("holds no run: there is no {IN_A_RUN}");
            return Err(Error::Run { path: path.into(), problem });
        }
        Self::make(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    pub(super) fn has_recipe(&self) -> bool {
        self.path.join(IN_A_RUN).exists()
    }

    /// The recipe of the run; its output is this folder, wherever that was moved.
    pub(super) fn recipe(&self) -> Result<Recipe, Error> {
        let mut recipe = Recipe::open(&self.path.join(IN_A_RUN), &[])?;
        recipe.output =
            std::path::absolute(&self.path).map_err(|error| Error::Read { path: self.path.clone(), error })?;
        Ok(recipe)
    }

    /// What of a run is here, if anything is.
    pub(super) fn leftover(&self) -> Option<&'static str> {
        [IN_A_RUN, "checkpoints", METRICS, reference::FILE].into_iter().find(|name| self.path.join(name).exists())
    }

    /// Notes what is run and from what, or holds that against what was noted.
    pub(super) fn write_recipe(&self, recipe: &Recipe, start: &Start, data: &Prepared) -> Result<(), Error> {
        let checksums = |feed: &Feed| json!(feed.checksums());
        let inputs = json!({
            "model": start.fingerprint(),
            "data": {
                "training": data.counts.training,
                "validation": data.counts.validation,
                "checksums": [checksums(&data.training), data.validation.as_ref().map(checksums)],
            },
        });
        if !self.has_recipe() {
            // the recipe last: with it the folder holds a run
            let text = recipe.to_yaml().into_bytes();
            let noted = crate::outputs::json_file(INPUTS, &inputs);
            return crate::outputs::write_small_files(&self.path, &[noted, (IN_A_RUN, text)]);
        }
        let before = crate::model::read_json(&self.path.join(INPUTS))?.unwrap_or_default();
        for (part, what) in [("model", "the model that it starts from is"), ("data", "the data are")] {
            if before[part] != inputs[part] {
                let problem = format!("{what} not what the run was begun with ({INPUTS} notes that)");
                return Err(Error::Run { path: self.path.clone(), problem });
            }
        }
        Ok(())
    }
}
