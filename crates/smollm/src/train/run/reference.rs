//! The reference of preferences, computed once before the first step and kept in the folder of the run.

use super::folder::RunFolder;
use super::start::Start;
use super::{Told, Watch, learner};
use crate::error::Error;
use crate::train::data::Prepared;
use crate::train::recipe::Recipe;
use smollm_checkpoint::{Checkpoint, Tensor};
use smollm_corpus::feed::{Batch, FeedError};
use smollm_kernels::{Cpu, Dtype, Matrix};
use smollm_train::run::Plan;
use smollm_train::{KeptReference, Tensors};
use std::path::Path;

const FILE: &str = "reference.safetensors";

/// Log-probabilities of all answers that the run asks for, under the weights at the start.
pub(super) fn kept(
    folder: &RunFolder,
    cpu: &Cpu,
    start: &Start,
    recipe: &Recipe,
    data: &Prepared,
    (plan, total): (&Plan, u64),
    watch: &mut Watch<'_>,
) -> Result<KeptReference, Error> {
    let path = folder.path().join(FILE);
    let mut kept = if path.is_file() { read(&path)? } else { KeptReference::default() };
    let none = Tensors::of(Vec::new(), |_, _| {});
    let mut model = None;
    let mut changed = false;
    // one epoch has all rows; what is known already is only read
    let steps = total.min(data.counts.epoch_rows.div_ceil(plan.rows) + 1);
    let mut visit = |batch: Batch, validation: bool, done: u64, of: u64| -> Result<(), Error> {
        let part = if validation { &mut kept.validation } else { &mut kept.training };
        if !KeptReference::knows(part, &batch) {
            let model = match &mut model {
                Some(model) => model,
                None => model.insert(learner(cpu, start, None, &none, recipe)?),
            };
            KeptReference::add(part, cpu, model, &batch);
            changed = true;
            if watch(Told::Reference { done, total: of }).is_break() {
                return Err(Error::Interrupted);
            }
        }
        Ok(())
    };
    for step in 0..total {
        // with weights instead of epochs a row may come late for the first time
        let _ = steps;
        for batch in plan.batches(&data.training, step)? {
            visit(batch, false, step, total)?;
        }
    }
    if let Some(validation) = &data.validation {
        let rows: Vec<Result<Batch, FeedError>> = plan.evaluation(validation).collect();
        for batch in rows {
            visit(batch?, true, total, total)?;
        }
    }
    if changed {
        write(&path, &kept)?;
    }
    Ok(kept)
}
