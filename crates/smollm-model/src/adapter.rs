//! Laying a LoRA adapter over a model's matrices.

use crate::linear::LowRank;
use crate::weights::Weights;
use smollm_checkpoint::Tensor;
use smollm_checkpoint::adapter::Adapter;
use smollm_kernels::Matrix;

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
        "the adapter saves whole modules (modules_to_save), first `{}`; that is not supported over a loaded model",
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

/// Puts every pair of `adapter` on its matrix.
pub(crate) fn apply(weights: &mut Weights, adapter: &Adapter) -> Result<(), AdapterError> {
    if let Some(tensor) = adapter.saved().first() {
        return Err(AdapterError::SavedModules { tensor: tensor.name.clone() });
    }
    let last_layer = weights.layers.len().saturating_sub(1);
    for (module, target) in adapter.targets() {
        let unknown = || AdapterError::UnknownModule { module: module.into(), last_layer };
        let (layer, name) = split_module(module).ok_or_else(unknown)?;
        let linear = weights
            .layers
            .get_mut(layer)
            .and_then(|l| l.linears_mut().into_iter().find(|(slot, _)| slot.module() == Some(name)))
            .map(|(_, linear)| linear)
            .ok_or_else(unknown)?;
        let (a, b) = (matrix(&target.a)?, matrix(&target.b)?);
        let shape = |m: &Matrix| (m.rows(), m.cols());
        let weight = shape(&linear.weight);
        if a.cols() != weight.1 || b.rows() != weight.0 || a.rows() != b.cols() {
            return Err(AdapterError::Shape { module: module.into(), a: shape(&a), b: shape(&b), weight });
        }
        if linear.adapter.is_some() {
            return Err(AdapterError::Occupied { module: module.into() });
        }
        linear.adapter = Some(LowRank { a, b, scale: target.scaling });
    }
    Ok(())
}

fn matrix(tensor: &Tensor) -> Result<Matrix, AdapterError> {
    let unsupported = || AdapterError::Dtype { tensor: tensor.name.clone(), dtype: tensor.dtype.name() };
    let &[rows, cols] = tensor.shape.as_slice() else { return Err(unsupported()) };
    Matrix::new(tensor.dtype, rows, cols, tensor.data.clone()).map_err(|_| unsupported())
}

/// `model.layers.3.self_attn.q_proj` into 3 and `self_attn.q_proj`.
fn split_module(module: &str) -> Option<(usize, &str)> {
    let (layer, name) = module.strip_prefix("model.layers.")?.split_once('.')?;
    Some((layer.parse().ok()?, name))
}
