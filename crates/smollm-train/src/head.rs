//! The head and the log-probabilities of targets: logits exist for some rows and some ids at a time, and are computed anew for the way back.

use crate::tensors::Tensors;
use crate::turned::{PANEL, Turned};
use smollm_kernels::ops::{self, Denominator, LogProb, LogitRow, Product, RowWeight};
use smollm_kernels::{Cpu, Dtype, Matrix, View};
use smollm_model::Model;
use std::ops::Range;

/// Rows whose logits exist together.
const ROWS: usize = 512;

/// A token that is to be foretold: by the hidden state of which row of the batch, and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Row of the batch.
    pub row: usize,
    /// Token id.
    pub id: u32,
}

/// What all logits of a target's row come to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    /// That of the target itself.
    logit: f32,
    denominator: Denominator,
}

impl Known {
    pub(crate) fn log_prob(&self) -> LogProb {
        let log_z = self.denominator.log_z();
        LogProb { log_prob: self.logit - log_z, log_z }
    }
}

/// Memory that is used again from step to step.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    x: Vec<f32>,
    dx: Vec<f32>,
    logits: Vec<f32>,
    /// x, turned, some rows at a time.
    operands: Vec<Matrix>,
}

/// Writes the rows of `hidden` (N x C) that targets look at.
fn gather<'t>(hidden: &[f32], width: usize, targets: impl Iterator<Item = &'t Target>, to: &mut Vec<f32>) {
    to.clear();
    targets.for_each(|target| to.extend_from_slice(&hidden[target.row * width..][..width]));
}

/// The ids of a panel of a vocabulary, panel by panel.
fn panels(vocab: usize) -> impl Iterator<Item = Range<usize>> {
    (0..vocab).step_by(PANEL).map(move |first| first..vocab.min(first + PANEL))
}

/// What the head (V x C) finds of each target, from hidden states (N x C).
///
/// # Panics
/// If an id is not below V.
pub(crate) fn know(
    cpu: &Cpu,
    weight: &Matrix,
    hidden: &[f32],
    targets: &[Target],
    buffers: &mut Buffers,
) -> Vec<Known> {
    if let Some(target) = targets.iter().find(|target| target.id as usize >= weight.rows()) {
        panic!("target {} of a vocabulary of {}", target.id, weight.rows());
    }
    let (width, Buffers { x, logits, .. }) = (weight.cols(), buffers);
    gather(hidden, width, targets.iter(), x);
    let mut denominators = vec![Denominator::default(); targets.len()];
    let mut found = vec![0.0; targets.len()];
    for ids in panels(weight.rows()) {
        let weight = weight.part(ids.clone());
        let rows = targets.chunks(ROWS).zip(x.chunks(ROWS * width));
        let out = denominators.chunks_mut(ROWS).zip(found.chunks_mut(ROWS));
        for ((targets, x), (denominators, found)) in rows.zip(out) {
            logits.resize(targets.len() * ids.len(), 0.0);
            ops::matmul(cpu, x, &mut [Product { weight: &weight, out: logits }]);
            ops::add_logits(cpu, logits, denominators);
            for ((target, row), found) in targets.iter().zip(logits.chunks_exact(ids.len())).zip(found) {
                if let Some(logit) = (target.id as usize).checked_sub(ids.start).and_then(|place| row.get(place)) {
                    *found = *logit;
                }
            }
        }
    }
    found.into_iter().zip(denominators).map(|(logit, denominator)| Known { logit, denominator }).collect()
}

/// What the way back through the head writes.
pub(crate) struct Gradients<'a> {
    /// Of the hidden states (N x C), which is added to.
    pub(crate) hidden: &'a mut [f32],
    pub(crate) weights: &'a mut Tensors,
}

/// The gradient of a loss that hangs on each target as `weights` says.
pub(crate) fn backward(
    cpu: &Cpu,
    (model, turned, dtype): (&Model, &Turned, Dtype),
    hidden: &[f32],
    (targets, weights): (&[(Target, Known)], &[RowWeight]),
    gradients: &mut Gradients<'_>,
    buffers: &mut Buffers,
) {
    let (width, weight) = (model.config.hidden_size, model.weights.head());
    let Buffers { x, dx, logits, operands } = buffers;
    gather(hidden, width, targets.iter().map(|(target, _)| target), x);
    dx.resize(x.len(), 0.0);
    let row = |((target, known), weight): (&(Target, Known), &RowWeight)| LogitRow {
        target: target.id,
        denominator: known.denominator,
        weight: *weight,
    };
    let rows: Vec<LogitRow> = targets.iter().zip(weights).map(row).collect();
    let mut dweight = gradients.weights.get_mut(turned.head_slot());
    if dweight.is_some() {
        operands.resize_with(targets.len().div_ceil(ROWS), || Matrix::from_f32(0, 1, Vec::new()));
        for (operand, x) in operands.iter_mut().zip(x.chunks(ROWS * width)) {
            operand.lay(cpu, View::new(x, width).turned(), dtype);
        }
    }
    for (ids, turned) in panels(weight.rows()).zip(turned.head()) {
        let weight = weight.part(ids.clone());
        let parts = rows.chunks(ROWS).zip(x.chunks(ROWS * width)).zip(dx.chunks_mut(ROWS * width));
        for (part, ((rows, x), dx)) in parts.enumerate() {
            logits.resize(rows.len() * ids.len(), 0.0);
            ops::matmul(cpu, x, &mut [Product { weight: &weight, out: logits }]);
            ops::logit_gradients(cpu, logits, ids.start, rows);
            let product = &mut [Product { weight: turned, out: dx }];
            if ids.start == 0 {
                ops::matmul(cpu, logits, product);
            } else {
                ops::matmul_added(cpu, View::new(logits, ids.len()), product);
            }
            if let Some(dweight) = &mut dweight {
                let out = &mut dweight[ids.start * width..ids.end * width];
                let dlogits = View::new(logits, ids.len()).turned();
                ops::matmul_added(cpu, dlogits, &mut [Product { weight: &operands[part], out }]);
            }
        }
    }
    for ((target, _), dx) in targets.iter().zip(dx.chunks_exact(width)) {
        let to = &mut gradients.hidden[target.row * width..][..width];
        to.iter_mut().zip(dx).for_each(|(to, dx)| *to += dx);
    }
}
