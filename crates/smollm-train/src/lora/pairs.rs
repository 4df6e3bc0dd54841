//! Pairs beside matrices, there and back: y += s B (A dropout(x)).

use super::Lora;
use super::dropout::{Draw, Mask, dropped};
use crate::tensors::{Place, Tensors};
use smollm_kernels::ops::{self, Product};
use smollm_kernels::{Cpu, Dtype, Matrix, View};
use smollm_model::LayerSlot;
use std::collections::HashMap;

/// The pairs of a model as products take them.
#[derive(Debug)]
pub(crate) struct Pairs {
    dtype: Dtype,
    dropout: f64,
    pairs: HashMap<(usize, LayerSlot), Pair>,
}

/// A pair: A is r x inputs, B outputs x r.
#[derive(Debug)]
struct Pair {
    rank: usize,
    scale: f32,
    a: [Matrix; 2],
    b: [Matrix; 2],
}

/// The products A dropout(x) of a layer, times the scale (N x r).
pub(crate) type Inner = HashMap<LayerSlot, Vec<f32>>;

impl Pairs {
    /// # Panics
    /// If `learnt` lacks some of the tensors of `lora`.
    pub(crate) fn new(cpu: &Cpu, lora: &Lora, learnt: &Tensors, dtype: Dtype) -> Self {
        let pair = |own: &super::Pair| {
            let at = (own.layer, own.slot);
            let part = |place, cols| {
                let values = learnt.get(place).unwrap_or_else(|| panic!("{place:?} is not among the tensors"));
                both_ways(cpu, values, cols, dtype)
            };
            let (a, b) = (part(Place::LoraA(at.0, at.1), own.inputs), part(Place::LoraB(at.0, at.1), own.rank));
            (at, Pair { rank: own.rank, scale: own.scale, a, b })
        };
        Self { dtype, dropout: lora.config.dropout, pairs: lora.pairs.iter().map(pair).collect() }
    }

    /// Takes changed numbers of one half of a pair.
    pub(crate) fn set(&mut self, cpu: &Cpu, place: Place, values: &[f32]) {
        let (Place::LoraA(layer, slot) | Place::LoraB(layer, slot)) = place else { return };
        let pair = self.pairs.get_mut(&(layer, slot)).unwrap_or_else(|| panic!("there is no pair at {place:?}"));
        let half = if matches!(place, Place::LoraA(..)) { &mut pair.a } else { &mut pair.b };
        *half = both_ways(cpu, values, half[0].cols(), self.dtype);
    }

    /// The pairs of a layer in a pass, if it has any.
    pub(crate) fn layer(&self, layer: usize, draw: Option<Draw>) -> Option<LayerPairs<'_>> {
        self.pairs.keys().any(|(own, _)| *own == layer).then_some(LayerPairs { pairs: self, layer, draw })
    }
}

/// A matrix as it lies and turned.
fn both_ways(cpu: &Cpu, values: &[f32], cols: usize, dtype: Dtype) -> [Matrix; 2] {
    let view = View::new(values, cols);
    [view, view.turned()].map(|view| Matrix::of(cpu, view, dtype))
}

/// The pairs of a layer in a pass.
#[derive(Clone, Copy)]
pub(crate) struct LayerPairs<'a> {
    pairs: &'a Pairs,
    layer: usize,
    draw: Option<Draw>,
}

impl LayerPairs<'_> {
    fn get(&self, slot: LayerSlot) -> Option<(&Pair, Option<Mask>)> {
        let pair = self.pairs.pairs.get(&(self.layer, slot))?;
        Some((pair, self.draw.and_then(|draw| Mask::new(self.pairs.dropout, draw, self.layer, slot))))
    }

    /// Adds to a product of inputs `x` what its pair makes of them, if it has one; A dropout(x), times the scale.
    pub(crate) fn add(&self, cpu: &Cpu, slot: LayerSlot, x: &[f32], out: &mut [f32]) -> Option<Vec<f32>> {
        let (pair, mask) = self.get(slot)?;
        let inner = pair.scaled(cpu, &pair.a[0], &dropped(cpu, mask, x));
        let mut delta = vec![0.0; out.len()];
        ops::matmul(cpu, &inner, &mut [Product { weight: &pair.b[0], out: &mut delta }]);
        ops::add(cpu, out, &delta);
        Some(inner)
    }

    /// The way back through the pairs of products of the same inputs `x`, given the gradient of each product: adds the gradients of
    /// the pairs to `gradients`, and that of x to `dx`.
    pub(crate) fn backward(
        &self,
        cpu: &Cpu,
        products: &[(LayerSlot, &[f32])],
        (x, inner): (&[f32], &Inner),
        dx: &mut [f32],
        gradients: &mut Tensors,
    ) {
        let dtype = self.pairs.dtype;
        let mut as_it_is = None; // x turned, which all pairs share that drop nothing
        for (slot, dy) in products {
            let Some((pair, mask)) = self.get(*slot) else { continue };
            let (inputs, outputs) = (pair.a[0].cols(), pair.b[0].rows());
            let dinner = pair.scaled(cpu, &pair.b[1], dy);
            if let Some(out) = gradients.get_mut(Place::LoraB(self.layer, *slot)) {
                let inner = Matrix::of(cpu, View::new(&inner[slot], pair.rank).turned(), dtype);
                ops::matmul_added(cpu, View::new(dy, outputs).turned(), &mut [Product { weight: &inner, out }]);
            }
            if let Some(out) = gradients.get_mut(Place::LoraA(self.layer, *slot)) {
                let turned = |x: &[f32]| Matrix::of(cpu, View::new(x, inputs).turned(), dtype);
                let own = mask.map(|mask| turned(&dropped(cpu, Some(mask), x)));
                let weight = own.as_ref().unwrap_or_else(|| as_it_is.get_or_insert_with(|| turned(x)));
                ops::matmul_added(cpu, View::new(&dinner, pair.rank).turned(), &mut [Product { weight, out }]);
            }
            let mut delta = vec![0.0; dx.len()];
            ops::matmul(cpu, &dinner, &mut [Product { weight: &pair.a[1], out: &mut delta }]);
            if let Some(mask) = mask {
                mask.apply(cpu, &mut delta);
            }
            ops::add(cpu, dx, &delta);
        }
    }
}

impl Pair {
    /// A product of few outputs, times the scale.
    fn scaled(&self, cpu: &Cpu, weight: &Matrix, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len() / weight.cols() * weight.rows()];
        ops::matmul(cpu, x, &mut [Product { weight, out: &mut out }]);
        out.iter_mut().for_each(|value| *value *= self.scale);
        out
    }
}
