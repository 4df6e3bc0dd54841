//! The matrices of a model as the products of training take them: as they are for the way there, turned for the way back.

use crate::lora::numbers;
use smollm_kernels::{Cpu, Dtype, Matrix, View};
use smollm_model::{LayerSlot, Model, ModelConfig, Param, Shape, Slot, Weights, params};
use std::collections::HashMap;

/// Turned matrices: inputs x outputs.
#[derive(Debug)]
pub(crate) struct Turned {
    matrices: HashMap<Slot, Matrix>,
    head: Slot,
    head_panels: Vec<Matrix>,
}

/// Rows of the head whose logits exist together.
pub(crate) const PANEL: usize = 1024;

impl Turned {
    pub(crate) fn layer(&self, layer: usize, slot: LayerSlot) -> &Matrix {
        &self.matrices[&Slot::Layer(layer, slot)]
    }

    /// [`PANEL`] rows of the head after the other.
    pub(crate) fn head(&self) -> &[Matrix] {
        &self.head_panels
    }

    /// The place of the head's weights: the embedding where it is tied.
    pub(crate) fn head_slot(&self) -> Slot {
        self.head
    }

    /// Takes another matrix (rows x `cols`, as it lies) for a place, if the way back has a product with it.
    pub(crate) fn set(&mut self, cpu: &Cpu, slot: Slot, values: &[f32], cols: usize, dtype: Dtype) {
        let none = || Matrix::from_f32(0, 1, Vec::new());
        if slot == self.head {
            let panels = values.chunks(PANEL * cols);
            self.head_panels.resize_with(panels.len(), none);
            for (panel, values) in self.head_panels.iter_mut().zip(panels) {
                panel.lay(cpu, View::new(values, cols).turned(), dtype);
            }
        } else if slot != Slot::EmbedTokens {
            self.matrices.entry(slot).or_insert_with(none).lay(cpu, View::new(values, cols).turned(), dtype);
        }
    }
}

/// What a weight is made of.
pub(crate) enum Source<'a> {
    /// Numbers of f32.
    Values(&'a [f32]),
    /// A matrix as a file has it; a vector is one of one row.
    Matrix(Matrix),
}

/// The model whose weights `source` has, one tensor at a time, with matrices of `dtype` (f32 or bf16), both ways.
pub(crate) fn matrices<'a, E>(
    cpu: &Cpu,
    config: &ModelConfig,
    dtype: Dtype,
    mut source: impl FnMut(&Param) -> Result<Source<'a>, E>,
) -> Result<(Model, Turned), E> {
    let head = if config.tie_word_embeddings { Slot::EmbedTokens } else { Slot::LmHead };
    let mut turned = Turned { matrices: HashMap::new(), head, head_panels: Vec::new() };
    let weights = Weights::from_params(&params(config), |param| {
        let source = source(param)?;
        let Shape::Matrix(_, cols) = param.shape else {
            return Ok(match source {
                Source::Values(values) => Matrix::from_f32(1, values.len(), values.to_vec()),
                Source::Matrix(matrix) => matrix,
            });
        };
        let widened;
        let (values, as_it_lies) = match &source {
            Source::Values(values) => (*values, None),
            Source::Matrix(matrix) => {
                widened = numbers(matrix);
                (&widened[..], (matrix.dtype() == dtype).then(|| matrix.pack(cpu)))
            }
        };
        turned.set(cpu, param.slot, values, cols, dtype);
        Ok(as_it_lies.unwrap_or_else(|| Matrix::of(cpu, View::new(values, cols), dtype)))
    })?;
    Ok((Model::new(config.clone(), weights), turned))
}
