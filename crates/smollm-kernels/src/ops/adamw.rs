//! The optimiser's step.

use super::GRAIN;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::table::{AdamwFactors, AdamwTask};

/// AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) as `torch.optim.AdamW` has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// Learning rate of this step.
    pub lr: f64,
    /// Decay rates of the moments.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled decay of the weights.
    pub weight_decay: f64,
    /// Which step this is, counted from 1.
    pub step: u64,
    /// What gradients are multiplied by first (by clipping, say).
    pub gradient_scale: f32,
}

/// The moments of some weights.
pub struct Moments<'a> {
    /// Of gradients.
    pub first: &'a mut [f32],
    /// Of their squares.
    pub second: &'a mut [f32],
}

/// One step: weights *= 1 - lr weight_decay; m += (g - m) (1 - beta1); v = v beta2 + g^2 (1 - beta2);
/// weights -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps).
///
/// # Panics
/// If the lengths differ.
pub fn adamw(cpu: &Cpu, by: &AdamW, weights: &mut [f32], moments: Moments<'_>, gradient: &[f32]) {
    let len = weights.len();
    let Moments { first, second } = moments;
    let same = [first.len(), second.len(), gradient.len()].iter().all(|other| *other == len);
    assert!(same, "adamw: weights, moments and gradient differ in length");
    let factors = by.factors();
    let [weights, first, second] = [weights, first, second].map(Disjoint::new);
    cpu.pool.run(len.div_ceil(GRAIN), 1, |_, parts| {
        let (start, end) = (parts.start * GRAIN, len.min(parts.end * GRAIN));
        // SAFETY: parts do not overlap, and each is done once.
        let [weights, first, second] =
            unsafe { [&weights, &first, &second].map(|numbers| numbers.piece(start, end - start)) };
        let mut task = AdamwTask { weights, first, second, gradient: &gradient[start..end], by: factors };
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (cpu.kernels.training.adamw)(&mut task) };
    });
}

impl AdamW {
    /// Corrections in f64, as Python computes them.
    fn factors(&self) -> AdamwFactors {
        let [beta1, beta2] = self.betas;
        let correction = |beta: f64| 1.0 - beta.powf(self.step as f64);
        AdamwFactors {
            gradient_scale: self.gradient_scale,
            first_rate: (1.0 - beta1) as f32,
            second_keep: beta2 as f32,
            second_rate: (1.0 - beta2) as f32,
            weight_keep: (1.0 - self.lr * self.weight_decay) as f32,
            step_size: (self.lr / correction(beta1)) as f32,
            root_correction: correction(beta2).sqrt() as f32,
            eps: self.eps as f32,
        }
    }
}
