//! The reference of preferences, computed once before the first step and kept in the folder of the run.

use super::folder::RunFolder;
use super::start::Start;
use super::{Told, Watch, learner};
use crate::error::Error;
use crate::train::data::Prepared;
use crate::train::recipe::Recipe;
use smollm_checkpoint::{Checkpoint, Tensor, safetensors};
use smollm_corpus::feed::Batch;
use smollm_kernels::{Cpu, Dtype, Matrix};
use smollm_train::run::Plan;
use smollm_train::{KeptReference, Reference, Tensors};
use std::path::Path;
use std::time::{Duration, Instant};

pub(super) const FILE: &str = "reference.safetensors";

/// Log-probabilities of all answers that the run asks for, under the weights at the start.
pub(super) fn kept(
    folder: &RunFolder,
    cpu: &Cpu,
    start: &Start,
    recipe: &Recipe,
    data: &Prepared,
    (plan, total): (&Plan, u64),
    watch: &mut Watch<'_>,
) -> Result<Reference, Error> {
    let path = folder.path().join(FILE);
    let (mut kept, all) = if path.is_file() { read(&path)? } else { (Kept::default(), None) };
    if all == Some(total) {
        return Ok(Reference::Kept { training: kept.training, held_out: kept.held_out });
    }
    let none = Tensors::of(Vec::new(), |_, _| {});
    let mut model = None;
    // the model is made when the first answer turns out to be unknown, which after the first start none does
    let mut compute = |kept: &mut KeptReference, batch: &Batch, done: u64| -> Result<(), Error> {
        if kept.knows(batch) {
            return Ok(());
        }
        let model = match &mut model {
            Some(model) => model,
            None => model.insert(learner(cpu, start, None, &none, recipe)?),
        };
        kept.add(cpu, model, batch);
        if watch(Told::Reference { done, total }).is_break() { Err(Error::Interrupted) } else { Ok(()) }
    };
    let mut written = Instant::now();
    let mut all = |kept: &mut Kept| -> Result<(), Error> {
        for step in 0..total {
            for batch in plan.batches(&data.training, step)? {
                compute(&mut kept.training, &batch, step)?;
            }
            // a crash costs so much and no more
            if written.elapsed() > Duration::from_secs(300) {
                write(&path, kept, None)?;
                written = Instant::now();
            }
        }
        for batch in data.validation.iter().flat_map(|validation| plan.evaluation(validation)) {
            compute(&mut kept.held_out, &batch?, total)?;
        }
        Ok(())
    };
    let computed = all(&mut kept);
    // what was computed before an interruption is not computed again
    write(&path, &kept, computed.is_ok().then_some(total))?;
    computed.map(|()| Reference::Kept { training: kept.training, held_out: kept.held_out })
}

/// What the file has: how many steps of the run are known whole, once they are.
const STEPS: &str = "steps";

#[derive(Default)]
struct Kept {
    training: KeptReference,
    held_out: KeptReference,
}

impl Kept {
    /// Both parts with what their tensors are called: `training.0`, by data set.
    fn parts(&mut self) -> [(&'static str, &mut KeptReference); 2] {
        [("training", &mut self.training), ("held_out", &mut self.held_out)]
    }
}

fn write(path: &Path, kept: &Kept, steps: Option<u64>) -> Result<(), Error> {
    let parts = [("training", &kept.training), ("held_out", &kept.held_out)];
    let tensor = |name: String, sums: &[f32]| Tensor {
        name,
        dtype: Dtype::F32,
        shape: vec![sums.len()],
        data: Matrix::from_f32(1, sums.len(), sums.to_vec()).bytes().clone(),
    };
    let tensors: Vec<Tensor> = parts
        .into_iter()
        .flat_map(|(part, kept)| kept.sums.iter().enumerate().map(move |(i, sums)| (format!("{part}.{i}"), sums)))
        .filter(|(_, sums)| !sums.is_empty())
        .map(|(name, sums)| tensor(name, sums))
        .collect();
    let metadata: Vec<_> = steps.map(|steps| (STEPS.to_owned(), steps.to_string())).into_iter().collect();
    Ok(safetensors::write_tensors(path, &tensors.iter().collect::<Vec<_>>(), &metadata)?)
}

fn read(path: &Path) -> Result<(Kept, Option<u64>), Error> {
    let checkpoint = Checkpoint::open_safetensors(path)?;
    let mut kept = Kept::default();
    for tensor in checkpoint.tensors() {
        let refused =
            || Error::Run { path: path.into(), problem: format!("has no place for a tensor {}", tensor.name) };
        let (part, source) = tensor.name.rsplit_once('.').ok_or_else(refused)?;
        // as many data sets as any recipe can name
        let source = source.parse::<usize>().ok().filter(|source| *source < 1 << 16).ok_or_else(refused)?;
        let matrix = Matrix::new(tensor.dtype, 1, tensor.shape.iter().product(), tensor.data.clone());
        let matrix = matrix.map_err(|_| refused())?;
        let mut parts = kept.parts();
        let (_, part) = parts.iter_mut().find(|(name, _)| *name == part).ok_or_else(refused)?;
        if part.sums.len() <= source {
            part.sums.resize_with(source + 1, Vec::new);
        }
        part.sums[source] = vec![0.0; matrix.cols()];
        matrix.row_to_f32(0, &mut part.sums[source]);
    }
    checkpoint.still_intact()?;
    let steps = checkpoint.safetensors_metadata().iter().find(|(name, _)| name == STEPS);
    Ok((kept, steps.and_then(|(_, steps)| steps.parse().ok())))
}
