//! Steps: batches through the learner, an objective, the optimiser.

use crate::head::Target;
use crate::learner::Learner;
use crate::lora::Draw;
use crate::objective::{Objective, Totals, targets_of_sequences};
use crate::optimizer::{MomentTensors, NotFinite, Now, Optimizer};
use crate::reference::Reference;
use crate::schedule::Schedule;
use crate::tensors::Tensors;
use smollm_corpus::feed::{Batch, Span};
use smollm_kernels::Cpu;
use smollm_kernels::ops::LogProb;
use smollm_model::Documents;
use std::ops::Range;

/// What a run is after, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// What is learnt.
    pub objective: Objective,
    /// How weights follow gradients.
    pub optimizer: Optimizer,
    /// How fast.
    pub schedule: Schedule,
    /// Steps of the whole run, which the schedule goes by.
    pub total_steps: u64,
}

/// All that a run has come to: with the same data, options and instruction set, what comes next depends on this alone.
#[derive(Debug)]
pub struct State {
    /// Steps done.
    pub step: u64,
    /// Inputs seen.
    pub tokens: u64,
    /// Predictions that the loss counted.
    pub supervised: u64,
    /// What is learnt, in f32.
    pub learnt: Tensors,
    /// The moments of that.
    pub moments: MomentTensors,
}

impl State {
    /// Before the first step.
    pub fn new(learnt: Tensors) -> Self {
        let moments = MomentTensors::zeros(&learnt);
        Self { step: 0, tokens: 0, supervised: 0, learnt, moments }
    }
}

/// What a step did.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// Which one, counted from 1.
    pub step: u64,
    /// Its loss, before it changed anything.
    pub loss: f64,
    /// The norm of all gradients together, before they were cut.
    pub grad_norm: f64,
    /// Its learning rate.
    pub learning_rate: f64,
    /// Its inputs.
    pub tokens: u64,
    /// Predictions that its loss counted.
    pub supervised: u64,
    /// What else the objective tells, by name.
    pub metrics: Vec<(&'static str, f64)>,
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The loss over all of it.
    pub loss: f64,
    /// Predictions that the loss counted.
    pub supervised: u64,
    /// What else the objective tells, by name.
    pub metrics: Vec<(&'static str, f64)>,
}

/// A step that came to something that is no number. Nothing was changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StepError {
    /// A log-probability.
    #[error("step {step}: the log-probability of a token is not finite")]
    LogProb {
        /// The step, counted from 1.
        step: u64,
        /// What the sequence of that token is made of.
        spans: Vec<Span>,
    },
    /// The loss, of log-probabilities that are.
    #[error("step {step}: the loss is not finite")]
    Loss {
        /// The step, counted from 1.
        step: u64,
        /// What the step's sequences are made of.
        spans: Vec<Span>,
    },
    /// A gradient.
    #[error("step {step}: {source}")]
    Gradient {
        /// The step, counted from 1.
        step: u64,
        /// Whose.
        source: NotFinite,
        /// What the step's sequences are made of.
        spans: Vec<Span>,
    },
    /// No supervised token.
    #[error("step {step}: no token of it is supervised, so there is nothing to learn")]
    Nothing {
        /// The step, counted from 1.
        step: u64,
        /// What the step's sequences are made of.
        spans: Vec<Span>,
    },
}

/// A run between its steps.
#[derive(Debug)]
pub struct Trainer {
    cpu: Cpu,
    learner: Learner,
    reference: Reference,
    options: TrainOptions,
    state: State,
    gradients: Tensors,
    /// The seed of what pairs drop.
    dropout_seed: u64,
}

impl Trainer {
    /// Goes on from `state`, whose weights `learner` has.
    pub fn new(cpu: Cpu, learner: Learner, reference: Reference, options: TrainOptions, state: State) -> Self {
        let gradients = state.learnt.zeros_like();
        Self { cpu, learner, reference, options, state, gradients, dropout_seed: 0 }
    }

    /// What the pairs of an adapter drop is drawn by this seed, step and place.
    #[must_use]
    pub fn dropping_by(self, dropout_seed: u64) -> Self {
        Self { dropout_seed, ..self }
    }

    /// What it has come to.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What it is after.
    pub fn options(&self) -> &TrainOptions {
        &self.options
    }

    /// The processor that it runs on.
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// One step over micro-batches, the gradient of which is that of all of them as one batch.
    ///
    /// # Errors
    /// Something is not finite, or there is nothing to learn; then nothing has changed.
    ///
    /// # Panics
    /// A token id that is not below the vocabulary's size.
    pub fn step(&mut self, batches: &[Batch]) -> Result<StepReport, StepError> {
        let step = self.state.step + 1;
        let totals = Totals::of(batches);
        let spans = || batches.iter().flat_map(|batch| &batch.spans).copied().collect();
        if totals.supervised == 0 {
            return Err(StepError::Nothing { step, spans: spans() });
        }
        self.gradients.clear();
        let (mut loss, mut metrics) = (0.0, Vec::new());
        for (micro_batch, batch) in (0..).zip(batches) {
            let judged = self.learn(micro_batch, batch, totals)?;
            loss += judged.loss;
            add_metrics(&mut metrics, judged.metrics, 1.0);
        }
        if !f64::is_finite(loss) {
            return Err(StepError::Loss { step, spans: spans() });
        }
        let learning_rate = self.options.schedule.rate(self.state.step, self.options.total_steps);
        let (now, state) = (Now { step, learning_rate }, &mut self.state);
        let optimizer = &self.options.optimizer;
        let stepped = optimizer.step(&self.cpu, now, &mut state.learnt, &mut state.moments, &self.gradients);
        let grad_norm = stepped.map_err(|source| StepError::Gradient { step, source, spans: spans() })?;
        self.learner.update(&self.cpu, &state.learnt);
        let tokens = batches.iter().map(|batch| batch.ids.len() as u64).sum();
        state.step = step;
        state.tokens += tokens;
        state.supervised += totals.supervised;
        Ok(StepReport { step, loss, grad_norm, learning_rate, tokens, supervised: totals.supervised, metrics })
    }

