//! The mean negative log-likelihood.

use super::{Judged, Totals};
use smollm_kernels::ops::{LogProb, RowWeight};

pub(super) fn judge(z_loss: f64, log_probs: &[LogProb], totals: Totals) -> Judged {
    let share = 1.0 / totals.supervised.max(1) as f64;
    let weight = RowWeight { target: share as f32, squared_log_z: (z_loss * share) as f32 };
    let sum = |of: fn(&LogProb) -> f64| log_probs.iter().map(of).sum::<f64>() * share;
    let nll = -sum(|p| f64::from(p.log_prob));
    let squares = if z_loss == 0.0 { 0.0 } else { sum(|p| f64::from(p.log_z).powi(2)) };
    let metrics = if z_loss == 0.0 { Vec::new() } else { vec![("z_loss", z_loss * squares)] };
    Judged { loss: nll + z_loss * squares, weights: vec![weight; log_probs.len()], metrics }
}
