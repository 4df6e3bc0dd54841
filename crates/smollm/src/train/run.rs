//! A run: a recipe becomes a model.
//!
//! The folder of a run has `recipe.yaml` (all that the recipe says, with what it left out), `data/`, `checkpoints/`, `metrics.jsonl`, `tensorboard/`, `report.html`
//! and at the end `model/`, or `adapter/` where adapters were learnt. What it has come to stands in the checkpoints alone: a run that was broken off
//! goes on from the newest whole one, and comes to the same bits as one that was not.

mod calibrate;
mod card;
mod export;
mod folder;
mod options;
mod origins;
mod reference;
mod roof;
mod start;
mod told;

pub use calibrate::measured_flops;
pub use told::{Finished, Told, Watch};

use crate::error::Error;
use crate::train::data;
use crate::train::recipe::{Recipe, Reference as When};
use crate::train::telemetry::Telemetry;
use folder::RunFolder;
use smollm_kernels::{Cpu, granted_threads};
use smollm_train::checkpoints::{Best, Checkpoints};
use smollm_train::run::{Ended, Run};
use smollm_train::{Learner, Lora, Reference, State, Tensors, Trainer};
use start::Start;
use std::path::Path;

/// How a run is begun or gone on with, beside its recipe.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunOptions {
    /// Go on with a run that another instruction set has begun: it does not come to the same bits.
    pub other_isa: bool,
}

/// Runs a recipe from its first step.
///
/// # Errors
/// The folder has a run already, something that the recipe names is not there or does not go with it, a step is not finite or has nothing
/// to learn, or the file system refuses. Checkpoints that were written are whole.
pub fn begin(recipe: &Recipe, hub: &dyn smollm_hub::Progress, watch: &mut Watch<'_>) -> Result<Finished, Error> {
    let folder = RunFolder::make(&recipe.output)?;
    if let Some(name) = folder.leftover() {
        let problem = format!(
            "holds a run already ({name}); go on with it by `smollm train resume`, or name another by --set output=FOLDER"
        );
        return Err(Error::Run { path: recipe.output.clone(), problem });
    }
    go(&folder, recipe, RunOptions::default(), hub, watch)
}

/// Goes on with the run in a folder, from its newest whole checkpoint.
///
/// # Errors
/// As [`begin`]; and there is no run, its data are others than before, or the newest checkpoint is of another instruction set.
pub fn resume(
    folder: &Path,
    options: RunOptions,
    hub: &dyn smollm_hub::Progress,
    watch: &mut Watch<'_>,
) -> Result<Finished, Error> {
    let folder = RunFolder::open(folder)?;
    let recipe = folder.recipe()?;
    go(&folder, &recipe, options, hub, watch)
}

/// The configuration of the model that a recipe trains.
///
/// # Errors
/// The model is not there, or the recipe does not go with it.
pub fn model_config(recipe: &Recipe, hub: &dyn smollm_hub::Progress) -> Result<smollm_model::ModelConfig, Error> {
    Ok(Start::open(recipe, hub)?.config)
}

