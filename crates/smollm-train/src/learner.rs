//! A model that learns: forward, log-probabilities of targets, and the way back.

use crate::backward::{Buffers, Given, block_backward, norm_backward, zeros};
use crate::head::{self, Known, Target};
use crate::lora::{Draw, Inner, Lora, Pairs};
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
    /// What stands beside the matrices of the model.
    pairs: Option<Pairs>,
    /// With pairs: the tensors of the base in whose place others are learnt; while the base is run, those others.
    originals: Vec<(Slot, Matrix)>,
    keep: Keep,
    runner: LearnRunner,
    /// What the last batch was run through.
    pass: Pass,
    kept: Vec<Kept>,
    hidden: Vec<f32>,
    /// What the head has found of targets since then.
    known: Vec<(Target, Known)>,
    buffers: Buffers,
    head: head::Buffers,
}

/// What a batch is run through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// The model as it is now, and what is dropped.
    Learnt { back: bool, draw: Option<Draw> },
    /// The model without pairs, and with its own tensors in the place of those that are learnt whole.
    Base,
}

/// What outlasts the way there through a layer.
#[derive(Debug, Default)]
struct Kept {
    activations: Activations,
    inner: Inner,
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
        assert!(
            learnt.table().iter().all(|row| matches!(row.place, Place::Base(_))),
            "pairs want to be told how they add"
        );
        Ok(Self {
            dtype,
            model,
            turned,
            pairs: None,
            originals: Vec::new(),
            keep,
            runner: LearnRunner::default(),
            pass: Pass::Learnt { back: false, draw: None },
            kept: Vec::new(),
            hidden: Vec::new(),
            known: Vec::new(),
            buffers: Buffers::default(),
            head: head::Buffers::default(),
        })
    }

    /// For a model beside which pairs are learnt, as `lora` says, which `learnt` has the tensors of; else as [`Learner::new`]. Tensors that
    /// are learnt whole are asked of `base` too, since [`Learner::forward_base`] runs those.
    ///
    /// # Errors
    /// Whatever `base` returns.
    ///
    /// # Panics
    /// If `learnt` lacks some of the tensors of `lora`.
    pub fn adapted<E>(
        cpu: &Cpu,
        config: &ModelConfig,
        base: impl FnMut(&Param) -> Result<Matrix, E>,
        (lora, learnt): (&Lora, &Tensors),
        dtype: Dtype,
        keep: Keep,
    ) -> Result<Self, E> {
        let none = Tensors::of(Vec::new(), |_, _| {});
        let mut learner = Self::new(cpu, config, base, &none, dtype, keep)?;
        learner.pairs = Some(Pairs::new(cpu, lora, learnt, dtype));
        let slots = learnt.table().iter().filter_map(|row| match row.place {
            Place::Base(slot) => Some(slot),
            _ => None,
        });
        learner.originals = slots.map(|slot| (slot, learner.model.weights.tensor(slot))).collect();
        learner.update(cpu, learnt);
        Ok(learner)
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
    ///
    /// # Panics
    /// If the model has no such places.
    pub fn update(&mut self, cpu: &Cpu, learnt: &Tensors) {
        self.put_base(false);
        for (row, values) in learnt.iter() {
            match (row.place, row.shape) {
                (Place::Base(slot), Shape::Vector(len)) => {
                    self.model.weights.set(slot, Matrix::from_f32(1, len, values.to_vec()));
                }
                (Place::Base(slot), Shape::Matrix(_, cols)) => {
                    self.model.weights.matrix_mut(slot).lay(cpu, View::new(values, cols), self.dtype);
                    self.turned.set(cpu, slot, values, cols, self.dtype);
                }
                (place, _) => self.pairs.as_mut().expect("there are no pairs").set(cpu, place, values),
            }
        }
    }

    /// Runs a batch through all layers; nothing is dropped.
    ///
    /// # Panics
    /// A token id >= V, or documents that do not follow each other.
    pub fn forward(&mut self, cpu: &Cpu, batch: &Documents<'_>) {
        self.run(cpu, batch, Pass::Learnt { back: true, draw: None });
    }

    /// As [`Learner::forward`], with what the pairs' dropout drops in a batch of a run.
    ///
    /// # Panics
    /// As that.
    pub fn forward_dropping(&mut self, cpu: &Cpu, batch: &Documents<'_>, draw: Draw) {
        self.run(cpu, batch, Pass::Learnt { back: true, draw: Some(draw) });
    }

    /// As [`Learner::forward`], with no way back.
    ///
    /// # Panics
    /// As that.
    pub fn forward_only(&mut self, cpu: &Cpu, batch: &Documents<'_>) {
        self.run(cpu, batch, Pass::Learnt { back: false, draw: None });
    }

    /// As [`Learner::forward_only`], through the base: without pairs, and with its own tensors in the place of those that are learnt
    /// beside pairs. Without pairs there is no base, and it is the model as it is now.
    ///
    /// # Panics
    /// As that.
    pub fn forward_base(&mut self, cpu: &Cpu, batch: &Documents<'_>) {
        self.run(cpu, batch, Pass::Base);
    }

    /// Puts the tensors of the base, or those that are learnt, into the model.
    fn put_base(&mut self, base: bool) {
        if base != (self.pass == Pass::Base) {
            for (slot, other) in &mut self.originals {
                let own = self.model.weights.tensor(*slot);
                self.model.weights.set(*slot, std::mem::replace(other, own));
            }
            self.pass = if base { Pass::Base } else { Pass::Learnt { back: false, draw: None } };
        }
    }

    fn run(&mut self, cpu: &Cpu, batch: &Documents<'_>, pass: Pass) {
        self.put_base(pass == Pass::Base);
        self.pass = pass;
        self.known.clear();
        let (keep, draw) = match pass {
            Pass::Learnt { back: true, draw } => (self.keep, draw),
            _ => (Keep::None, None),
        };
        let layers = self.model.config.num_hidden_layers;
        if keep != Keep::None {
            self.kept.resize_with(layers, Kept::default);
        }
        self.runner.begin(cpu, &self.model, batch);
        for layer in 0..layers {
            let kept = match keep {
                Keep::All => Some(&mut self.kept[layer]),
                Keep::Inputs => {
                    ops::copy(cpu, self.runner.stream(), &mut self.kept[layer].activations.x);
                    None
                }
                Keep::None => None,
            };
            let pairs = self.pairs.as_ref().filter(|_| pass != Pass::Base);
            layer_forward(cpu, (&self.model, pairs, draw), &mut self.runner, (layer, batch), kept);
        }
        let x = self.runner.stream();
        self.hidden.resize(x.len(), 0.0);
        ops::rms_norm(cpu, x, &self.model.weights.norm, self.model.config.rms_norm_eps, &mut self.hidden);
    }

    /// The log-probabilities of targets after [`Learner::forward`].
    pub fn log_probs(&mut self, cpu: &Cpu, targets: &[Target]) -> Vec<LogProb> {
        if !self.known.iter().map(|(target, _)| target).eq(targets) {
            let known = head::know(cpu, self.model.weights.head(), &self.hidden, targets, &mut self.head);
            self.known = targets.iter().copied().zip(known).collect();
        }
        self.known.iter().map(|(_, known)| known.log_prob()).collect()
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
        let Pass::Learnt { back: true, draw } = self.pass else { panic!("backward: there was no way there") };
        assert!(self.keep != Keep::None, "backward: nothing was kept");
        assert_eq!(targets.len(), weights.len(), "backward: targets and weights");
        let config = self.model.config.clone();
        let log_probs = self.log_probs(cpu, targets);
        let mut to = head::Gradients { hidden: zeros(&mut self.buffers.hidden, self.hidden.len()), weights: gradients };
        let shared = (&self.model, &self.turned, self.dtype);
        head::backward(cpu, shared, &self.hidden, (&self.known, weights), &mut to, &mut self.head);
        let mut dx = std::mem::take(&mut self.buffers.stream);
        zeros(&mut dx, self.hidden.len());
        let (x, norm, dhidden) = (self.runner.stream(), &self.model.weights.norm, &self.buffers.hidden);
        norm_backward(cpu, (x, norm, config.rms_norm_eps), dhidden, &mut dx, gradients.get_mut(Slot::Norm));
        let plan = causal_plan(&config, batch, self.dtype);
        let first = first_learnt(gradients);
        for index in (first..config.num_hidden_layers).rev() {
            if self.keep == Keep::Inputs {
                let kept = &mut self.kept[index];
                self.runner.set_stream(&kept.activations.x);
                let of = (&self.model, self.pairs.as_ref(), draw);
                layer_forward(cpu, of, &mut self.runner, (index, batch), Some(kept));
            }
            let given = Given {
                cpu,
                config: &config,
                dtype: self.dtype,
                index,
                weights: &self.model.weights.layers[index],
                turned: &self.turned,
                pairs: self.pairs.as_ref().and_then(|pairs| pairs.layer(index, draw)),
                inner: &self.kept[index].inner,
                angles: self.runner.angles(&config, index),
                plan: &plan,
            };
            block_backward(&given, &self.kept[index].activations, &mut self.buffers, &mut dx, gradients);
            if self.keep == Keep::Inputs {
                // the memory of all but the input goes to the layer that is next
                let next = if index == first { config.num_hidden_layers } else { index } - 1;
                self.kept.swap(index, next);
                let x = std::mem::take(&mut self.kept[index].activations.x);
                let own = std::mem::replace(&mut self.kept[next].activations.x, x);
                self.kept[index].activations.x = own;
            }
        }
        if let Some(dtable) = gradients.get_mut(Slot::EmbedTokens) {
            ops::embed_backward(cpu, batch.tokens, &dx, config.hidden_size, dtable);
        }
        self.buffers.stream = dx;
        log_probs
    }
}

