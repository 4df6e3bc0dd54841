//! Tiny models and batches for the tests of training.
#![allow(dead_code, reason = "each test file takes what it needs")]

use serde_json::Value;
use smollm_corpus::feed::{Batch, Sequence, Span};
use smollm_kernels::{Cpu, Dtype};
use smollm_model::init::initial_values;
use smollm_model::{Documents, ModelConfig};
use smollm_testkit::golden::{f32_from_base64, read_json};
use smollm_testkit::tiny;
use smollm_train::objective::{Objective, Totals};
use smollm_train::schedule::{self, Schedule};
use smollm_train::{Keep, Learner, Optimizer, Reference, State, Target, Tensors, TrainOptions, Trainer};
use std::path::Path;

/// One row of functions each, with one to three threads.
pub(crate) fn cpus() -> impl Iterator<Item = Cpu> {
    Cpu::available_isas().into_iter().enumerate().map(|(i, isa)| Cpu::with_isa(isa, 1 + i % 3).expect("available"))
}

/// ||a - b|| / ||b||.
pub(crate) fn apart(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let difference: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    (difference / b.iter().map(|b| f64::from(*b).powi(2)).sum::<f64>()).sqrt()
}

/// A file of `testdata/train`.
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) file: Value,
    pub(crate) config: ModelConfig,
}

impl Golden {
    pub(crate) fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../testdata/train/{name}.json"));
        let file = read_json(&path);
        let config = ModelConfig::from_json(file["config"].to_string().as_bytes(), "config").expect("a configuration");
        Self { name: name.into(), file, config }
    }

    pub(crate) fn steps(&self) -> &[Value] {
        self.file["steps"].as_array().expect("a list of steps")
    }

    pub(crate) fn numbers(&self, name: &str) -> Vec<f64> {
        self.file[name].as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
    }

    pub(crate) fn gradient(&self, name: &str) -> Vec<f32> {
        f32_from_base64(self.file["gradients"][name].as_str().unwrap_or_else(|| panic!("no gradient of {name}")))
    }

    /// Sequences as the script has them.
    pub(crate) fn sequences(&self) -> Vec<Vec<u32>> {
        let lengths = [9, 6, 12, 5].into_iter().enumerate();
        lengths.map(|(i, n)| tiny::prompt_ids(&format!("train/{i}"), n, self.config.vocab_size)).collect()
    }

    pub(crate) fn options(&self, objective: Objective) -> TrainOptions {
        let options = &self.file["options"];
        let number = |name: &str| options[name].as_f64().unwrap_or_else(|| panic!("{name} of {}", self.name));
        let betas = [0, 1].map(|i| options["betas"][i].as_f64().expect("a number"));
        let optimizer = Optimizer {
            betas,
            eps: number("eps"),
            weight_decay: number("weight_decay"),
            decay_embeddings: true,
            decay_norms: true,
            max_grad_norm: Some(number("max_grad_norm")),
        };
        TrainOptions { objective, optimizer, schedule: constant(number("learning_rate")), total_steps: 10 }
    }
}

pub(crate) fn constant(peak: f64) -> Schedule {
    Schedule { peak, floor: 0.0, warmup: 0, shape: schedule::Shape::Constant }
}

/// Weights by name.
pub(crate) fn masters(config: &ModelConfig) -> Tensors {
    Tensors::new(config, |param, values| {
        values.copy_from_slice(&tiny::tensor(&param.hf_name, &param.shape.dims()).data);
    })
}

/// Sequences as one batch; `learnt` says whether the token at a position of a sequence is supervised. Each is a document of its own.
pub(crate) fn batch_of(sequences: &[Vec<u32>], learnt: impl Fn(usize, usize) -> bool) -> Batch {
    let mut batch = Batch::default();
    for (i, ids) in sequences.iter().enumerate() {
        let start = batch.ids.len();
        batch.ids.extend(&ids[..ids.len() - 1]);
        batch.targets.extend(&ids[1..]);
        batch.learnt.extend((1..ids.len()).map(|position| learnt(i, position)));
        batch.rows.push(batch.sequences.len());
        let spans = batch.spans.len()..batch.spans.len() + 1;
        batch.spans.push(Span { source: 0, document: i as u64, from: 0, length: ids.len() as u64 });
        batch.sequences.push(Sequence { inputs: start..batch.ids.len(), spans });
    }
    batch
}

