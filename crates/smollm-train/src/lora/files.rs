//! Adapters in files, in PEFT's form, and what is learnt of them.

use super::{Lora, LoraError, PREFIX, Pair, adaptable, check_numbers, module};
use crate::tensors::{Place, Tensors};
use smollm_checkpoint::Tensor;
use smollm_checkpoint::adapter::Adapter;
use smollm_kernels::{Dtype, Matrix};
use smollm_model::{ModelConfig, Param, params};
use std::collections::HashMap;

impl Lora {
    /// What an adapter has learnt, to go on from there; its file, not its configuration, says which modules it has.
    ///
    /// # Errors
    /// A tensor that does not fit the model.
    pub fn of_adapter(adapter: &Adapter, model: &ModelConfig) -> Result<(Self, Tensors), LoraError> {
        check_numbers(adapter.config())?;
        let table = params(model);
        let mut values: HashMap<Place, Vec<f32>> = HashMap::new();
        let mut pairs = Vec::new();
        for (name, target) in adapter.targets() {
            let misfit = |problem| LoraError::Misfit { tensor: target.a.name.clone(), problem };
            let found = table.iter().find(|param| module(param) == name).and_then(adaptable);
            let Some((layer, slot, outputs, inputs)) = found else {
                return Err(misfit("there is no such matrix in a layer".into()));
            };
            if (target.outputs(), target.inputs()) != (outputs, inputs) {
                let own = (target.outputs(), target.inputs());
                return Err(misfit(format!("it is for a matrix of {own:?}, not {:?}", (outputs, inputs))));
            }
            values.insert(Place::LoraA(layer, slot), numbers(&target.a)?);
            values.insert(Place::LoraB(layer, slot), numbers(&target.b)?);
            let (rank, scale) = (target.rank(), target.scaling);
            pairs.push(Pair { layer, slot, module: name.into(), rank, scale, inputs, outputs });
        }
        if pairs.is_empty() {
            return Err(LoraError::NoPairs);
        }
        let place = |pair: &Pair| table.iter().position(|param| module(param) == pair.module);
        pairs.sort_by_key(place);
        let mut saved = Vec::new();
        for tensor in adapter.saved() {
            let param = saved_param(tensor, model, &table)?;
            values.insert(Place::Base(param.slot), numbers(tensor)?);
            saved.push(param.clone());
        }
        saved.sort_by_key(|own| table.iter().position(|param| param.slot == own.slot));
        let lora = Self { config: adapter.config().clone(), pairs, saved };
        let tensors = Tensors::of(lora.table(), |learnt, own| own.copy_from_slice(&values[&learnt.place]));
        Ok((lora, tensors))
    }

    /// What was learnt as an adapter, in f32, ready to be written ([`Adapter::write`]).
    ///
    /// # Errors
    /// The tensors are not those of [`Lora::table`].
    pub fn adapter(&self, learnt: &Tensors) -> Result<Adapter, LoraError> {
        let tensor = |(row, values): (&crate::Learnt, &[f32])| Tensor {
            name: match row.place {
                Place::Base(_) => format!("{PREFIX}{}", row.name),
                Place::LoraA(..) | Place::LoraB(..) => row.name.clone(),
            },
            dtype: Dtype::F32,
            shape: row.shape.dims(),
            data: Matrix::from_f32(1, values.len(), values.to_vec()).bytes().clone(),
        };
        Ok(Adapter::from_tensors(self.config.clone(), learnt.iter().map(tensor))?)
    }
}

/// The row of the table that a tensor learnt whole is for.
fn saved_param<'t>(tensor: &Tensor, model: &ModelConfig, table: &'t [Param]) -> Result<&'t Param, LoraError> {
    let name = &tensor.name;
    if model.tie_word_embeddings && ["model.embed_tokens.weight", "lm_head.weight"].contains(&&**name) {
        return Err(LoraError::Tied { name: name.clone() });
    }
    let misfit = |problem| LoraError::Misfit { tensor: name.clone(), problem };
    let param = table.iter().find(|param| param.hf_name == *name);
    let param = param.ok_or_else(|| misfit("there is no such tensor".into()))?;
    if param.shape.dims() != tensor.shape {
        return Err(misfit(format!("it is {:?}, not {:?}", tensor.shape, param.shape.dims())));
    }
    Ok(param)
}

/// The numbers of a tensor of plain type.
fn numbers(tensor: &Tensor) -> Result<Vec<f32>, LoraError> {
    let misfit = |problem: String| LoraError::Misfit { tensor: tensor.name.clone(), problem };
    let (rows, cols) = match tensor.shape[..] {
        [len] => (1, len),
        [rows, cols] => (rows, cols),
        _ => return Err(misfit(format!("it has {} dimensions", tensor.shape.len()))),
    };
    if tensor.dtype.is_quantized() {
        return Err(misfit(format!("it is of type {}", tensor.dtype)));
    }
    let matrix =
        Matrix::new(tensor.dtype, rows, cols, tensor.data.clone()).map_err(|error| misfit(error.to_string()))?;
    Ok(super::numbers(&matrix))
}
