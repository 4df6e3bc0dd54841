//! A weight matrix with whatever adapters lie on top of it.

use smollm_kernels::ops::{self, Product};
use smollm_kernels::{Cpu, Matrix};

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

/// Several products of the same input in one fork and join: `outputs[i] = linears[i] x`.
///
/// `x` is N x inputs, `outputs[i]` N x outputs of `linears[i]`.
pub(crate) fn linears(cpu: &Cpu, x: &[f32], targets: &mut [(&Linear, &mut [f32])]) {
    let mut products: Vec<Product<'_>> =
        targets.iter_mut().map(|(linear, out)| Product { weight: &linear.weight, out }).collect();
    ops::matmul(cpu, x, &mut products);
    for (linear, out) in targets {
        if let Some(adapter) = &linear.adapter {
            adapter.add_to(cpu, x, out);
        }
    }
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