/// The first layer that the way back has to come to.
fn first_learnt(gradients: &Tensors) -> usize {
    let layer = |place| match place {
        Place::Base(Slot::EmbedTokens) => 0,
        Place::Base(Slot::Layer(layer, _)) | Place::LoraA(layer, _) | Place::LoraB(layer, _) => layer,
        Place::Base(Slot::Norm | Slot::LmHead) => usize::MAX,
    };
    gradients.table().iter().map(|row| layer(row.place)).min().unwrap_or(usize::MAX)
}

/// Runs a layer with its pairs.
fn layer_forward(
    cpu: &Cpu,
    (model, pairs, draw): (&Model, Option<&Pairs>, Option<Draw>),
    runner: &mut LearnRunner,
    (layer, batch): (usize, &Documents<'_>),
    kept: Option<&mut Kept>,
) {
    let (activations, mut inner) = match kept {
        Some(kept) => (Some(&mut kept.activations), Some(&mut kept.inner)),
        None => (None, None),
    };
    let Some(pairs) = pairs.and_then(|pairs| pairs.layer(layer, draw)) else {
        return runner.layer(cpu, model, layer, batch, activations, None);
    };
    let mut add = |slot, x: &[f32], out: &mut [f32]| {
        if let Some(product) = pairs.add(cpu, slot, x, out)
            && let Some(inner) = &mut inner
        {
            inner.insert(slot, product);
        }
    };
    runner.layer(cpu, model, layer, batch, activations, Some(&mut add));
}
