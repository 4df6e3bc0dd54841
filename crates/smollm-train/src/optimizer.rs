//! AdamW over tensors, by class, with gradients cut to a norm.

use crate::tensors::{Learnt, Place, Tensors};
use smollm_kernels::Cpu;
use smollm_kernels::ops::{self, Moments};
use smollm_model::Slot;

/// How weights follow gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimizer {
    /// Decay rates of the moments.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled decay of the weights.
    pub weight_decay: f64,
    /// Whether embedding and head decay.
    pub decay_embeddings: bool,
    /// Whether the weights of norms decay.
    pub decay_norms: bool,
    /// The greatest norm of all gradients together, if they are cut (`torch.nn.utils.clip_grad_norm_`).
    pub max_grad_norm: Option<f64>,
}

/// A gradient that is no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the gradient of {tensor} is not finite")]
pub struct NotFinite {
    /// The first such tensor.
    pub tensor: String,
}

/// The moments of what is learnt.
#[derive(Debug, Clone)]
pub struct MomentTensors {
    /// Of gradients.
    pub first: Tensors,
    /// Of their squares.
    pub second: Tensors,
}

/// When a step is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// Counted from 1.
    pub(crate) step: u64,
    pub(crate) learning_rate: f64,
}

impl MomentTensors {
    /// Zeros, for tensors like these.
    pub fn zeros(like: &Tensors) -> Self {
        Self { first: like.zeros_like(), second: like.zeros_like() }
    }
}

impl Optimizer {
    fn decays(&self, learnt: &Learnt) -> bool {
        match (learnt.place, learnt.shape) {
            (Place::Base(Slot::EmbedTokens | Slot::LmHead), _) => self.decay_embeddings,
            (_, smollm_model::Shape::Vector(_)) => self.decay_norms,
            (_, smollm_model::Shape::Matrix(..)) => true,
        }
    }

    /// Changes `weights` and `moments` by `gradients`; the norm that these had. Nothing is changed if it is no number.
    ///
    /// # Errors
    /// A gradient is not finite.
    pub(crate) fn step(
        &self,
        cpu: &Cpu,
        now: Now,
        weights: &mut Tensors,
        moments: &mut MomentTensors,
        gradients: &Tensors,
    ) -> Result<f64, NotFinite> {
        let mut squares = 0.0;
        for (learnt, gradient) in gradients.iter() {
            let sum = ops::sum_of_squares(cpu, gradient);
            // squares may overflow where numbers do not
            if !sum.is_finite() && gradient.iter().any(|x| !x.is_finite()) {
                return Err(NotFinite { tensor: learnt.name.clone() });
            }
            squares += if sum.is_finite() { sum } else { gradient.iter().map(|x| f64::from(*x).powi(2)).sum() };
        }
        let norm = squares.sqrt();
        // the term of PyTorch against a norm of 0
        let scale = self.max_grad_norm.map_or(1.0, |max| (max / (norm + 1e-6)).min(1.0));
        let MomentTensors { first, second } = moments;
        let tensors = weights.iter_mut().zip(first.iter_mut()).zip(second.iter_mut()).zip(gradients.iter());
        for ((((learnt, weights), (_, first)), (_, second)), (_, gradient)) in tensors {
            let by = ops::AdamW {
                lr: now.learning_rate,
                betas: self.betas,
                eps: self.eps,
                weight_decay: if self.decays(learnt) { self.weight_decay } else { 0.0 },
                step: now.step,
                gradient_scale: scale as f32,
            };
            ops::adamw(cpu, &by, weights, Moments { first, second }, gradient);
        }
        Ok(norm)
    }
}
