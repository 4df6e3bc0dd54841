//! The weighted average of models of one configuration.

use super::{MergeOptions, card};
use crate::convert::{Directory, plain_dtype, write_directory};
use crate::error::Error;
use crate::files::ModelFiles;
use crate::model::Parts;
use smollm_checkpoint::Progress;
use smollm_kernels::{Cpu, granted_threads};
use smollm_model::merge::weighted_sum;
use smollm_model::{ModelConfig, ModelError, Param, load_matrix, params};
use std::path::Path;

/// One of the models of an average.
#[derive(Debug, Clone)]
pub struct Share {
    /// What the user calls it.
    pub name: String,
    /// Where it lies.
    pub files: ModelFiles,
    /// How much of it; all together are 1.
    pub weight: f64,
}

/// Writes the directory `to` with the sum of each tensor times its model's weight, rounded once. Tokenizer, template and settings are
/// those of the first model.
///
/// # Errors
/// There is no model, the weights are not 1 together, the models differ in more than their numbers, one is quantised and no type is
/// named, a file is damaged or changes meanwhile, or the file system refuses; then nothing is left at `to`.
pub fn average(
    models: &[Share],
    to: &Path,
    options: &MergeOptions,
    mut progress: impl FnMut(Progress) -> Result<(), Error>,
) -> Result<(), Error> {
    let refused = |model: &str, problem: &str| Err(Error::Merge { model: model.into(), problem: problem.into() });
    let Some(first) = models.first() else { return refused("merge", "no model is given") };
    let sum: f64 = models.iter().map(|model| model.weight).sum();
    if (sum - 1.0).abs() > 1e-6 || models.iter().any(|model| !model.weight.is_finite()) {
        return refused("merge", &format!("the weights are {sum} together, not 1"));
    }
    let mut parts = Vec::new();
    for model in models {
        parts.push(Parts::read(&model.files)?);
    }
    for (model, own) in models.iter().zip(&parts).skip(1) {
        if let Some(problem) = difference(&parts[0].config, &own.config, &first.name) {
            return refused(&model.name, &problem);
        }
    }
    let mut dtype = None;
    for (model, own) in models.iter().zip(&parts) {
        let own = plain_dtype(own, &model.files, options.dtype)?;
        dtype = dtype.or(Some(own));
    }
    let dtype = dtype.expect("there is a first model");
    let cpu = Cpu::new(options.threads.unwrap_or_else(granted_threads))?;
    let cards: Vec<_> = models.iter().map(|m| card::of_model(&m.name, &m.files, Some(m.weight))).collect();
    let card = card::text(to, &cards, &[], dtype);
    let directory = Directory { parts: &parts[0], from: &first.files, to, dtype, card: Some(card) };
    let make = &mut |param: &Param| {
        let mut matrices = Vec::new();
        for (model, own) in models.iter().zip(&parts) {
            matrices.push((model.weight, load_matrix(&own.checkpoint, param).map_err(ModelError::from)?));
        }
        Ok(weighted_sum(&cpu, &matrices).to_dtype(dtype))
    };
    write_directory(directory, make, |at| {
        parts.iter().try_for_each(|own| own.checkpoint.still_intact())?;
        progress(at)
    })
}

/// Keys of `config.json` that say nothing about what the numbers of a checkpoint mean.
const FREE: [&str; 6] =
    ["bos_token_id", "eos_token_id", "pad_token_id", "initializer_range", "max_position_embeddings", "torch_dtype"];

/// In what a model differs from the first: a tensor's shape, else a key of the configuration.
fn difference(first: &ModelConfig, own: &ModelConfig, name: &str) -> Option<String> {
    let (ours, theirs) = (params(first), params(own));
    for param in &ours {
        let tensor = &param.hf_name;
        match theirs.iter().find(|own| own.hf_name == *tensor) {
            None => return Some(format!("there is no tensor `{tensor}`, which {name} has")),
            Some(own) if own.shape != param.shape => {
                let (own, expected) = (own.shape.dims(), param.shape.dims());
                return Some(format!("tensor `{tensor}` has shape {own:?}, but {expected:?} in {name}"));
            }
            Some(_) => {}
        }
    }
    if let Some(more) = theirs.iter().find(|own| !ours.iter().any(|param| param.hf_name == own.hf_name)) {
        return Some(format!("there is a tensor `{}`, which {name} lacks", more.hf_name));
    }
    let (ours, theirs) = (first.to_json(), own.to_json());
    let keys = ours.as_object().into_iter().chain(theirs.as_object()).flat_map(|object| object.keys());
    let differs = |key: &&String| !FREE.contains(&key.as_str()) && ours[key.as_str()] != theirs[key.as_str()];
    let key = keys.into_iter().find(differs)?;
    Some(format!("{key} is {}, but {} in {name}", theirs[key.as_str()], ours[key.as_str()]))
}
