//! LoRA (Hu et al. 2021, arXiv 2106.09685): what is learnt is a pair of narrow matrices beside each of some matrices, y = W x + s B (A
//! dropout(x)), and perhaps some tensors whole. Which, and how the pairs begin, is as in PEFT.

mod dropout;
mod files;
mod pairs;

#[cfg(test)]
mod tests;

pub use dropout::Draw;
pub(crate) use pairs::{Inner, LayerPairs, Pairs};

use crate::tensors::{Learnt, Place, Tensors};
use dropout::Mask;
use smollm_checkpoint::adapter::{AdapterConfig, AdapterError, TargetModules};
use smollm_kernels::Matrix;
use smollm_model::init::{splitmix64, stream};
use smollm_model::{LayerSlot, ModelConfig, Param, Shape, Slot, params};
use std::collections::HashMap;

/// What PEFT puts before the names of modules.
const PREFIX: &str = "base_model.model.";
/// The modules that pairs can stand beside.
const ADAPTABLE: &str = "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj and \"all-linear\"";
/// The modules that can be learnt whole besides.
const WHOLE: &str = "embed_tokens, lm_head, norm, input_layernorm, post_attention_layernorm";

/// Options of LoRA that make no sense for a model, or an adapter that does not fit it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[allow(missing_docs, reason = "fields are what the messages say they are")]
pub enum LoraError {
    #[error("{field} is {value}, not {expected}")]
    Number { field: &'static str, value: f64, expected: &'static str },
    #[error(
        "target_modules names nothing that the model has by {name:?}; known are {ADAPTABLE}, alone or as in \"self_attn.q_proj\""
    )]
    UnknownTarget { name: String },
    #[error(
        "target_modules has {name:?}: pairs stand beside the matrices of layers only; learn it whole with modules_to_save"
    )]
    NoLayer { name: String },
    #[error("target_modules is empty; known are {ADAPTABLE}")]
    NoTarget,
    #[error(
        "modules_to_save names nothing that the model has by {name:?}; known are {WHOLE}, and the matrices of layers"
    )]
    UnknownSaved { name: String },
    /// PEFT gives each its own copy, which parts them, and a model with tied weights cannot have both.
    #[error(
        "modules_to_save has {name:?}, but the embedding and the head of this model are one matrix (tie_word_embeddings), which an adapter \
         would part; leave it out, or train without LoRA"
    )]
    Tied { name: String },
    #[error("the adapter's tensor {tensor:?} does not fit the model: {problem}")]
    Misfit { tensor: String, problem: String },
    #[error("the adapter has no pair of matrices")]
    NoPairs,
    #[error(transparent)]
    Adapter(#[from] AdapterError),
}

/// What is learnt beside a frozen model, and how.
#[derive(Debug, Clone)]
pub struct Lora {
    config: AdapterConfig,
    pairs: Vec<Pair>,
    saved: Vec<Param>,
}

/// A pair beside a matrix.
#[derive(Debug, Clone)]
struct Pair {
    layer: usize,
    slot: LayerSlot,
    /// As in `model.layers.0.self_attn.q_proj`.
    module: String,
    rank: usize,
    scale: f32,
    inputs: usize,
    outputs: usize,
}

impl Pair {
    fn tables(&self) -> [Learnt; 2] {
        let name = |half: &str| format!("{PREFIX}{}.{half}.weight", self.module);
        let a = Shape::Matrix(self.rank, self.inputs);
        let b = Shape::Matrix(self.outputs, self.rank);
        [
            Learnt { place: Place::LoraA(self.layer, self.slot), name: name("lora_A"), shape: a },
            Learnt { place: Place::LoraB(self.layer, self.slot), name: name("lora_B"), shape: b },
        ]
    }
}

/// The module whose weight a row of the parameter table is.
fn module(param: &Param) -> &str {
    param.hf_name.strip_suffix(".weight").unwrap_or(&param.hf_name)
}

/// The matrices that pairs can stand beside: layer, slot, outputs, inputs.
fn adaptable(param: &Param) -> Option<(usize, LayerSlot, usize, usize)> {
    match (param.slot, param.shape) {
        (Slot::Layer(layer, slot), Shape::Matrix(outputs, inputs)) => Some((layer, slot, outputs, inputs)),
        _ => None,
    }
}

impl Lora {
    /// What the options in `config` mean for a model. Names in `target_modules` are module names or the ends of such (`q_proj`,
    /// `self_attn.q_proj`, `layers.3.mlp.up_proj`), a regular expression over whole ones, or `all-linear`, alone or in a list; those in
    /// `modules_to_save` the ends of names, letter for letter, as in PEFT: `norm` means every norm.
    ///
    /// # Errors
    /// A number that makes no sense, or a name that means nothing; tied embeddings that would be learnt whole.
    pub fn new(mut config: AdapterConfig, model: &ModelConfig) -> Result<Self, LoraError> {
        check_numbers(&config)?;
        let all_linear = match &config.target_modules {
            TargetModules::Names(names) => names.iter().any(|name| name == "all-linear"),
            TargetModules::Pattern(pattern) => pattern == "all-linear",
        };
        let table = params(model);
        if all_linear {
            let names = table.iter().filter_map(adaptable).filter(|(layer, ..)| *layer == 0);
            let short = |slot: LayerSlot| slot.module().and_then(|module| module.rsplit('.').next()).map(str::to_owned);
            config.target_modules = TargetModules::Names(names.filter_map(|(_, slot, ..)| short(slot)).collect());
        }
        if let TargetModules::Names(names) = &config.target_modules {
            names.iter().try_for_each(|name| check_target(name, &table))?;
        }
        let saved = saved_of(&config.modules_to_save, model, &table)?;
        let mut pairs = Vec::new();
        for param in &table {
            let Some((layer, slot, outputs, inputs)) = adaptable(param) else { continue };
            let module = module(param);
            // PEFT puts no pair beside what is learnt whole
            if config.targets(module)? && !saved.iter().any(|saved| saved.slot == param.slot) {
                let rank = config.rank(module)?;
                let scale = config.scaling(module, rank)?;
                pairs.push(Pair { layer, slot, module: module.to_owned(), rank, scale, inputs, outputs });
            }
        }
        if pairs.is_empty() {
            return Err(LoraError::NoTarget);
        }
        Ok(Self { config, pairs, saved })
    }

