//! Ten steps beside PyTorch, transformers and TRL: `testdata/train`, made by `reference/train_golden.py`.

mod tiny_runs;

use serde_json::Value;
use smollm_corpus::feed::Batch;
use smollm_kernels::{Cpu, Dtype};
use smollm_train::objective::{Objective, Preference, PreferenceLoss, Totals};
use smollm_train::{Keep, KeptReference, Learner, Reference, State, Tensors, Trainer};
use tiny_runs::{Golden, apart, batch_of, cpus, masters, pairs};

fn trainer(golden: &Golden, cpu: &Cpu, objective: Objective, reference: Reference) -> Trainer {
    let masters = masters(&golden.config);
    let learner = Learner::whole(cpu, &golden.config, &masters, Dtype::F32, Keep::All);
    let cpu = Cpu::with_isa(cpu.isa(), 2).expect("available");
    Trainer::new(cpu, learner, reference, golden.options(objective), State::new(masters))
}

/// The steps of a golden file, each within 1e-5 in its loss.
fn follow(golden: &Golden, mut trainer: Trainer, batches: &[Batch]) {
    for (number, expected) in golden.steps().iter().enumerate() {
        let report = trainer.step(batches).expect("finite");
        let told = |name: &str, value: f64, bound: f64| {
            let expected = expected[name].as_f64().unwrap_or_else(|| panic!("{name} of {}", golden.name));
            let apart = (value - expected).abs() / expected.abs().max(1.0);
            assert!(apart <= bound, "{} step {number}: {name} is {value}, {expected} there", golden.name);
        };
        told("loss", report.loss, 1e-5);
        told("grad_norm", report.grad_norm, 1e-4);
        for (name, value) in &report.metrics {
            if *name != "z_loss" {
                told(name, *value, 1e-4);
            }
        }
    }
}

#[test]
fn pretraining_and_supervised_steps_are_those_of_pytorch() {
    for name in ["pretrain", "pretrain-z", "sft"] {
        let golden = Golden::read(name);
        let objective = Objective::NextToken { z_loss: golden.file["options"]["z_loss"].as_f64().expect("a number") };
        let supervised = |i: usize, position: usize| name != "sft" || !(position + i).is_multiple_of(3);
        let whole = batch_of(&golden.sequences(), supervised);
        for cpu in cpus() {
            follow(&golden, trainer(&golden, &cpu, objective, Reference::None), std::slice::from_ref(&whole));
        }
    }
}

#[test]
fn gradients_are_those_of_pytorch() {
    for name in ["pretrain", "pretrain-z", "sft"] {
        let golden = Golden::read(name);
        let objective = Objective::NextToken { z_loss: golden.file["options"]["z_loss"].as_f64().expect("a number") };
        let supervised = |i: usize, position: usize| name != "sft" || !(position + i).is_multiple_of(3);
        let batch = batch_of(&golden.sequences(), supervised);
        let masters = masters(&golden.config);
        for cpu in cpus() {
            let mut learner = Learner::whole(&cpu, &golden.config, &masters, Dtype::F32, Keep::All);
            let mut gradients = Tensors::zeros(&golden.config);
            tiny_runs::gradient(&cpu, &mut learner, &batch, &objective, Totals::of([&batch]), &mut gradients);
            for (learnt, gradient) in gradients.iter() {
                let expected = golden.gradient(&learnt.name);
                let error = apart(gradient, &expected);
                assert!(error <= 1e-5, "{name} {} on {cpu:?}: {error:e} apart", learnt.name);
            }
        }
    }
}

#[test]
fn preference_steps_are_those_of_trl() {
    for (name, loss) in [
        ("dpo-sigmoid", PreferenceLoss::Sigmoid),
        ("dpo-ipo", PreferenceLoss::Ipo),
        ("dpo-apo-zero", PreferenceLoss::ApoZero),
    ] {
        let golden = Golden::read(name);
        let beta = golden.file["options"]["beta"].as_f64().expect("a number");
        let objective = Objective::Preference(Preference { loss, beta });
        let batch = pairs(golden.config.vocab_size);
        let base = masters(&golden.config);
        for cpu in cpus() {
            let mut model = Learner::whole(&cpu, &golden.config, &base, Dtype::F32, Keep::None);
            let mut kept = KeptReference::default();
            assert!(!kept.knows(&batch));
            kept.add(&cpu, &mut model, &batch);
            assert!(kept.knows(&batch));
            // a second model and what was kept of it are the same to the bit
            let mut reports = Vec::new();
            let of =
                |kept: &KeptReference| Reference::Kept { training: kept.clone(), held_out: KeptReference::default() };
            for reference in [of(&kept), Reference::Model(Box::new(model))] {
                let mut trainer = trainer(&golden, &cpu, objective, reference);
                reports.push([(); 3].map(|()| trainer.step(std::slice::from_ref(&batch)).expect("finite")));
            }
            assert_eq!(reports[0], reports[1], "{cpu:?}");
            let trainer = trainer(&golden, &cpu, objective, of(&kept));
            follow(&golden, trainer, std::slice::from_ref(&batch));
        }
    }
}

/// The losses of 200 steps from the same weights part slowly: rounding grows, nothing else.
#[test]
fn two_hundred_steps_are_those_of_pytorch() {
    let golden = Golden::read("seeds");
    let expected = golden.numbers("losses_from_weights_by_name");
    let losses = tiny_runs::two_hundred(&golden.config, masters(&golden.config));
    for (step, (loss, expected)) in losses.iter().zip(&expected).enumerate() {
        let bound = if step < 50 { 1e-4 } else { 5e-3 };
        assert!((loss - expected).abs() < bound, "step {step}: {loss}, {expected} there");
    }
}

/// From other weights, the losses of 200 steps lie where those of PyTorch do from nine seeds.
#[test]
fn two_hundred_steps_lie_within_the_spread_of_seeds() {
    let golden = Golden::read("seeds");
    let ends: Vec<usize> = golden.numbers("means_of_50_losses_before").iter().map(|x| *x as usize).collect();
    let theirs: Vec<Vec<f64>> = golden.file["runs"].as_array().expect("a list").iter().map(numbers).collect();
    let mean_before = |losses: &[f64], end: usize| losses[end - 50..end].iter().sum::<f64>() / 50.0;
    let ours: Vec<Vec<f64>> =
        (0..3).map(|seed| tiny_runs::two_hundred(&golden.config, tiny_runs::of_seed(&golden.config, seed))).collect();
    for (at, end) in ends.iter().enumerate() {
        let mean = ours.iter().map(|losses| mean_before(losses, *end)).sum::<f64>() / ours.len() as f64;
        let losses = theirs.iter().map(|run| run[at]);
        let (low, high) = (losses.clone().fold(f64::INFINITY, f64::min), losses.fold(f64::NEG_INFINITY, f64::max));
        assert!((low..=high).contains(&mean), "before step {end}: {mean}, from {low} to {high} there");
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}
