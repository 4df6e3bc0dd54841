//! What a recipe says, in the words of the trainer.

use crate::error::Error;
use crate::train::data::Prepared;
use crate::train::recipe::{self, Form, Keeping, Precision, Recipe};
use smollm_hub::ModelRef;
use smollm_kernels::Dtype;
use smollm_model::ModelConfig;
use smollm_train::checkpoints::KeepRule;
use smollm_train::objective::{Objective, Preference, PreferenceLoss};
use smollm_train::run::Plan;
use smollm_train::schedule::{Curve, Schedule, Shape};
use smollm_train::{Keep, Lora, Optimizer, TrainOptions};

pub(super) fn train(recipe: &Recipe, total_steps: u64) -> TrainOptions {
    TrainOptions {
        objective: objective(recipe),
        optimizer: optimizer(recipe),
        schedule: schedule(recipe, total_steps),
        total_steps,
    }
}

fn objective(recipe: &Recipe) -> Objective {
    match recipe.objective {
        recipe::Objective::NextToken { z_loss } => Objective::NextToken { z_loss },
        recipe::Objective::Preference { loss, beta, .. } => {
            let loss = match loss {
                recipe::PreferenceLoss::Sigmoid => PreferenceLoss::Sigmoid,
                recipe::PreferenceLoss::Ipo => PreferenceLoss::Ipo,
                recipe::PreferenceLoss::ApoZero => PreferenceLoss::ApoZero,
            };
            Objective::Preference(Preference { loss, beta })
        }
    }
}

/// When the reference is asked, if there is one.
pub(super) fn reference(recipe: &Recipe) -> Option<recipe::Reference> {
    match recipe.objective {
        recipe::Objective::NextToken { .. } => None,
        recipe::Objective::Preference { reference, .. } => Some(reference),
    }
}

fn optimizer(recipe: &Recipe) -> Optimizer {
    let recipe::Optimizer { betas, eps, weight_decay, decay_embeddings, decay_norms, max_grad_norm, .. } =
        recipe.optimizer;
    Optimizer { betas, eps, weight_decay, decay_embeddings, decay_norms, max_grad_norm }
}

fn schedule(recipe: &Recipe, total: u64) -> Schedule {
    let shape = match recipe.schedule.form {
        Form::Constant => Shape::Constant,
        Form::Linear => Shape::Linear,
        Form::Cosine => Shape::Cosine,
        Form::Wsd { decay, curve } => {
            let curve = match curve {
                recipe::Curve::Linear => Curve::Linear,
                recipe::Curve::Cosine => Curve::Cosine,
                recipe::Curve::OneMinusSqrt => Curve::OneMinusSqrt,
            };
            Shape::Decay { steps: decay.steps(total), curve }
        }
    };
    let recipe::Schedule { warmup, final_ratio, .. } = recipe.schedule;
    Schedule { peak: recipe.optimizer.learning_rate, floor: final_ratio, warmup: warmup.steps(total), shape }
}

pub(super) fn dtype(recipe: &Recipe) -> Dtype {
    match recipe.compute.dtype {
        Precision::Bf16 => Dtype::BF16,
        Precision::F32 => Dtype::F32,
    }
}

pub(super) fn keep(recipe: &Recipe) -> Keep {
    match recipe.compute.activations {
        Keeping::Keep => Keep::All,
        Keeping::Recompute => Keep::Inputs,
    }
}

pub(super) fn plan(recipe: &Recipe, data: &Prepared) -> Plan {
    let held_out = data.validation.as_ref().map_or(0, |feed| feed.rows().iter().sum());
    let evaluation = recipe.evaluation;
    Plan {
        rows: recipe.batch.rows,
        micro_rows: recipe.batch.micro_rows,
        evaluate_every: evaluation.map(|evaluation| evaluation.every_steps),
        evaluation_rows: evaluation.and_then(|evaluation| evaluation.rows).unwrap_or(held_out).min(held_out),
        patience: evaluation.and_then(|evaluation| evaluation.patience),
        save_every: Some(recipe.checkpoint.every_steps),
    }
}

pub(super) fn keep_rule(recipe: &Recipe) -> KeepRule {
    let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    // where a run may end early, its model is that of the best evaluation
    let least = recipe.evaluation.is_some_and(|evaluation| evaluation.patience.is_some()).into();
    KeepRule { last: count(recipe.checkpoint.keep_last), best: count(recipe.checkpoint.keep_best).max(least) }
}

/// What is learnt beside the model, if that is frozen.
pub(super) fn lora(recipe: &Recipe, config: &ModelConfig) -> Result<Option<Lora>, Error> {
    let Some(lora) = &recipe.lora else { return Ok(None) };
    let base_model = match &recipe.start {
        recipe::Start::Model(name) => Some(match ModelRef::parse(name) {
            // a short name of ours means nothing to PEFT
            Ok(ModelRef::Hub { repo, .. }) => repo.to_string(),
            _ => name.clone(),
        }),
        recipe::Start::Init(_) => None,
    };
    Ok(Some(Lora::new(lora.adapter(base_model), config)?))
}
