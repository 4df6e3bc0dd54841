//! Pairs beside matrices: their gradients against central differences, and what may change no bit.

mod plain;

use plain::case::{Case, TIED, UNTIED, apart, case, cosine, cpus, cpus_and_types, loss, wide};
use plain::{Plain, PlainPair};
use smollm_checkpoint::adapter::{AdapterConfig, TargetModules};
use smollm_kernels::{Cpu, Dtype, Matrix};
use smollm_model::{Documents, Param, Shape};
use smollm_train::{Draw, Keep, Learner, LogProb, Lora, Place, Tensors};
use std::convert::Infallible;

const DRAW: Draw = Draw { seed: 5, step: 3, micro_batch: 1 };

fn options(targets: &[&str], saved: &[&str], dropout: f64) -> AdapterConfig {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    AdapterConfig {
        r: 3,
        alpha: 5.0,
        use_rslora: true,
        target_modules: TargetModules::Names(names(targets)),
        rank_pattern: vec![("v_proj".into(), 2)],
        alpha_pattern: Vec::new(),
        modules_to_save: names(saved),
        dropout,
        base_model: None,
    }
}

/// A model with pairs, B of which is not zero.
struct Adapted {
    case: Case,
    lora: Lora,
    learnt: Tensors,
}

fn adapted(json: &str, options: AdapterConfig) -> Adapted {
    let case = case(json);
    let lora = Lora::new(options, &case.config).expect("options");
    let mut learnt = lora.start(7, |param| base(&case, param)).unwrap_or_else(|error| match error {});
    for (row, values) in learnt.iter_mut() {
        if matches!(row.place, Place::LoraB(..)) {
            values.iter_mut().enumerate().for_each(|(i, x)| *x = 0.2 * ((i * 7 % 11) as f32 / 11.0 - 0.4));
        }
    }
    Adapted { case, lora, learnt }
}

fn base(case: &Case, param: &Param) -> Result<Matrix, Infallible> {
    let values = case.masters.get(param.slot).expect("all are there").to_vec();
    let (rows, cols) = match param.shape {
        Shape::Vector(len) => (1, len),
        Shape::Matrix(rows, cols) => (rows, cols),
    };
    Ok(Matrix::from_f32(rows, cols, values))
}

impl Adapted {
    fn batch(&self) -> Documents<'_> {
        Documents { tokens: &self.case.tokens, documents: &self.case.documents }
    }

    fn learner(&self, cpu: &Cpu, dtype: Dtype, keep: Keep) -> Learner {
        let (base, own) = (|param: &Param| base(&self.case, param), (&self.lora, &self.learnt));
        let Ok(learner) = Learner::adapted(cpu, &self.case.config, base, own, dtype, keep);
        learner
    }

    fn run(&self, cpu: &Cpu, dtype: Dtype, keep: Keep) -> (Vec<LogProb>, Tensors) {
        let mut learner = self.learner(cpu, dtype, keep);
        let mut gradients = self.learnt.zeros_like();
        learner.forward_dropping(cpu, &self.batch(), DRAW);
        let hangs = (&self.case.targets[..], &self.case.weights[..]);
        let log_probs = learner.backward(cpu, &self.batch(), hangs, &mut gradients);
        assert_eq!(log_probs, learner.log_probs(cpu, &self.case.targets));
        (log_probs, gradients)
    }

    /// Log-probabilities of the targets, without dropout.
    fn log_probs(&self, cpu: &Cpu, learner: &mut Learner) -> Vec<LogProb> {
        learner.forward_only(cpu, &self.batch());
        learner.log_probs(cpu, &self.case.targets)
    }
}

