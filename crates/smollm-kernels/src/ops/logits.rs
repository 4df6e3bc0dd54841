//! The softmax of rows of logits that exist a part at a time: what `log_probs` does of whole rows.

use super::RowWeight;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;

/// Rows in an item of work.
const ITEM_ROWS: usize = 8;

/// What some of a row's logits come to: the largest, and the sum of exp(logit - largest).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Denominator {
    max: f32,
    sum: f32,
}

impl Default for Denominator {
    /// Of no logits.
    fn default() -> Self {
        Self { max: f32::NEG_INFINITY, sum: 0.0 }
    }
}

impl Denominator {
    /// log Z = ln(sum exp(logit)).
    pub fn log_z(&self) -> f32 {
        self.max + self.sum.ln()
    }
}

/// Takes further logits (N x P) into the denominators of their rows.
///
/// # Panics
/// If there are not as many to each row.
pub fn add_logits(cpu: &Cpu, logits: &[f32], rows: &mut [Denominator]) {
    let Some(width) = width(logits.len(), rows.len()) else { return };
    let (count, rows) = (rows.len(), Disjoint::new(rows));
    let kernels = &cpu.kernels.training;
    cpu.pool.run(count, ITEM_ROWS, |_, range| {
        for i in range {
            let row = &logits[i * width..][..width];
            // SAFETY: each row is one item, and each item is done once.
            let Denominator { max, sum } = unsafe { &mut rows.piece(i, 1)[0] };
            // SAFETY: `Cpu` holds only rows that are available.
            let own = unsafe { (kernels.max)(row) };
            if own > *max {
                *sum *= (*max - own).exp();
                *max = own;
            }
            // SAFETY: as above.
            *sum += unsafe { (kernels.sum_exp)(row, *max) };
        }
    });
}

/// A row of logits whose target is known.
#[derive(Debug, Clone, Copy)]
pub struct LogitRow {
    /// The target's id.
    pub target: u32,
    /// Of all its logits.
    pub denominator: Denominator,
    /// How the loss hangs on it.
    pub weight: RowWeight,
}

/// Replaces the logits (N x P) of the ids from `first` on by the gradient of the loss with respect to them: row i by
/// `(target + 2 squared_log_z log_z) softmax - target onehot` with its weight.
///
/// # Panics
/// If there are not as many to each row.
pub fn logit_gradients(cpu: &Cpu, logits: &mut [f32], first: usize, rows: &[LogitRow]) {
    let Some(width) = width(logits.len(), rows.len()) else { return };
    let logits = Disjoint::new(logits);
    let kernels = &cpu.kernels.training;
    cpu.pool.run(rows.len(), ITEM_ROWS, |_, range| {
        for i in range {
            let LogitRow { target, denominator, weight: RowWeight { target: weight, squared_log_z } } = rows[i];
            // SAFETY: each row is one item, and each item is done once.
            let row = unsafe { logits.piece(i * width, width) };
            let factor = (weight + 2.0 * squared_log_z * denominator.log_z()) / denominator.sum;
            // SAFETY: `Cpu` holds only rows that are available.
            unsafe {
                (kernels.exp_minus)(row, denominator.max);
                (kernels.multiply)(row, factor);
            }
            if let Some(logit) = (target as usize).checked_sub(first).and_then(|place| row.get_mut(place)) {
                *logit -= weight;
            }
        }
    });
}

/// Logits of a row, if there are rows.
fn width(logits: usize, rows: usize) -> Option<usize> {
    if rows == 0 {
        assert_eq!(logits, 0, "logits of no rows");
        return None;
    }
    assert!(logits.is_multiple_of(rows), "{logits} logits of {rows} rows");
    Some(logits / rows)
}