fn go(
    folder: &RunFolder,
    recipe: &Recipe,
    options: RunOptions,
    hub: &dyn smollm_hub::Progress,
    watch: &mut Watch<'_>,
) -> Result<Finished, Error> {
    let (tokenizer, template) = data::text_parts(recipe, hub)?;
    let start = Start::open(recipe, hub)?;
    start.fits(recipe, &tokenizer)?;
    let lora = options::lora(recipe, &start.config)?;
    let mut preparing = |source: &str, at| watch(Told::Preparing { source, at });
    let data = data::prepare(recipe, &tokenizer, template.as_ref(), &mut preparing)?;
    let total = recipe.steps(data.counts.epoch_rows);
    recipe.schedule.fits(total).map_err(|problem| Error::Source { name: "schedule".into(), problem })?;
    folder.write_recipe(recipe, &start, &data)?;
    let cpu = Cpu::new(recipe.compute.threads.map_or_else(granted_threads, |threads| threads as usize))?;

    let checkpoints = Checkpoints::new(folder.checkpoints(), options::keep_rule(recipe));
    let (state, best) = match found(&checkpoints, &start, lora.as_ref(), folder.path(), watch)? {
        Some((progress, state)) => {
            if progress.isa != cpu.isa() && !options.other_isa {
                let (before, now) = (progress.isa, cpu.isa());
                let problem = format!(
                    "was begun with the instruction set {before}, and this machine computes with {now}, which rounds otherwise; \
                     --other-isa goes on all the same, or SMOLLM_ISA={before} where there is that"
                );
                return Err(Error::Run { path: folder.path().into(), problem });
            }
            (state, progress.best)
        }
        None => (State::new(start.learnt(lora.as_ref(), recipe.seed)?), Best::default()),
    };
    let begun = state.step;
    let learner = learner(&cpu, &start, lora.as_ref(), &state.learnt, recipe)?;
    let plan = options::plan(recipe, &data);
    let reference = match options::reference(recipe) {
        None => Reference::None,
        Some(_) if lora.is_some() => Reference::Base,
        Some(When::Live) => {
            Reference::Model(Box::new(self::learner(&cpu, &start, None, &Tensors::of(Vec::new(), |_, _| {}), recipe)?))
        }
        Some(When::Precomputed) => reference::kept(folder, &cpu, &start, recipe, &data, (&plan, total), watch)?,
    };
    let roof = roof::Roof::measured(&cpu, recipe, &start.config, &data.counts, &reference)?;
    let train = options::train(recipe, total);
    let (telemetry, cut) = Telemetry::open(folder.path(), begun)?;
    if begun > 0 || cut.lines > 0 {
        let _ = watch(Told::Resumed { step: begun, cut: cut.lines });
    }
    let learnt = state.learnt.iter().map(|(_, values)| values.len() as u64).sum();
    let _ = watch(Told::Begins { step: begun, total, learnt, isa: cpu.isa(), threads: cpu.threads() });
    let mut run = Run {
        trainer: Trainer::new(cpu, learner, reference, train, state).dropping_by(recipe.seed),
        feed: &data.training,
        validation: data.validation.as_ref(),
        plan,
        checkpoints: &checkpoints,
        best,
        saved: begun,
    };
    let mut teller = told::Teller::new(telemetry, roof, total, run.trainer.state().tokens);
    let ended = run.go(&mut |event| teller.hear(event, watch));
    teller.result()?;
    let ended = ended.map_err(|error| origins::named(error, folder.path(), &data.training));
    let report = export::report(folder, recipe, &data.counts, &run, &ended)?;
    let ended = ended?;
    let model = match ended {
        Ended::Stopped => None,
        Ended::Done | Ended::Early => {
            Some(export::write(folder, recipe, (&start, lora.as_ref()), &run, &tokenizer, template.as_ref())?)
        }
    };
    Ok(Finished { ended, step: run.trainer.state().step, total, best: run.best.least.first().copied(), model, report })
}

/// The newest whole checkpoint, with what is said of those that are not.
fn found(
    checkpoints: &Checkpoints,
    start: &Start,
    lora: Option<&Lora>,
    folder: &Path,
    watch: &mut Watch<'_>,
) -> Result<Option<(smollm_train::checkpoints::Progress, State)>, Error> {
    let table = start.table(lora);
    let Some(found) = checkpoints.newest(&table)? else { return Ok(None) };
    for (path, error) in &found.torn {
        let path = path.strip_prefix(folder).unwrap_or(path);
        if watch(Told::Torn { path, problem: error.to_string() }).is_break() {
            return Err(Error::Interrupted);
        }
    }
    Ok(Some((found.progress, found.state)))
}

/// A model that learns `learnt`, from the weights at the start.
fn learner(cpu: &Cpu, start: &Start, lora: Option<&Lora>, learnt: &Tensors, recipe: &Recipe) -> Result<Learner, Error> {
    let (dtype, keep) = (options::dtype(recipe), options::keep(recipe));
    match lora {
        Some(lora) => Learner::adapted(cpu, &start.config, |param| start.tensor(param), (lora, learnt), dtype, keep),
        None => Learner::new(cpu, &start.config, |param| start.tensor(param), learnt, dtype, keep),
    }
}