#[test]
fn gradients_of_pairs_are_those_of_the_plain_model() {
    for (json, targets, saved, dropout) in [
        (TIED, &["all-linear"][..], &[][..], 0.0),
        (TIED, &["q_proj", "self_attn.v_proj"], &["norm"], 0.3),
        (UNTIED, &["all-linear"], &["lm_head", "embed_tokens"], 0.25),
        (UNTIED, &["layers.1.mlp.down_proj", "layers.2.self_attn.o_proj"], &[], 0.0),
    ] {
        let adapted = adapted(json, options(targets, saved, dropout));
        let Adapted { case, lora, learnt } = &adapted;
        let mut plain = Plain::new(&case.config);
        // the tensors of the base, then what is learnt; what is learnt whole stands in the place of the base's
        let mut fixed = wide(&case.masters);
        for (i, row) in learnt.table().iter().enumerate() {
            let Place::LoraA(layer, slot) = row.place else { continue };
            let Shape::Matrix(rank, _) = row.shape else { panic!("pairs are matrices") };
            let mask = lora.mask(DRAW, layer, slot, case.tokens.len());
            assert_eq!(mask.is_some(), dropout > 0.0);
            let pair = PlainPair {
                tensors: [fixed.len() + i, fixed.len() + i + 1],
                scale: 5.0 / f64::sqrt(rank as f64),
                mask,
            };
            plain.pairs.insert((layer, slot), pair);
        }
        fixed.extend(wide(learnt));
        let whole = |tensors: &[Vec<f64>]| {
            let mut all = fixed[..case.masters.table().len()].to_vec();
            all.extend_from_slice(tensors);
            for (row, tensor) in learnt.table().iter().zip(tensors) {
                if let Some(place) = case.masters.table().iter().position(|own| own.place == row.place) {
                    all[place].clone_from(tensor);
                }
            }
            all
        };
        let log_probs =
            |tensors: &[Vec<f64>]| plain.log_probs(&whole(tensors), &case.tokens, &case.documents, &case.targets);
        let expected = plain::differences(&wide(learnt), |tensors| loss(&case.weights, log_probs(tensors)));
        let exact = log_probs(&wide(learnt));
        for cpu in cpus() {
            let (got, gradients) = adapted.run(&cpu, Dtype::F32, Keep::All);
            for (got, [log_prob, log_z]) in got.iter().zip(&exact) {
                let error = (f64::from(got.log_prob) - log_prob).abs().max((f64::from(got.log_z) - log_z).abs());
                assert!(error <= 4e-6, "{error:e} apart on {cpu:?}");
            }
            for ((row, gradient), expected) in gradients.iter().zip(&expected) {
                let error = apart(gradient, expected);
                assert!(error <= 2e-6, "{} on {cpu:?}: {error:e} apart", row.name);
            }
            let (_, rounded) = adapted.run(&cpu, Dtype::BF16, Keep::All);
            for ((row, gradient), expected) in rounded.iter().zip(&expected) {
                let cosine = cosine(gradient, expected);
                assert!(cosine >= 0.999, "{} on {cpu:?}: {cosine}", row.name);
            }
        }
    }
}

#[test]
fn what_is_computed_again_and_how_many_threads_work_change_no_bit() {
    let adapted = adapted(UNTIED, options(&["all-linear"], &["norm"], 0.2));
    for (isa, dtype) in Cpu::available_isas().into_iter().flat_map(|isa| [(isa, Dtype::F32), (isa, Dtype::BF16)]) {
        let run = |threads, keep| {
            let (log_probs, gradients) = adapted.run(&Cpu::with_isa(isa, threads).expect("available"), dtype, keep);
            let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            (log_probs, gradients.iter().map(|(_, values)| bits(values)).collect::<Vec<_>>())
        };
        let one = run(1, Keep::All);
        for (threads, keep) in [(1, Keep::Inputs), (3, Keep::All), (2, Keep::Inputs)] {
            assert!(run(threads, keep) == one, "{isa} {dtype} {threads} {keep:?}");
        }
    }
}