/// The two pairs of the script.
pub(crate) fn pairs(vocab: usize) -> Batch {
    let end = vocab as u32 - 1;
    let ids = |name: &str, i: usize, n: usize| tiny::prompt_ids(&format!("{name}/{i}"), n, vocab - 1);
    let mut sequences = Vec::new();
    let mut prompts = Vec::new();
    for (i, [prompt, chosen, rejected]) in [[3, 5, 2], [4, 1, 6]].into_iter().enumerate() {
        for (answer, n) in [("chosen", chosen), ("rejected", rejected)] {
            sequences.push([ids("prompt", i, prompt), ids(answer, i, n), vec![end]].concat());
            prompts.push(prompt);
        }
    }
    let mut batch = batch_of(&sequences, |i, position| position >= prompts[i]);
    batch.rows = vec![0, 2];
    batch
}

/// The gradient of a batch under an objective that wants no reference.
pub(crate) fn gradient(
    cpu: &Cpu,
    learner: &mut Learner,
    batch: &Batch,
    objective: &Objective,
    totals: Totals,
    to: &mut Tensors,
) {
    let targets: Vec<Target> = (0..batch.ids.len())
        .filter(|row| batch.learnt[*row])
        .map(|row| Target { row, id: batch.targets[row] })
        .collect();
    let documents: Vec<_> = batch.sequences.iter().map(|sequence| sequence.inputs.clone()).collect();
    let documents = Documents { tokens: &batch.ids, documents: &documents };
    learner.forward(cpu, &documents);
    let judged = objective.judge(batch, &learner.log_probs(cpu, &targets), &[], totals);
    learner.backward(cpu, &documents, (&targets, &judged.weights), to);
}

/// Sequences in which mostly each token tells the next one, as the script has them.
pub(crate) fn chain(step: usize, vocab: usize) -> Batch {
    let vocab = vocab as u32;
    let row = |row: usize| {
        let noise = tiny::prompt_ids(&format!("chain/{step}/{row}"), 16, 5 * vocab as usize);
        let mut ids = vec![noise[0] % vocab];
        for n in &noise[1..] {
            let last = ids[ids.len() - 1];
            ids.push(if n.is_multiple_of(5) { n / 5 } else { (last * 7 + 3) % vocab });
        }
        ids
    };
    batch_of(&(0..4).map(row).collect::<Vec<_>>(), |_, _| true)
}

/// The losses of 200 steps.
pub(crate) fn two_hundred(config: &ModelConfig, masters: Tensors) -> Vec<f64> {
    let cpu = Cpu::with_isa(Cpu::available_isas()[0], 2).expect("available");
    let learner = Learner::whole(&cpu, config, &masters, Dtype::F32, Keep::All);
    let optimizer = Optimizer {
        betas: [0.9, 0.95],
        eps: 1e-8,
        weight_decay: 0.01,
        decay_embeddings: true,
        decay_norms: true,
        max_grad_norm: Some(1.0),
    };
    let objective = Objective::NextToken { z_loss: 0.0 };
    let options = TrainOptions { objective, optimizer, schedule: constant(3e-3), total_steps: 200 };
    let mut trainer = Trainer::new(cpu, learner, Reference::None, options, State::new(masters));
    (0..200).map(|step| trainer.step(&[chain(step, config.vocab_size)]).expect("finite").loss).collect()
}

/// Weights drawn from a seed.
pub(crate) fn of_seed(config: &ModelConfig, seed: u64) -> Tensors {
    Tensors::new(config, |param, values| initial_values(config, param, seed, 0, values))
}
