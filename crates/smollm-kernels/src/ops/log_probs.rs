//! Log-probabilities of targets under rows of logits, and the gradient of anything that is a function of them.

use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::table::TrainingKernels;

/// What is said of a row of logits and its target.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LogProb {
    /// logit of the target - log Z.
    pub log_prob: f32,
    /// log Z = ln(sum exp(logit)).
    pub log_z: f32,
}

/// How the loss hangs on a row: its derivative with respect to the log-probability of the target, with its sign turned, and with
/// respect to log Z.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RowWeight {
    /// -dL / d log_prob; mask / N for the mean negative log-likelihood.
    pub target: f32,
    /// dL / d log_z^2 of terms beside that, such as a z-loss (PaLM, arXiv:2204.02311, section 5): so 2 log_z times this is the derivative.
    pub squared_log_z: f32,
}

/// The log-probability of `targets[i]` under row i of `logits` (N x V), which are used up.
///
/// # Panics
/// If shapes do not fit each other or a target is not below V.
pub fn log_probs(cpu: &Cpu, logits: &mut [f32], targets: &[u32], out: &mut [LogProb]) {
    rows(cpu, logits, targets, out, |_, kernels, row, target| {
        let logit = row[target];
        let (max, sum) = exponentials(kernels, row);
        let log_z = max + sum.ln();
        LogProb { log_prob: logit - log_z, log_z }
    });
}

/// As [`log_probs`], and replaces `logits` by the gradient of a loss with respect to them: row i by
/// `(target + 2 squared_log_z log_z) softmax - target onehot` with `weights[i]`.
///
/// # Panics
/// If shapes do not fit each other or a target is not below V.
pub fn log_probs_backward(cpu: &Cpu, logits: &mut [f32], targets: &[u32], weights: &[RowWeight], out: &mut [LogProb]) {
    assert_eq!(weights.len(), targets.len(), "log_probs_backward: weights are not N");
    rows(cpu, logits, targets, out, |i, kernels, row, target| {
        let logit = row[target];
        let (max, sum) = exponentials(kernels, row);
        let log_z = max + sum.ln();
        let RowWeight { target: weight, squared_log_z } = weights[i];
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (kernels.multiply)(row, (weight + 2.0 * squared_log_z * log_z) / sum) };
        row[target] -= weight;
        LogProb { log_prob: logit - log_z, log_z }
    });
}

/// Replaces the logits by exp(x - max); max and the sum of these.
fn exponentials(kernels: &TrainingKernels, row: &mut [f32]) -> (f32, f32) {
    // SAFETY: `Cpu` holds only rows that are available.
    let max = unsafe { (kernels.max)(row) };
    // SAFETY: as above.
    (max, unsafe { (kernels.exp_minus)(row, max) })
}

fn rows(
    cpu: &Cpu,
    logits: &mut [f32],
    targets: &[u32],
    out: &mut [LogProb],
    one: impl Fn(usize, &TrainingKernels, &mut [f32], usize) -> LogProb + Sync,
) {
    assert_eq!(out.len(), targets.len(), "log_probs: out is not N");
    if targets.is_empty() {
        assert!(logits.is_empty(), "log_probs: logits have no targets");
        return;
    }
    assert!(logits.len().is_multiple_of(targets.len()), "log_probs: logits are not {} x V", targets.len());
    let width = logits.len() / targets.len();
    if let Some(id) = targets.iter().find(|id| **id as usize >= width) {
        panic!("log_probs: target {id} of a vocabulary of {width}");
    }
    let (logits, out) = (Disjoint::new(logits), Disjoint::new(out));
    cpu.pool.run(targets.len(), 1, |_, range| {
        for i in range {
            // SAFETY: each row is one item, and each item is done once.
            let (row, out) = unsafe { (logits.piece(i * width, width), out.piece(i, 1)) };
            out[0] = one(i, &cpu.kernels.training, row, targets[i] as usize);
        }
    });
}