/// A new adapter adds nothing; the base is there whatever was learnt; and dropout is of training alone.
#[test]
fn the_base_can_be_run_beside_what_was_learnt() {
    let mut adapted = adapted(UNTIED, options(&["all-linear"], &["norm", "lm_head"], 0.2));
    let fresh = adapted.lora.start(7, |param| base(&adapted.case, param)).unwrap_or_else(|error| match error {});
    for (cpu, dtype) in cpus_and_types() {
        let mut whole = Learner::whole(&cpu, &adapted.case.config, &adapted.case.masters, dtype, Keep::None);
        let of_base = adapted.log_probs(&cpu, &mut whole);
        let learnt = std::mem::replace(&mut adapted.learnt, fresh.clone());
        let mut learner = adapted.learner(&cpu, dtype, Keep::All);
        assert_eq!(adapted.log_probs(&cpu, &mut learner), of_base, "B is zero, {dtype} on {cpu:?}");
        // other numbers, also in the place of what is learnt whole
        adapted.learnt = learnt;
        for (row, values) in adapted.learnt.iter_mut() {
            if matches!(row.place, Place::Base(_)) {
                values.iter_mut().for_each(|x| *x *= 1.25);
            }
        }
        learner.update(&cpu, &adapted.learnt);
        let changed = adapted.log_probs(&cpu, &mut learner);
        assert_ne!(changed, of_base);
        for _ in 0..2 {
            learner.forward_base(&cpu, &adapted.batch());
            assert_eq!(learner.log_probs(&cpu, &adapted.case.targets), of_base, "{dtype} on {cpu:?}");
        }
        learner.update(&cpu, &adapted.learnt);
        assert_eq!(adapted.log_probs(&cpu, &mut learner), changed);
        learner.forward_base(&cpu, &adapted.batch());
        learner.forward_dropping(&cpu, &adapted.batch(), DRAW);
        let dropped = learner.log_probs(&cpu, &adapted.case.targets);
        assert_ne!(dropped, changed);
        assert_eq!(adapted.log_probs(&cpu, &mut learner), changed);
        let other = Draw { step: 4, ..DRAW };
        learner.forward_dropping(&cpu, &adapted.batch(), other);
        assert_ne!(learner.log_probs(&cpu, &adapted.case.targets), dropped);
    }
}

/// W + s B A answers as W and the pair beside it.
#[test]
fn merged_matrices_give_what_pairs_beside_them_give() {
    let adapted = adapted(TIED, options(&["all-linear"], &[], 0.2));
    let mut merged = adapted.case.masters.clone();
    let table = adapted.learnt.table().to_vec();
    for row in &table {
        let Place::LoraA(layer, slot) = row.place else { continue };
        let Shape::Matrix(rank, inputs) = row.shape else { panic!("pairs are matrices") };
        let a = adapted.learnt.get(row.place).expect("A");
        let b = adapted.learnt.get(Place::LoraB(layer, slot)).expect("B");
        let scale = 5.0 / f64::sqrt(rank as f64);
        let weight = merged.get_mut(smollm_model::Slot::Layer(layer, slot)).expect("W");
        for (i, w) in weight.iter_mut().enumerate() {
            let (row, col) = (i / inputs, i % inputs);
            let product: f64 = (0..rank).map(|r| f64::from(b[row * rank + r]) * f64::from(a[r * inputs + col])).sum();
            *w = (f64::from(*w) + scale * product) as f32;
        }
    }
    for cpu in cpus() {
        let mut beside = adapted.learner(&cpu, Dtype::F32, Keep::None);
        let beside = adapted.log_probs(&cpu, &mut beside);
        let mut whole = Learner::whole(&cpu, &adapted.case.config, &merged, Dtype::F32, Keep::None);
        let whole = adapted.log_probs(&cpu, &mut whole);
        let most = beside.iter().zip(&whole).map(|(a, b)| (a.log_prob - b.log_prob).abs()).fold(0.0, f32::max);
        assert!(most <= 4e-6, "{most:e} apart on {cpu:?}");
    }
}
