//! LoRA adapters into the matrices that they stand beside.

use super::{MergeOptions, card};
use crate::convert::{Directory, plain_dtype, write_directory};
use crate::error::Error;
use crate::files::ModelFiles;
use crate::model::Parts;
use smollm_checkpoint::adapter::Adapter;
use smollm_checkpoint::{Checkpoint, Progress, Tensor};
use smollm_kernels::{Cpu, Matrix, granted_threads};
use smollm_model::merge::lay_into;
use smollm_model::{LayerSlot, LowRank, ModelConfig, ModelError, Param, Shape, Slot, load_matrix, low_ranks, params};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EMBEDDING: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

/// Writes the directory `to` with W + s B A for every pair of `adapters`, computed in f32 and rounded once, and what they have learnt
/// whole in the place of the base's. `base` is what the user calls the model, and where it lies. Where an adapter has parted the
/// embedding and the head of a model that has one matrix for both, the result has two.
///
/// # Errors
/// An adapter does not fit the model or another adapter, the base is quantised and no type is named, a file is damaged or changes
/// meanwhile, or the file system refuses; then nothing is left at `to`.
pub fn merge_adapters(
    (name, files): (&str, &ModelFiles),
    adapters: &[PathBuf],
    to: &Path,
    options: &MergeOptions,
    mut progress: impl FnMut(Progress) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut parts = Parts::read(files)?;
    let mut changes = Changes::default();
    let mut notes = Vec::new();
    for path in adapters {
        let adapter = Adapter::open(path)?;
        changes.add(&parts.config, path, &adapter)?;
        notes.push(card::of_adapter(path, &adapter));
    }
    let was_tied = parts.config.tie_word_embeddings;
    parts.config.tie_word_embeddings &= !changes.part_the_head();
    changes.fit(&parts.config)?;
    let dtype = plain_dtype(&parts, files, options.dtype)?;
    let cpu = Cpu::new(options.threads.unwrap_or_else(granted_threads))?;
    let card = card::text(to, &[card::of_model(name, files, None)], &notes, dtype);
    let directory = Directory { parts: &parts, from: files, to, dtype, card: Some(card) };
    let table = params(&parts.config);
    let make = &mut |param: &Param| {
        let of_base = if param.slot == Slot::LmHead && was_tied {
            table.iter().find(|own| own.slot == Slot::EmbedTokens).unwrap_or(param)
        } else {
            param
        };
        Ok(changes.made(&cpu, &parts.checkpoint, param, of_base)?.to_dtype(dtype))
    };
    write_directory(directory, make, |at| {
        parts.checkpoint.still_intact()?;
        changes.sources.iter().try_for_each(|source| source.still_intact())?;
        progress(at)
    })
}

/// What adapters change, by place.
#[derive(Default)]
struct Changes {
    pairs: HashMap<(usize, LayerSlot), Vec<LowRank>>,
    /// By name, with the adapter.
    whole: HashMap<String, (PathBuf, Tensor)>,
    sources: Vec<Arc<Checkpoint>>,
}

impl Changes {
    fn add(&mut self, config: &ModelConfig, path: &Path, adapter: &Adapter) -> Result<(), Error> {
        let refused = |problem: String| Error::Merge { model: path.display().to_string(), problem };
        for (place, pair) in low_ranks(config, adapter).map_err(|error| refused(error.to_string()))? {
            self.pairs.entry(place).or_default().push(pair);
        }
        for tensor in adapter.saved() {
            if let Some((other, _)) = self.whole.insert(tensor.name.clone(), (path.into(), tensor.clone())) {
                let (name, other) = (tensor.name.escape_debug(), other.display());
                return Err(refused(format!("has learnt `{name}` whole, and so has {other}: only one can be had")));
            }
        }
        self.sources.extend(adapter.source().cloned());
        Ok(())
    }

    /// Whether the embedding and the head are no longer one.
    fn part_the_head(&self) -> bool {
        let bytes = |name| self.whole.get(name).map(|(_, tensor)| (tensor.dtype, tensor.data.as_slice()));
        bytes(EMBEDDING) != bytes(HEAD)
    }

    /// Whether what was learnt whole has a place in a model, of its shape, that no pair adds to.
    fn fit(&self, config: &ModelConfig) -> Result<(), Error> {
        let table = params(config);
        // where they are one, the second name is as good
        let known =
            |name: &str| if config.tie_word_embeddings && name == HEAD { EMBEDDING.into() } else { name.to_owned() };
        let mut names: Vec<&String> = self.whole.keys().collect();
        names.sort();
        for name in names {
            let (path, tensor) = &self.whole[name];
            let shown = name.escape_debug();
            let refused = |problem: String| Err(Error::Merge { model: path.display().to_string(), problem });
            let Some(param) = table.iter().find(|param| param.hf_name == known(name)) else {
                return refused(format!("has learnt `{shown}` whole, which the model does not have"));
            };
            if tensor.shape != param.shape.dims() {
                let (own, expected) = (&tensor.shape, param.shape.dims());
                return refused(format!("has learnt `{shown}` whole as {own:?}, but the model has {expected:?}"));
            }
            if let Slot::Layer(layer, slot) = param.slot
                && self.pairs.contains_key(&(layer, slot))
            {
                return refused(format!("has learnt `{shown}` whole, and another adapter has a pair beside it"));
            }
        }
        Ok(())
    }

    /// A tensor of the result.
    fn made(&self, cpu: &Cpu, base: &Checkpoint, param: &Param, of_base: &Param) -> Result<Matrix, Error> {
        if let Some((path, tensor)) = self.whole.get(&param.hf_name) {
            let (rows, cols) = match param.shape {
                Shape::Vector(len) => (1, len),
                Shape::Matrix(rows, cols) => (rows, cols),
            };
            return Matrix::new(tensor.dtype, rows, cols, tensor.data.clone()).map_err(|error| Error::Merge {
                model: path.display().to_string(),
                problem: format!("tensor `{}`: {error}", tensor.name.escape_debug()),
            });
        }
        let matrix = load_matrix(base, of_base).map_err(ModelError::from)?;
        let pairs = match param.slot {
            Slot::Layer(layer, slot) => self.pairs.get(&(layer, slot)),
            _ => None,
        };
        Ok(pairs.map_or_else(|| matrix.clone(), |pairs| lay_into(cpu, &matrix, pairs)))
    }
}
