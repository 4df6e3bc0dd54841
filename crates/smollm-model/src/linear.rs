//! A weight matrix with whatever adapters lie on top of it.

use crate::adapter::LoraWeights;
use crate::params::LayerSlot;
use smollm_kernels::ops::{self, Product};
use smollm_kernels::{Cpu, Matrix};
use std::ops::Range;

/// `y = W x`, or with an adapter `y = W x + scale * B (A x)` (LoRA, arXiv 2106.09685).
#[derive(Debug, Clone)]
pub struct Linear {
    /// Outputs x inputs.
    pub weight: Matrix,
    /// The low-rank addition, kept apart so that the base stays as it is on disk.
    pub adapter: Option<LowRank>,
}

/// One adapted matrix's pair.
#[derive(Debug, Clone)]
pub struct LowRank {
    /// r x inputs.
    pub a: Matrix,
    /// outputs x r.
    pub b: Matrix,
    /// `alpha / r`, or `alpha / sqrt(r)` with rank stabilisation.
    pub scale: f32,
}

impl From<Matrix> for Linear {
    fn from(weight: Matrix) -> Self {
        Self { weight, adapter: None }
    }
}

/// What sets the rows of a batch apart in one layer.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// How many are of the prompt class; they come first.
    pub(crate) of_prompt: usize,
    /// Which are computed with which adapters.
    pub(crate) adapted: &'a [(Range<usize>, &'a LoraWeights)],
    pub(crate) layer: usize,
}

/// Several products of the same input: `outputs[i] = linears[i] x`, and what adapters add to that.
///
/// `x` is N x inputs, `outputs[i]` N x outputs of `linears[i]`.
pub(crate) fn linears(cpu: &Cpu, rows: Rows<'_>, x: &[f32], targets: &mut [(LayerSlot, &Linear, &mut [f32])]) {
    let Some((_, first, _)) = targets.first() else { return };
    let (of_prompt, generated) = x.split_at(rows.of_prompt * first.weight.cols());
    let (mut expanded, mut usual) = (Vec::with_capacity(targets.len()), Vec::with_capacity(targets.len()));
    for (_, linear, out) in &mut *targets {
        let (first, rest) = out.split_at_mut(rows.of_prompt * linear.weight.rows());
        expanded.push(Product { weight: &linear.weight, out: first });
        usual.push(Product { weight: &linear.weight, out: rest });
    }
    ops::matmul_expanded(cpu, of_prompt, &mut expanded);
    ops::matmul(cpu, generated, &mut usual);
    for (slot, linear, out) in targets {
        if let Some(adapter) = &linear.adapter {
            adapter.add_to(cpu, x, out);
        }
        let (outputs, cols) = (linear.weight.rows(), linear.weight.cols());
        for (range, adapter) in rows.adapted {
            if let Some(pair) = adapter.pair(rows.layer, *slot) {
                let x = &x[range.start * cols..range.end * cols];
                pair.add_to(cpu, x, &mut out[range.start * outputs..range.end * outputs]);
            }
        }
    }
}

/// silu(gate x) * (up x), of two linears of one shape, in one go where no adapter adds to them; else they are left in their outputs.
pub(crate) fn gated_linears(
    cpu: &Cpu,
    rows: Rows<'_>,
    x: &[f32],
    targets: &mut [(LayerSlot, &Linear, &mut [f32]); 2],
    out: &mut [f32],
) {
    let adds = |slot: LayerSlot, linear: &Linear| {
        linear.adapter.is_some() || rows.adapted.iter().any(|(_, adapter)| adapter.pair(rows.layer, slot).is_some())
    };
    if targets.iter().any(|(slot, linear, _)| adds(*slot, linear)) {
        linears(cpu, rows, x, targets);
        let [(.., gate), (.., up)] = targets;
        return ops::swiglu(cpu, gate, up, out);
    }
    let weight = &targets[0].1.weight;
    let (of_prompt, generated) = x.split_at(rows.of_prompt * weight.cols());
    let border = rows.of_prompt * weight.rows();
    let (first, rest) = out.split_at_mut(border);
    let products =
        targets.each_mut().map(|(_, linear, out)| Product { weight: &linear.weight, out: &mut out[..border] });
    ops::gated_matmul_expanded(cpu, of_prompt, products, first);
    let products =
        targets.each_mut().map(|(_, linear, out)| Product { weight: &linear.weight, out: &mut out[border..] });
    ops::gated_matmul(cpu, generated, products, rest);
}

impl LowRank {
    /// `out += scale * B (A x)`.
    fn add_to(&self, cpu: &Cpu, x: &[f32], out: &mut [f32]) {
        let rows = x.len() / self.a.cols();
        let mut inner = vec![0.0; rows * self.a.rows()];
        ops::matmul(cpu, x, &mut [Product { weight: &self.a, out: &mut inner }]);
        let mut delta = vec![0.0; out.len()];
        ops::matmul(cpu, &inner, &mut [Product { weight: &self.b, out: &mut delta }]);
        for value in &mut delta {
            *value *= self.scale;
        }
        ops::add(cpu, out, &delta);
    }
}
