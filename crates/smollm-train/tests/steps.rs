//! Steps of a trainer: what may be cut and shared out without leaving a trace, and what stops one.

mod tiny_runs;

use smollm_corpus::feed::Batch;
use smollm_kernels::{Cpu, Dtype};
use smollm_testkit::tiny;
use smollm_train::objective::{Objective, Preference, PreferenceLoss};
use smollm_train::{
    Keep, KeptReference, Learner, Optimizer, Place, Reference, State, StepError, StepReport, TrainOptions, Trainer,
};
use tiny_runs::{Golden, apart, batch_of, constant, cpus, masters, pairs};

const NEXT_TOKEN: Objective = Objective::NextToken { z_loss: 1e-3 };

fn options(objective: Objective) -> TrainOptions {
    let optimizer = Optimizer {
        betas: [0.9, 0.95],
        eps: 1e-8,
        weight_decay: 0.1,
        decay_embeddings: true,
        decay_norms: true,
        max_grad_norm: Some(1.0),
    };
    TrainOptions { objective, optimizer, schedule: constant(1e-2), total_steps: 10 }
}

fn trainer(cpu: Cpu, dtype: Dtype, keep: Keep, options: TrainOptions, reference: Reference) -> Trainer {
    let config = Golden::read("pretrain").config;
    let masters = masters(&config);
    let learner = Learner::whole(&cpu, &config, &masters, dtype, keep);
    Trainer::new(cpu, learner, reference, options, State::new(masters))
}

/// 32 sequences of 2 to 9 tokens.
fn sequences() -> Vec<Vec<u32>> {
    (0..32).map(|i| tiny::prompt_ids(&format!("steps/{i}"), 2 + i % 8, 40)).collect()
}

fn bits(trainer: &Trainer) -> Vec<u32> {
    trainer.state().learnt.iter().flat_map(|(_, values)| values).map(|x| x.to_bits()).collect()
}

#[test]
fn a_step_of_many_micro_batches_is_that_of_one_batch() {
    let all = sequences();
    let learnt = |i: usize, position: usize| !(i + position).is_multiple_of(4);
    let whole = batch_of(&all, learnt);
    let cut: Vec<Batch> = (0..all.len()).map(|i| batch_of(&all[i..=i], |_, position| learnt(i, position))).collect();
    for cpu in cpus() {
        let new = || {
            let cpu = Cpu::with_isa(cpu.isa(), cpu.threads()).expect("available");
            trainer(cpu, Dtype::F32, Keep::All, options(NEXT_TOKEN), Reference::None)
        };
        let (mut one, mut many) = (new(), new());
        let (a, b) = (one.step(std::slice::from_ref(&whole)).expect("finite"), many.step(&cut).expect("finite"));
        assert_eq!((a.tokens, a.supervised), (b.tokens, b.supervised));
        assert!((a.loss - b.loss).abs() < 1e-6 && (a.grad_norm / b.grad_norm - 1.0).abs() < 1e-6, "{a:?} {b:?}");
        // the first moment after one step is the gradient but for factors
        for ((row, a), (_, b)) in one.state().moments.first.iter().zip(many.state().moments.first.iter()) {
            let error = apart(b, a);
            assert!(error < 1e-6, "{} on {cpu:?}: {error:e}", row.name);
        }
    }
}

#[test]
fn threads_and_what_is_kept_leave_no_trace_in_a_run() {
    let batches: Vec<Batch> = sequences().chunks(8).map(|some| batch_of(some, |_, _| true)).collect();
    for isa in Cpu::available_isas() {
        for dtype in [Dtype::F32, Dtype::BF16] {
            let run = |threads, keep| {
                let cpu = Cpu::with_isa(isa, threads).expect("available");
                let mut trainer = trainer(cpu, dtype, keep, options(NEXT_TOKEN), Reference::None);
                let reports: Vec<StepReport> = (0..3).map(|_| trainer.step(&batches).expect("finite")).collect();
                (bits(&trainer), reports)
            };
            let one = run(1, Keep::All);
            for (threads, keep) in [(2, Keep::All), (3, Keep::Inputs)] {
                assert!(run(threads, keep) == one, "{isa} {dtype} {threads} {keep:?}");
            }
        }
    }
}

