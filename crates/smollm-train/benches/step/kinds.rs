//! Steps that learn adapters, preferences, or both, by the trainer itself.

use crate::{Case, peak_gib, timed};
use smollm_checkpoint::adapter::{AdapterConfig, TargetModules};
use smollm_corpus::feed::{Batch, Sequence, Span};
use smollm_kernels::{Cpu, Matrix, granted_threads};
use smollm_model::init::initial_values;
use smollm_model::{Param, Shape, params};
use smollm_train::objective::{Objective, Preference, PreferenceLoss};
use smollm_train::schedule::{Schedule, Shape as Curve};
use smollm_train::{Learner, Lora, Optimizer, Reference, State, Tensors, TrainOptions, Trainer};
use std::convert::Infallible;

/// Runs the steps of a case of another kind than `full`, and prints its line.
pub(crate) fn run(case: &Case, kind: &str) {
    let (lora, pairs) = match kind {
        "lora" => (true, false),
        "dpo" => (false, true),
        "lora-dpo" => (true, true),
        _ => panic!("{kind} is none of full, lora, dpo and lora-dpo"),
    };
    let cpu = Cpu::new(granted_threads()).expect("a row is available");
    let config = &case.config;
    let mut base = |param: &Param| -> Result<Matrix, Infallible> {
        let (rows, columns) = match param.shape {
            Shape::Vector(len) => (1, len),
            Shape::Matrix(rows, columns) => (rows, columns),
        };
        let mut values = vec![0.0; rows * columns];
        initial_values(config, param, 1, 0, &mut values);
        Ok(Matrix::from_f32(rows, columns, values))
    };
    let [mut made, mut opened] = [0.0; 2];
    let (learner, reference, state) = if lora {
        let adapter = Lora::new(adapter(), config).expect("an adapter");
        let Ok(learnt) = timed(&mut made, || adapter.start(1, &mut base));
        let Ok(learner) = timed(&mut opened, || {
            Learner::adapted(&cpu, config, &mut base, (&adapter, &learnt), case.dtype, case.keep)
        });
        (learner, Reference::Base, State::new(learnt))
    } else {
        let fill = |param: &Param, values: &mut [f32]| initial_values(config, param, 1, 0, values);
        let learnt = timed(&mut made, || Tensors::new(config, fill));
        let open = || Learner::whole(&cpu, config, &learnt, case.dtype, case.keep);
        let (learner, other) = timed(&mut opened, || (open(), open()));
        (learner, Reference::Model(Box::new(other)), State::new(learnt))
    };
    let options = TrainOptions {
        objective: match pairs {
            true => Objective::Preference(Preference { loss: PreferenceLoss::Sigmoid, beta: 0.1 }),
            false => Objective::NextToken { z_loss: 0.0 },
        },
        optimizer: Optimizer {
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.01,
            decay_embeddings: true,
            decay_norms: true,
            max_grad_norm: Some(1.0),
        },
        schedule: Schedule { peak: 1e-4, floor: 1.0, warmup: 0, shape: Curve::Constant },
        total_steps: case.rounds as u64 + 1,
    };
    let reference = if pairs { reference } else { Reference::None };
    let mut trainer = Trainer::new(cpu, learner, reference, options, state);
    let mut steps: Vec<f64> = (0..=case.rounds as u64)
        .map(|step| {
            let batch = batch(case, step);
            let mut seconds = 0.0;
            timed(&mut seconds, || trainer.step(&[batch])).expect("finite numbers");
            seconds
        })
        .collect();
    let peak = peak_gib();
    let first = steps.remove(0);
    steps.sort_by(f64::total_cmp);
    let operations = case.operations() * shares(lora, pairs);
    case.tell(trainer.cpu(), operations, [steps[steps.len() / 2], steps[0]], peak, [made, opened, first]);
    let learnt: usize = trainer.state().learnt.iter().map(|(_, values)| values.len()).sum();
    let all: usize = params(config).iter().map(|param| param.shape.elements()).sum();
    println!("    {kind}, {learnt} numbers learnt beside or of {all}");
}

/// Operations as a share of those of a full step: frozen matrices have no products for their gradients, and a reference goes there once more. What the pairs
/// themselves cost is not counted.
fn shares(lora: bool, pairs: bool) -> f64 {
    let own = if lora { 2.0 / 3.0 } else { 1.0 };
    own + if pairs { 1.0 / 3.0 } else { 0.0 }
}

fn adapter() -> AdapterConfig {
    AdapterConfig {
        r: 16,
        alpha: 32.0,
        use_rslora: false,
        target_modules: TargetModules::Names(vec!["all-linear".into()]),
        rank_pattern: Vec::new(),
        alpha_pattern: Vec::new(),
        modules_to_save: Vec::new(),
        dropout: 0.0,
        base_model: None,
    }
}

/// Rows of ids without a pattern, all of which is learnt.
fn batch(case: &Case, step: u64) -> Batch {
    let vocab = case.config.vocab_size as u64;
    let id = |i: usize| ((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ (step << 7)) >> 33) % vocab;
    let inputs = case.length - 1;
    let all = |row: usize| (0..case.length).map(move |i| id(row * case.length + i) as u32);
    Batch {
        ids: (0..case.rows).flat_map(|row| all(row).take(inputs)).collect(),
        targets: (0..case.rows).flat_map(|row| all(row).skip(1)).collect(),
        learnt: vec![true; case.rows * inputs],
        sequences: (0..case.rows)
            .map(|row| Sequence { inputs: row * inputs..(row + 1) * inputs, spans: row..row + 1 })
            .collect(),
        rows: (0..case.rows).collect(),
        spans: (0..case.rows)
            .map(|row| Span { source: 0, document: row as u64, from: 0, length: case.length as u64 })
            .collect(),
    }
}
