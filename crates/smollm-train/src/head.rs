//! The head and the log-probabilities of targets, some rows at a time: logits of all tokens never exist together.

use crate::tensors::Tensors;
use crate::turned::Turned;
use smollm_kernels::ops::{self, LogProb, Product, RowWeight};
use smollm_kernels::{Cpu, Dtype, Matrix, View};
use smollm_model::Model;

/// Rows whose logits exist together.
const ROWS: usize = 256;

/// A token that is to be foretold: by the hidden state of which row of the batch, and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Row of the batch.
    pub row: usize,
    /// Token id.
    pub id: u32,
}

/// The rows of `x` (N x C) that targets look at.
fn rows_of(x: &[f32], width: usize, targets: &[Target]) -> Vec<f32> {
    targets.iter().flat_map(|target| &x[target.row * width..][..width]).copied().collect()
}

/// The log-probability of each target under the head of `model`, from hidden states (N x C).
pub(crate) fn log_probs(cpu: &Cpu, model: &Model, hidden: &[f32], targets: &[Target]) -> Vec<LogProb> {
    let (width, weight) = (model.config.hidden_size, model.weights.head());
    let mut out = vec![LogProb::default(); targets.len()];
    for (targets, out) in targets.chunks(ROWS).zip(out.chunks_mut(ROWS)) {
        let mut logits = vec![0.0; targets.len() * weight.rows()];
        ops::matmul(cpu, &rows_of(hidden, width, targets), &mut [Product { weight, out: &mut logits }]);
        ops::log_probs(cpu, &mut logits, &ids(targets), out);
    }
    out
}

fn ids(targets: &[Target]) -> Vec<u32> {
    targets.iter().map(|target| target.id).collect()
}

/// What the way back through the head writes.
pub(crate) struct Gradients<'a> {
    /// Of the hidden states (N x C), which is added to.
    pub(crate) hidden: &'a mut [f32],
    pub(crate) weights: &'a mut Tensors,
}

/// As [`log_probs`], with the gradient of a loss that hangs on each target as `weights` says.
pub(crate) fn backward(
    cpu: &Cpu,
    (model, turned, dtype): (&Model, &Turned, Dtype),
    hidden: &[f32],
    (targets, weights): (&[Target], &[RowWeight]),
    gradients: &mut Gradients<'_>,
) -> Vec<LogProb> {
    let (width, weight) = (model.config.hidden_size, model.weights.head());
    let slot = turned.head_slot();
    let mut out = vec![LogProb::default(); targets.len()];
    for ((targets, weights), out) in targets.chunks(ROWS).zip(weights.chunks(ROWS)).zip(out.chunks_mut(ROWS)) {
        let x = rows_of(hidden, width, targets);
        let mut logits = vec![0.0; targets.len() * weight.rows()];
        ops::matmul(cpu, &x, &mut [Product { weight, out: &mut logits }]);
        ops::log_probs_backward(cpu, &mut logits, &ids(targets), weights, out);
        let mut dx = vec![0.0; x.len()];
        ops::matmul(cpu, &logits, &mut [Product { weight: turned.head(), out: &mut dx }]);
        for (target, dx) in targets.iter().zip(dx.chunks_exact(width)) {
            ops::add(cpu, &mut gradients.hidden[target.row * width..][..width], dx);
        }
        if let Some(out) = gradients.weights.get_mut(slot) {
            let x = Matrix::of(cpu, View::new(&x, width).turned(), dtype);
            let dlogits = View::new(&logits, weight.rows()).turned();
            ops::matmul_added(cpu, dlogits, &mut [Product { weight: &x, out }]);
        }
    }
    out
}