    /// The options.
    pub fn config(&self) -> &AdapterConfig {
        &self.config
    }

    /// What is learnt: pairs in the order of the model's matrices, A before B, then what is learnt whole.
    pub fn table(&self) -> Vec<Learnt> {
        self.pairs.iter().flat_map(Pair::tables).chain(self.saved.iter().map(Learnt::from)).collect()
    }

    /// How it begins: A uniform between -1 and 1 / sqrt(inputs), which is the default of PEFT (`kaiming_uniform_` with a = sqrt(5)); B
    /// zero, so that nothing is added yet; and what is learnt whole as `base` has it. Numbers are functions of seed, name and index.
    ///
    /// # Errors
    /// Whatever `base` returns.
    pub fn start<E>(&self, seed: u64, mut base: impl FnMut(&Param) -> Result<Matrix, E>) -> Result<Tensors, E> {
        let mut whole: HashMap<Slot, Vec<f32>> = HashMap::new();
        for param in &self.saved {
            whole.insert(param.slot, numbers(&base(param)?));
        }
        Ok(Tensors::of(self.table(), |learnt, values| match learnt.place {
            Place::Base(slot) => values.copy_from_slice(&whole[&slot]),
            Place::LoraB(..) => {}
            Place::LoraA(..) => {
                let Shape::Matrix(_, inputs) = learnt.shape else { return };
                let (stream, bound) = (stream(seed, &learnt.name), 1.0 / (inputs as f64).sqrt());
                for (index, value) in (0..).zip(values) {
                    // 24 random bits at the centres of their cells
                    let uniform = ((splitmix64(stream.wrapping_add(index)) >> 40) as f64 + 0.5) / f64::from(1 << 24);
                    *value = (bound * (2.0 * uniform - 1.0)) as f32;
                }
            }
        }))
    }

    /// What the inputs of the pair beside a matrix are multiplied by in training, for `tokens` tokens (N x inputs); `None` where
    /// there is no such pair or nothing is dropped.
    pub fn mask(&self, draw: Draw, layer: usize, slot: LayerSlot, tokens: usize) -> Option<Vec<f32>> {
        let pair = self.pairs.iter().find(|pair| (pair.layer, pair.slot) == (layer, slot))?;
        let mut mask = vec![1.0; tokens * pair.inputs];
        Mask::new(self.config.dropout, draw, layer, slot)?.piece(0, &mut mask);
        Some(mask)
    }
}

/// All numbers of a matrix, row after row.
pub(crate) fn numbers(matrix: &Matrix) -> Vec<f32> {
    let cols = matrix.cols();
    let mut values = vec![0.0; matrix.rows() * cols];
    for (row, values) in values.chunks_exact_mut(cols).enumerate() {
        matrix.row_to_f32(row, values);
    }
    values
}

fn check_numbers(config: &AdapterConfig) -> Result<(), LoraError> {
    if config.r == 0 {
        return Err(LoraError::Number { field: "the rank", value: 0.0, expected: "at least 1" });
    }
    if !config.alpha.is_finite() || config.alpha <= 0.0 {
        return Err(LoraError::Number { field: "alpha", value: config.alpha, expected: "a number above 0" });
    }
    if !(0.0..1.0).contains(&config.dropout) {
        let expected = "a probability from 0 to below 1";
        return Err(LoraError::Number { field: "the dropout", value: config.dropout, expected });
    }
    Ok(())
}

/// Whether a name in `target_modules` means something.
fn check_target(name: &str, table: &[Param]) -> Result<(), LoraError> {
    let named = |param: &&Param| module(param) == name || module(param).ends_with(&format!(".{name}"));
    match table.iter().find(named) {
        Some(param) if adaptable(param).is_some() => Ok(()),
        Some(_) => Err(LoraError::NoLayer { name: name.into() }),
        None if name == "lm_head" => Err(LoraError::NoLayer { name: name.into() }),
        None => Err(LoraError::UnknownTarget { name: name.into() }),
    }
}

/// What is learnt whole, in the order of the table.
fn saved_of(names: &[String], model: &ModelConfig, table: &[Param]) -> Result<Vec<Param>, LoraError> {
    let ends = |param: &Param, name: &str| module(param).ends_with(name);
    for name in names {
        let tied = model.tie_word_embeddings
            && ("lm_head".ends_with(&**name)
                || table.iter().any(|param| param.slot == Slot::EmbedTokens && ends(param, name)));
        if tied {
            return Err(LoraError::Tied { name: name.clone() });
        }
        if name.is_empty() || !table.iter().any(|param| ends(param, name)) {
            return Err(LoraError::UnknownSaved { name: name.clone() });
        }
    }
    Ok(table.iter().filter(|param| names.iter().any(|name| ends(param, name))).cloned().collect())
}
