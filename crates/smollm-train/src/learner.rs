//! A model that learns: forward, log-probabilities of targets, and the way back.

use crate::backward::{Given, block_backward, norm_backward};
use crate::head::{self, Target};
use crate::tensors::{Place, Tensors};
use crate::turned::{Source, Turned, matrices};
use smollm_kernels::ops::{self, LogProb, RowWeight};
use smollm_kernels::{Cpu, Dtype, Matrix, View};
use smollm_model::{Activations, Documents, LearnRunner, Model, ModelConfig, Param, Shape, Slot, causal_plan};
use std::convert::Infallible;

/// Which activations outlast the way there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// All that the way back wants.
    #[default]
    All,
    /// The input of each layer; the rest is computed again. The same bits.
    Inputs,
    /// Nothing: there is no way back.
    None,
}

/// Weights as products take them, and what a batch left on its way there.
#[derive(Debug)]
pub struct Learner {
    dtype: Dtype,
    model: Model,
    turned: Turned,
    keep: Keep,
    runner: LearnRunner,
    kept: Vec<Activations>,
    hidden: Vec<f32>,
}

impl Learner {
    /// For a model of which `learnt` is learnt, and all else comes from `base`, in products of f32 or bf16. `base` is asked for one
    /// tensor at a time, in Hugging Face row order (a vector is a matrix of one row), and what is frozen is kept as matrices only.
    ///
    /// # Errors
    /// Whatever `base` returns.
    pub fn new<E>(
        cpu: &Cpu,
        config: &ModelConfig,
        mut base: impl FnMut(&Param) -> Result<Matrix, E>,
        learnt: &Tensors,
        dtype: Dtype,
        keep: Keep,
    ) -> Result<Self, E> {
        let source = |param: &Param| match learnt.get(param.slot) {
            Some(values) => Ok(Source::Values(values)),
            None => base(param).map(Source::Matrix),
        };
        let (model, turned) = matrices(cpu, config, dtype, source)?;
        let runner = LearnRunner::default();
        Ok(Self { dtype, model, turned, keep, runner, kept: Vec::new(), hidden: Vec::new() })
    }

    /// For a model that is learnt whole.
    ///
    /// # Panics
    /// If `masters` lacks some of its tensors.
    pub fn whole(cpu: &Cpu, config: &ModelConfig, masters: &Tensors, dtype: Dtype, keep: Keep) -> Self {
        let base =
            |param: &Param| -> Result<Matrix, Infallible> { panic!("{} is not among the tensors", param.hf_name) };
        match Self::new(cpu, config, base, masters, dtype, keep) {
            Ok(learner) => learner,
        }
    }

    /// Takes changed weights: those of `learnt`.
    pub fn update(&mut self, cpu: &Cpu, learnt: &Tensors) {
        for (row, values) in learnt.iter() {
            match (row.place, row.shape) {
                (Place::Base(slot), Shape::Vector(len)) => {
                    self.model.weights.set(slot, Matrix::from_f32(1, len, values.to_vec()));
                }
                (Place::Base(slot), Shape::Matrix(_, cols)) => {
                    self.model.weights.set(slot, Matrix::of(cpu, View::new(values, cols), self.dtype));
                    self.turned.set(cpu, slot, values, cols, self.dtype);
                }
                (Place::LoraA(..) | Place::LoraB(..), _) => {}
            }
        }
    }

    /// Runs a batch through all layers.
    ///
    /// # Panics
    /// A token id >= V, or documents that do not follow each other.
    pub fn forward(&mut self, cpu: &Cpu, batch: &Documents<'_>) {
        let layers = self.model.config.num_hidden_layers;
        self.kept.resize_with(if self.keep == Keep::None { 0 } else { layers }, Activations::default);
        self.runner.begin(cpu, &self.model, batch);
        for layer in 0..layers {
            let kept = match self.keep {
                Keep::All => Some(&mut self.kept[layer]),
                Keep::Inputs => {
                    self.kept[layer].x.clear();
                    self.kept[layer].x.extend_from_slice(self.runner.stream());
                    None
                }
                Keep::None => None,
            };
            self.runner.layer(cpu, &self.model, layer, batch, kept);
        }
        let x = self.runner.stream();
        self.hidden.resize(x.len(), 0.0);
        ops::rms_norm(cpu, x, &self.model.weights.norm, self.model.config.rms_norm_eps, &mut self.hidden);
    }

    /// As [`Learner::forward`], with no way back.
    ///
    /// # Panics
    /// As that.
    pub fn forward_only(&mut self, cpu: &Cpu, batch: &Documents<'_>) {
        let keep = std::mem::replace(&mut self.keep, Keep::None);
        let kept = std::mem::take(&mut self.kept);
        self.forward(cpu, batch);
        (self.keep, self.kept) = (keep, kept);
    }

    /// The log-probabilities of targets after [`Learner::forward`].
    pub fn log_probs(&self, cpu: &Cpu, targets: &[Target]) -> Vec<LogProb> {
        head::log_probs(cpu, &self.model, &self.hidden, targets)
    }

    /// The way back after [`Learner::forward`] of the same batch: adds the gradient of a loss that hangs on each target as `weights`
    /// says, for what `gradients` has; the log-probabilities of the targets.
    ///
    /// # Panics
    /// Nothing was kept, or there are not as many weights as targets.
    pub fn backward(
        &mut self,
        cpu: &Cpu,
        batch: &Documents<'_>,
        (targets, weights): (&[Target], &[RowWeight]),
        gradients: &mut Tensors,
    ) -> Vec<LogProb> {
        assert!(self.keep != Keep::None, "backward: nothing was kept");
        assert_eq!(targets.len(), weights.len(), "backward: targets and weights");
        let config = self.model.config.clone();
        let mut dhidden = vec![0.0; self.hidden.len()];
        let mut to = head::Gradients { hidden: &mut dhidden, weights: gradients };
        let shared = (&self.model, &self.turned, self.dtype);
        let log_probs = head::backward(cpu, shared, &self.hidden, (targets, weights), &mut to);
        let mut dx = vec![0.0; dhidden.len()];
        let (x, norm) = (self.runner.stream(), &self.model.weights.norm);
        norm_backward(cpu, (x, norm, config.rms_norm_eps), &dhidden, &mut dx, gradients.get_mut(Slot::Norm));
        let plan = causal_plan(&config, batch, self.dtype);
        for index in (0..config.num_hidden_layers).rev() {
            if self.keep == Keep::Inputs {
                let mut kept = std::mem::take(&mut self.kept[index]);
                self.runner.set_stream(&kept.x);
                self.runner.layer(cpu, &self.model, index, batch, Some(&mut kept));
                self.kept[index] = kept;
            }
            let given = Given {
                cpu,
                config: &config,
                dtype: self.dtype,
                index,
                weights: &self.model.weights.layers[index],
                turned: &self.turned,
                angles: self.runner.angles(&config, index),
                plan: &plan,
            };
            block_backward(&given, &self.kept[index], &mut dx, gradients);
            if self.keep == Keep::Inputs {
                self.kept[index] = Activations::default();
            }
        }
        if let Some(dtable) = gradients.get_mut(Slot::EmbedTokens) {
            ops::embed_backward(cpu, batch.tokens, &dx, config.hidden_size, dtable);
        }
        log_probs
    }
}
