//! The matrices of a model as the products of training take them: as they are for the way there, turned for the way back.

use crate::tensors::Tensors;
use smollm_kernels::{Cpu, Dtype, Matrix, View};
use smollm_model::{LayerSlot, Model, ModelConfig, Shape, Slot, Weights};
use std::collections::HashMap;
use std::convert::Infallible;

/// Turned matrices: inputs x outputs.
#[derive(Debug)]
pub(crate) struct Turned {
    matrices: HashMap<Slot, Matrix>,
    head: Slot,
}

impl Turned {
    pub(crate) fn new(cpu: &Cpu, masters: &Tensors, dtype: Dtype) -> Self {
        let mut matrices = HashMap::new();
        let head = masters.head();
        for (param, values) in masters.iter() {
            if let Shape::Matrix(_, cols) = param.shape
                && (param.slot != Slot::EmbedTokens || head == Slot::EmbedTokens)
            {
                matrices.insert(param.slot, Matrix::of(cpu, View::new(values, cols).turned(), dtype));
            }
        }
        Self { matrices, head }
    }

    pub(crate) fn layer(&self, layer: usize, slot: LayerSlot) -> &Matrix {
        &self.matrices[&Slot::Layer(layer, slot)]
    }

    pub(crate) fn head(&self) -> &Matrix {
        &self.matrices[&self.head]
    }
}

/// The model that `masters` are the weights of, with matrices of `dtype` (f32 or bf16).
pub(crate) fn model(cpu: &Cpu, config: &ModelConfig, masters: &Tensors, dtype: Dtype) -> Model {
    let made = Weights::from_params(masters.table(), |param| {
        let values = masters.get(param.slot).expect("each row of the table has a tensor");
        Ok::<_, Infallible>(match param.shape {
            Shape::Vector(len) => Matrix::from_f32(1, len, values.to_vec()),
            Shape::Matrix(_, cols) => Matrix::of(cpu, View::new(values, cols), dtype),
        })
    });
    match made {
        Ok(weights) => Model::new(config.clone(), weights),
    }
}