#[test]
fn an_evaluation_is_the_loss_of_all_of_it_and_changes_nothing() {
    let cpu = || Cpu::with_isa(Cpu::available_isas()[0], 2).expect("available");
    let all = sequences();
    let batches: Vec<Batch> = all.chunks(5).map(|some| batch_of(some, |_, _| true)).collect();
    let mut evaluated = trainer(cpu(), Dtype::F32, Keep::All, options(NEXT_TOKEN), Reference::None);
    let before = bits(&evaluated);
    let evaluation = evaluated.evaluate(batches.iter().cloned().map(Ok::<_, ()>)).expect("batches");
    assert_eq!(bits(&evaluated), before);
    let report = evaluated.step(&batches).expect("finite");
    assert!((evaluation.loss - report.loss).abs() < 1e-9, "{evaluation:?} {report:?}");
    assert_eq!(evaluation.supervised, report.supervised);
    let apart = |(a, b): (&(&str, f64), &(&str, f64))| a.0 == b.0 && (a.1 - b.1).abs() < 1e-9;
    assert!(evaluation.metrics.iter().zip(&report.metrics).all(apart));
    // of preferences, what is held out is measured against its own reference
    let preference = Objective::Preference(Preference { loss: PreferenceLoss::Sigmoid, beta: 0.5 });
    let batch = pairs(40);
    let mut held_out = KeptReference::default();
    let config = Golden::read("pretrain").config;
    held_out.add(&cpu(), &mut Learner::whole(&cpu(), &config, &masters(&config), Dtype::F32, Keep::None), &batch);
    let reference = Reference::Kept { training: KeptReference::default(), held_out };
    let mut evaluated = trainer(cpu(), Dtype::F32, Keep::All, options(preference), reference);
    let evaluation = evaluated.evaluate([Ok::<_, ()>(batch)]).expect("a batch");
    assert!((evaluation.loss - std::f64::consts::LN_2).abs() < 1e-12, "{evaluation:?}");
}

#[test]
fn what_decays_is_what_the_recipe_says() {
    let cpu = || Cpu::with_isa(Cpu::available_isas()[0], 1).expect("available");
    let batch = batch_of(&sequences(), |_, _| true);
    let after = |decay_embeddings, decay_norms, weight_decay| {
        let mut options = options(NEXT_TOKEN);
        options.optimizer = Optimizer { decay_embeddings, decay_norms, weight_decay, ..options.optimizer };
        let mut trainer = trainer(cpu(), Dtype::F32, Keep::All, options, Reference::None);
        trainer.step(std::slice::from_ref(&batch)).expect("finite");
        trainer.state().learnt.clone()
    };
    let none = after(true, true, 0.0);
    for (embeddings, norms) in [(true, true), (false, true), (true, false), (false, false)] {
        for ((row, plain), (_, decayed)) in none.iter().zip(after(embeddings, norms, 0.1).iter()) {
            let is_norm = matches!(row.shape, smollm_model::Shape::Vector(_));
            let is_embedding = row.place == Place::Base(smollm_model::Slot::EmbedTokens);
            let decays = if is_norm {
                norms
            } else if is_embedding {
                embeddings
            } else {
                true
            };
            assert_eq!(plain != decayed, decays, "{} with {embeddings} {norms}", row.name);
        }
    }
}

#[test]
fn what_is_no_number_stops_a_step_and_changes_nothing() {
    let cpu = || Cpu::with_isa(Cpu::available_isas()[0], 2).expect("available");
    let all = sequences();
    // nothing to learn
    let mut stopped = trainer(cpu(), Dtype::F32, Keep::All, options(NEXT_TOKEN), Reference::None);
    let before = bits(&stopped);
    let nothing = batch_of(&all, |_, _| false);
    let error = stopped.step(std::slice::from_ref(&nothing)).expect_err("nothing to learn");
    assert!(matches!(&error, StepError::Nothing { step: 1, spans } if spans.len() == all.len()), "{error:?}");
    // a weight that is no number: of one token's embedding, so that the sequences with that token are named
    let config = Golden::read("pretrain").config;
    let mut broken = masters(&config);
    let token = 7;
    let row = token * config.hidden_size;
    broken.get_mut(smollm_model::Slot::EmbedTokens).expect("learnt")[row] = f32::NAN;
    let learner = Learner::whole(&cpu(), &config, &broken, Dtype::F32, Keep::All);
    let mut stopped = Trainer::new(cpu(), learner, Reference::None, options(NEXT_TOKEN), State::new(broken));
    let batch = batch_of(&all, |_, _| true);
    let error = stopped.step(std::slice::from_ref(&batch)).expect_err("not finite");
    assert!(matches!(&error, StepError::LogProb { step: 1, spans } if spans.len() == 1), "{error:?}");
    assert_eq!((stopped.state().step, stopped.state().tokens), (0, 0));
    drop(before);
}