    /// Adds the gradient of a micro-batch.
    fn learn(&mut self, micro_batch: u64, batch: &Batch, totals: Totals) -> Result<Part, StepError> {
        let (step, cpu) = (self.state.step + 1, &self.cpu);
        let reference = self.reference.log_probs(cpu, &mut self.learner, batch, false);
        let (targets, documents) = (targets(batch), documents(batch));
        let documents = Documents { tokens: &batch.ids, documents: &documents };
        let draw = Draw { seed: self.dropout_seed, step, micro_batch };
        self.learner.forward_dropping(cpu, &documents, draw);
        let log_probs = self.learner.log_probs(cpu, &targets);
        if let Some(bad) = log_probs.iter().position(|p| !p.log_prob.is_finite() || !p.log_z.is_finite()) {
            return Err(StepError::LogProb { step, spans: spans_of_target(batch, bad) });
        }
        let judged = self.options.objective.judge(batch, &log_probs, &reference, totals);
        let hangs = (&targets[..], &judged.weights[..]);
        self.learner.backward(cpu, &documents, hangs, &mut self.gradients);
        Ok(Part { loss: judged.loss, metrics: judged.metrics })
    }

    /// The loss over some batches as one, without learning from them.
    ///
    /// # Errors
    /// What `batches` gives.
    pub fn evaluate<E>(&mut self, batches: impl IntoIterator<Item = Result<Batch, E>>) -> Result<Evaluation, E> {
        let (mut loss, mut metrics, mut sum) = (0.0, Vec::new(), Totals::default());
        let mut units = 0.0;
        for batch in batches {
            let batch = batch?;
            let totals = Totals::of([&batch]);
            let reference = self.reference.log_probs(&self.cpu, &mut self.learner, &batch, true);
            let log_probs = log_probs(&self.cpu, &mut self.learner, &batch);
            let judged = self.options.objective.judge(&batch, &log_probs, &reference, totals);
            let weight = self.options.objective.units(totals) as f64;
            loss += judged.loss * weight;
            add_metrics(&mut metrics, judged.metrics, weight);
            units += weight;
            sum.supervised += totals.supervised;
        }
        let share = 1.0 / f64::max(units, 1.0);
        metrics.iter_mut().for_each(|(_, value)| *value *= share);
        Ok(Evaluation { loss: loss * share, supervised: sum.supervised, metrics })
    }
}

/// A micro-batch's part of what a step reports.
struct Part {
    loss: f64,
    metrics: Vec<(&'static str, f64)>,
}

fn add_metrics(sums: &mut Vec<(&'static str, f64)>, metrics: Vec<(&'static str, f64)>, weight: f64) {
    for (i, (name, value)) in metrics.into_iter().enumerate() {
        match sums.get_mut(i) {
            Some((_, sum)) => *sum += value * weight,
            None => sums.push((name, value * weight)),
        }
    }
}

/// The supervised tokens of a batch.
fn targets(batch: &Batch) -> Vec<Target> {
    let learnt = batch.learnt.iter().enumerate().filter(|(_, learnt)| **learnt);
    learnt.map(|(row, _)| Target { row, id: batch.targets[row] }).collect()
}

/// Where sequences lie; those of one token have no inputs.
fn documents(batch: &Batch) -> Vec<Range<usize>> {
    batch.sequences.iter().map(|sequence| sequence.inputs.clone()).filter(|inputs| !inputs.is_empty()).collect()
}

/// The log-probabilities of the supervised tokens, without a way back.
pub(crate) fn log_probs(cpu: &Cpu, learner: &mut Learner, batch: &Batch) -> Vec<LogProb> {
    let documents = documents(batch);
    learner.forward_only(cpu, &Documents { tokens: &batch.ids, documents: &documents });
    learner.log_probs(cpu, &targets(batch))
}

/// As [`log_probs`], under the base of an adapter.
pub(crate) fn base_log_probs(cpu: &Cpu, learner: &mut Learner, batch: &Batch) -> Vec<LogProb> {
    let documents = documents(batch);
    learner.forward_base(cpu, &Documents { tokens: &batch.ids, documents: &documents });
    learner.log_probs(cpu, &targets(batch))
}

fn spans_of_target(batch: &Batch, target: usize) -> Vec<Span> {
    let place = targets_of_sequences(batch).iter().position(|targets| targets.contains(&target));
    place.map_or(Vec::new(), |place| batch.spans[batch.sequences[place].spans.clone()].to_vec())
}
