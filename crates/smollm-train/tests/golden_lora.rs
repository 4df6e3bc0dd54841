//! Ten steps of LoRA beside peft: `testdata/train/lora.json`, made by `reference/train_golden.py`; and preferences whose reference is
//! the base.

mod tiny_runs;

use serde_json::Value;
use smollm_checkpoint::adapter::{AdapterConfig, TargetModules};
use smollm_corpus::feed::Batch;
use smollm_kernels::{Cpu, Dtype, Matrix};
use smollm_model::{Param, Shape};
use smollm_testkit::tiny;
use smollm_train::objective::{Objective, Preference, PreferenceLoss, Totals};
use smollm_train::{Keep, KeptReference, Learner, Lora, Place, Reference, State, Tensors, Trainer};
use std::convert::Infallible;
use tiny_runs::{Golden, apart, batch_of, cpus, masters, pairs};

/// The options of a golden file's adapter.
fn options(golden: &Golden) -> AdapterConfig {
    let options = &golden.file["lora"];
    let targets = options["target_modules"].as_array().expect("a list").iter();
    AdapterConfig {
        r: options["r"].as_u64().expect("a rank") as usize,
        alpha: options["lora_alpha"].as_f64().expect("a number"),
        use_rslora: options["use_rslora"] == Value::Bool(true),
        target_modules: TargetModules::Names(targets.map(|name| name.as_str().expect("a name").into()).collect()),
        rank_pattern: Vec::new(),
        alpha_pattern: Vec::new(),
        modules_to_save: Vec::new(),
        dropout: options["lora_dropout"].as_f64().expect("a number"),
        base_model: None,
    }
}

/// A model with weights by name.
fn base(param: &Param) -> Result<Matrix, Infallible> {
    let (rows, cols) = match param.shape {
        Shape::Vector(len) => (1, len),
        Shape::Matrix(rows, cols) => (rows, cols),
    };
    Ok(Matrix::from_f32(rows, cols, tiny::tensor(&param.hf_name, &param.shape.dims()).data))
}

fn learner(golden: &Golden, cpu: &Cpu, lora: &Lora, learnt: &Tensors, dtype: Dtype, keep: Keep) -> Learner {
    let Ok(learner) = Learner::adapted(cpu, &golden.config, base, (lora, learnt), dtype, keep);
    learner
}

/// The steps that an adapter of these numbers takes over a batch.
fn trainer(
    golden: &Golden,
    cpu: &Cpu,
    objective: Objective,
    reference: Reference,
    start: (&Lora, &Tensors),
) -> Trainer {
    let learner = learner(golden, cpu, start.0, start.1, Dtype::F32, Keep::All);
    let cpu = Cpu::with_isa(cpu.isa(), cpu.threads()).expect("available");
    Trainer::new(cpu, learner, reference, golden.options(objective), State::new(start.1.clone())).dropping_by(3)
}

#[test]
fn steps_and_gradients_are_those_of_peft() {
    let golden = Golden::read("lora");
    let lora = Lora::new(options(&golden), &golden.config).expect("options");
    let learnt = Tensors::of(lora.table(), |row, values| {
        values.copy_from_slice(&tiny::tensor(&row.name, &row.shape.dims()).data);
    });
    let batch = batch_of(&golden.sequences(), |_, _| true);
    let objective = Objective::NextToken { z_loss: 0.0 };
    for cpu in cpus() {
        let mut gradients = learnt.zeros_like();
        let mut model = learner(&golden, &cpu, &lora, &learnt, Dtype::F32, Keep::All);
        tiny_runs::gradient(&cpu, &mut model, &batch, &objective, Totals::of([&batch]), &mut gradients);
        for (row, gradient) in gradients.iter() {
            let error = apart(gradient, &golden.gradient(&row.name));
            assert!(error <= 1e-5, "{} on {cpu:?}: {error:e} apart", row.name);
        }
        let mut trainer = trainer(&golden, &cpu, objective, Reference::None, (&lora, &learnt));
        for (number, expected) in golden.steps().iter().enumerate() {
            let report = trainer.step(std::slice::from_ref(&batch)).expect("finite");
            for (name, value, bound) in [("loss", report.loss, 1e-5), ("grad_norm", report.grad_norm, 1e-4)] {
                let expected = expected[name].as_f64().expect("a number");
                let apart = (value - expected).abs() / expected;
                assert!(apart <= bound, "step {number} on {cpu:?}: {name} is {value}, {expected} there");
            }
        }
        assert!(trainer.state().learnt.table().iter().all(|row| !matches!(row.place, Place::Base(_))));
    }
}

/// The base beside the adapter is what a second model of its weights is, to the bit, and so is what was kept of it.
#[test]
fn the_base_is_the_reference_of_preferences() {
    let golden = Golden::read("lora");
    let mut options = options(&golden);
    options.dropout = 0.1;
    let lora = Lora::new(options, &golden.config).expect("options");
    let Ok(start) = lora.start(1, base);
    let objective = Objective::Preference(Preference { loss: PreferenceLoss::Sigmoid, beta: 0.1 });
    let batch = pairs(golden.config.vocab_size);
    for cpu in cpus() {
        let mut whole = Learner::whole(&cpu, &golden.config, &masters(&golden.config), Dtype::F32, Keep::None);
        let mut kept = KeptReference::default();
        kept.add(&cpu, &mut whole, &batch);
        let run = |reference: Reference, seed: u64| {
            let mut trainer = trainer(&golden, &cpu, objective, reference, (&lora, &start)).dropping_by(seed);
            [(); 4].map(|()| trainer.step(std::slice::from_ref(&batch)).expect("finite"))
        };
        let reports = run(Reference::Base, 3);
        // B is zero, so what is dropped does not show yet
        assert!((reports[0].loss - std::f64::consts::LN_2).abs() < 1e-7, "{}", reports[0].loss);
        assert!(reports[3].loss < reports[0].loss);
        assert_eq!(run(Reference::Kept { training: kept, held_out: KeptReference::default() }, 3), reports);
        assert_eq!(run(Reference::Model(Box::new(whole)), 3), reports);
        assert_ne!(run(Reference::Base, 4), reports);
    }
}

/// What is dropped differs between the batches of a step and between steps, and not between runs.
#[test]
fn what_is_dropped_is_told_by_seed_step_and_batch() {
    let golden = Golden::read("lora");
    let mut options = options(&golden);
    options.dropout = 0.5;
    let lora = Lora::new(options, &golden.config).expect("options");
    let learnt = Tensors::of(lora.table(), |row, values| {
        values.copy_from_slice(&tiny::tensor(&row.name, &row.shape.dims()).data);
    });
    let batch: Batch = batch_of(&golden.sequences(), |_, _| true);
    let cpu = Cpu::with_isa("scalar", 1).expect("always there");
    let run = |batches: &[Batch], seed| {
        let mut trainer =
            trainer(&golden, &cpu, Objective::NextToken { z_loss: 0.0 }, Reference::None, (&lora, &learnt));
        trainer = trainer.dropping_by(seed);
        trainer.step(batches).expect("finite").loss
    };
    let one = run(std::slice::from_ref(&batch), 1);
    assert_eq!(run(std::slice::from_ref(&batch), 1), one);
    assert_ne!(run(std::slice::from_ref(&batch), 2), one);
    // the same batch twice has the same loss but for what is dropped
    assert_ne!(run(&[batch.clone(), batch.clone()], 1), one);
}
