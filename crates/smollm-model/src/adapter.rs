//! LoRA adapters: laid over a model's matrices for good, or kept beside them for those who ask.

use crate::config::ModelConfig;
use crate::linear::LowRank;
use crate::model::{Model, ModelError};
use crate::params::{LayerSlot, Shape, Slot, params};
use crate::weights::Weights;
use smollm_checkpoint::adapter::Adapter;
use smollm_checkpoint::{Checkpoint, CheckpointError, Tensor};
use smollm_kernels::Matrix;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An adapter that does not fit; each message names the module.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// The model has no such module.
    #[error(
        "adapter module `{}` does not exist in the model; adaptable are q, k, v, o, gate, up and down_proj of layers 0 to {last_layer}",
        module.escape_debug()
    )]
    UnknownModule {
        /// Name in the adapter.
        module: String,
        /// Highest layer of the model.
        last_layer: usize,
    },
    /// A or B has the wrong shape.
    #[error("adapter module `{module}`: A is {a:?} and B is {b:?}, but the weight is {weight:?}")]
    Shape {
        /// Name in the adapter.
        module: String,
        /// r x inputs expected.
        a: (usize, usize),
        /// outputs x r expected.
        b: (usize, usize),
        /// outputs x inputs.
        weight: (usize, usize),
    },
    /// A or B has a type that cannot be computed with.
    #[error("adapter tensor `{tensor}` has type {dtype}, which is not supported; save the adapter as F32, F16 or BF16")]
    Dtype {
        /// Name in the adapter.
        tensor: String,
        /// Its type.
        dtype: &'static str,
    },
    /// The adapter replaces whole modules besides its low-rank pairs.
    #[error(
        "the adapter saves whole modules (modules_to_save), first `{}`; lay it into the model for good instead (smollm merge)",
        tensor.escape_debug()
    )]
    SavedModules {
        /// The first of them.
        tensor: String,
    },
    /// The module already carries an adapter.
    #[error("adapter module `{module}` already has an adapter")]
    Occupied {
        /// Name in the adapter.
        module: String,
    },
}

/// A LoRA adapter that fits a model, beside it: the tokens of a batch that ask for it are computed with it
/// ([`crate::Span::adapter`]), and the model stays as it is.
#[derive(Debug)]
pub struct LoraWeights {
    id: u64,
    digest: [u8; 32],
    /// The model that it was made for.
    config: ModelConfig,
    pairs: HashMap<(usize, LayerSlot), LowRank>,
    source: Option<Arc<Checkpoint>>,
}

impl LoraWeights {
    /// The pairs of `adapter`, each on its matrix of `model`.
    ///
    /// # Errors
    /// The adapter targets a module that the model does not have, has the wrong shape, or replaces whole modules.
    pub fn new(model: &Model, adapter: &Adapter) -> Result<Self, ModelError> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let pairs = pairs(&model.config, adapter)?;
        Ok(Self {
            id,
            digest: adapter.digest(),
            config: model.config.clone(),
            pairs,
            source: adapter.source().cloned(),
        })
    }

    /// Tells it from every other that this process made: two loads of one file are two.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// A digest of its matrices and scale: two loads of one file have the same.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Whether it was made for a model of this configuration.
    pub fn fits(&self, config: &ModelConfig) -> bool {
        self.config == *config
    }

    /// Bytes of its matrices.
    pub fn bytes(&self) -> usize {
        self.pairs.values().map(|pair| pair.a.bytes_len() + pair.b.bytes_len()).sum()
    }

    /// The file still is what was mapped; see [`Model::still_intact`].
    ///
    /// # Errors
    /// It was truncated or replaced since it was opened.
    pub fn still_intact(&self) -> Result<(), CheckpointError> {
        self.source.as_ref().map_or(Ok(()), |checkpoint| checkpoint.still_intact())
    }

    pub(crate) fn pair(&self, layer: usize, slot: LayerSlot) -> Option<&LowRank> {
        self.pairs.get(&(layer, slot))
    }
}

/// Puts every pair of `adapter` on its matrix.
pub(crate) fn apply(weights: &mut Weights, config: &ModelConfig, adapter: &Adapter) -> Result<(), AdapterError> {
    for ((layer, slot), pair) in pairs(config, adapter)? {
        let linears = weights.layers[layer].linears_mut();
        let Some((_, linear)) = linears.into_iter().find(|(own, _)| *own == slot) else { continue };
        if linear.adapter.is_some() {
            let module = format!("model.layers.{layer}.{}", slot.module().unwrap_or_default());
            return Err(AdapterError::Occupied { module });
        }
        linear.adapter = Some(pair);
    }
    Ok(())
}

/// As [`low_ranks`], of an adapter that has nothing else.
fn pairs(config: &ModelConfig, adapter: &Adapter) -> Result<HashMap<(usize, LayerSlot), LowRank>, AdapterError> {
    match adapter.saved().first() {
        Some(tensor) => Err(AdapterError::SavedModules { tensor: tensor.name.clone() }),
        None => low_ranks(config, adapter),
    }
}

/// The pairs of `adapter` by the matrices that they belong to, in a model of this configuration.
///
/// # Errors
/// The adapter targets a module that the model does not have, or has the wrong shape or a type that cannot be computed with.
pub fn low_ranks(
    config: &ModelConfig,
    adapter: &Adapter,
) -> Result<HashMap<(usize, LayerSlot), LowRank>, AdapterError> {
    let table = params(config);
    let last_layer = config.num_hidden_layers.saturating_sub(1);
    let mut pairs = HashMap::new();
    for (module, target) in adapter.targets() {
        let found = table.iter().find_map(|param| match (param.slot, param.shape) {
            (Slot::Layer(layer, slot), Shape::Matrix(rows, cols))
                if param.hf_name.strip_suffix(".weight") == Some(module) =>
            {
                Some(((layer, slot), (rows, cols)))
            }
            _ => None,
        });
        let (place, weight) = found.ok_or_else(|| AdapterError::UnknownModule { module: module.into(), last_layer })?;
        let (a, b) = (matrix(&target.a)?, matrix(&target.b)?);
        let shape = |m: &Matrix| (m.rows(), m.cols());
        if a.cols() != weight.1 || b.rows() != weight.0 || a.rows() != b.cols() {
            return Err(AdapterError::Shape { module: module.into(), a: shape(&a), b: shape(&b), weight });
        }
        pairs.insert(place, LowRank { a, b, scale: target.scaling });
    }
    Ok(pairs)
}

fn matrix(tensor: &Tensor) -> Result<Matrix, AdapterError> {
    let unsupported = || AdapterError::Dtype { tensor: tensor.name.clone(), dtype: tensor.dtype.name() };
    let &[rows, cols] = tensor.shape.as_slice() else { return Err(unsupported()) };
    Matrix::new(tensor.dtype, rows, cols, tensor.data.clone()).map_err(|_| unsupported())
}
