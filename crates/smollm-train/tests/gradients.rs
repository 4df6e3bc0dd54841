//! Every gradient of a whole tiny model against central differences of the same model in plain f64, on every available row.

mod plain;

use plain::Plain;
use plain::case::{Case, TIED, UNTIED, apart, case, cosine, cpus, cpus_and_types, loss, wide};
use smollm_kernels::{Cpu, Dtype, Matrix};
use smollm_model::{Documents, LayerSlot, Param, Shape, Slot};
use smollm_train::{Keep, Learner, LogProb, Place, Target, Tensors};

impl Case {
    fn run(&self, cpu: &Cpu, dtype: Dtype, keep: Keep) -> (Vec<LogProb>, Tensors) {
        let batch = Documents { tokens: &self.tokens, documents: &self.documents };
        let mut learner = Learner::whole(cpu, &self.config, &self.masters, dtype, keep);
        let mut gradients = Tensors::zeros(&self.config);
        learner.forward(cpu, &batch);
        let log_probs = learner.backward(cpu, &batch, (&self.targets, &self.weights), &mut gradients);
        assert_eq!(log_probs, learner.log_probs(cpu, &self.targets));
        (log_probs, gradients)
    }
}

#[test]
fn f32_gradients_are_those_of_the_plain_model() {
    for json in [TIED, UNTIED] {
        let case = case(json);
        let plain = Plain::new(&case.config);
        let wide = wide(&case.masters);
        let loss = |tensors: &[Vec<f64>]| {
            loss(&case.weights, plain.log_probs(tensors, &case.tokens, &case.documents, &case.targets))
        };
        let expected = plain::differences(&wide, loss);
        let log_probs = plain.log_probs(&wide, &case.tokens, &case.documents, &case.targets);
        for cpu in cpus() {
            let (got, gradients) = case.run(&cpu, Dtype::F32, Keep::All);
            for (got, [log_prob, log_z]) in got.iter().zip(&log_probs) {
                assert!(
                    (f64::from(got.log_prob) - log_prob).abs() < 2e-6 && (f64::from(got.log_z) - log_z).abs() < 2e-6
                );
            }
            for ((learnt, gradient), expected) in gradients.iter().zip(&expected) {
                let error = apart(gradient, expected);
                assert!(error <= 2e-6, "{} on {cpu:?}: {error:e} apart", learnt.name);
            }
        }
    }
}

#[test]
fn bf16_gradients_point_where_f32_ones_do() {
    for json in [TIED, UNTIED] {
        let case = case(json);
        for cpu in cpus() {
            let (_, exact) = case.run(&cpu, Dtype::F32, Keep::All);
            let (_, rounded) = case.run(&cpu, Dtype::BF16, Keep::All);
            for ((learnt, a), (_, b)) in rounded.iter().zip(exact.iter()) {
                let exact: Vec<f64> = b.iter().map(|x| f64::from(*x)).collect();
                let cosine = cosine(a, &exact);
                assert!(cosine >= 0.999, "{} on {cpu:?}: {cosine}", learnt.name);
            }
        }
    }
}

#[test]
fn what_is_computed_again_and_how_many_threads_work_change_no_bit() {
    for (json, dtype) in [(TIED, Dtype::F32), (TIED, Dtype::BF16), (UNTIED, Dtype::F32), (UNTIED, Dtype::BF16)] {
        let case = case(json);
        for isa in Cpu::available_isas() {
            let run = |threads, keep| {
                let (log_probs, gradients) = case.run(&Cpu::with_isa(isa, threads).expect("available"), dtype, keep);
                let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                (log_probs, gradients.iter().map(|(_, values)| bits(values)).collect::<Vec<_>>())
            };
            let one = run(1, Keep::All);
            for (threads, keep) in [(1, Keep::Inputs), (3, Keep::All), (2, Keep::Inputs)] {
                assert!(run(threads, keep) == one, "{isa} {dtype} {threads} {keep:?}");
            }
        }
    }
}

#[test]
fn packed_documents_are_as_if_each_came_alone() {
    let whole = case(TIED);
    for cpu in cpus() {
        let (log_probs, gradients) = whole.run(&cpu, Dtype::F32, Keep::All);
        let mut sum = Tensors::zeros(&whole.config);
        let mut alone = Vec::new();
        for document in &whole.documents {
            let own = |row: &usize| document.contains(row);
            let of = |i: &usize| own(&whole.targets[*i].row);
            let indices: Vec<usize> = (0..whole.targets.len()).filter(of).collect();
            let part = Case {
                config: whole.config.clone(),
                masters: whole.masters.clone(),
                tokens: whole.tokens[document.clone()].to_vec(),
                documents: std::iter::once(0..document.len()).collect(),
                targets: indices
                    .iter()
                    .map(|&i| Target { row: whole.targets[i].row - document.start, id: whole.targets[i].id })
                    .collect(),
                weights: indices.iter().map(|&i| whole.weights[i]).collect(),
            };
            let (log_probs, gradients) = part.run(&cpu, Dtype::F32, Keep::All);
            alone.extend(log_probs);
            for ((_, sum), (_, own)) in sum.iter_mut().zip(gradients.iter()) {
                sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
            }
        }
        assert_eq!(alone, log_probs, "{cpu:?}");
        for ((learnt, packed), (_, sum)) in gradients.iter().zip(sum.iter()) {
            let sum: Vec<f64> = sum.iter().map(|x| f64::from(*x)).collect();
            assert!(apart(packed, &sum) <= 1e-6, "{} on {cpu:?}", learnt.name);
        }
    }
    assert!(whole.masters.get(Slot::Norm).is_some_and(|norm| norm.iter().any(|x| *x != 1.0)));
}

/// Whatever of a model is learnt, its gradients are those of the whole, and what is frozen comes from elsewhere.
#[test]
fn what_is_frozen_changes_no_gradient_of_the_rest() {
    for json in [TIED, UNTIED] {
        let case = case(json);
        let base = |param: &Param| {
            let values = case.masters.get(param.slot).expect("all are there").to_vec();
            let (rows, cols) = match param.shape {
                Shape::Vector(len) => (1, len),
                Shape::Matrix(rows, cols) => (rows, cols),
            };
            Ok::<_, std::convert::Infallible>(Matrix::from_f32(rows, cols, values))
        };
        let picks: [fn(Slot) -> bool; 4] = [
            |slot| matches!(slot, Slot::Layer(1, LayerSlot::QProj | LayerSlot::InputLayernorm)),
            |slot| matches!(slot, Slot::Norm | Slot::LmHead),
            |slot| slot == Slot::EmbedTokens,
            |slot| matches!(slot, Slot::Layer(0, _)),
        ];
        for (cpu, dtype) in cpus_and_types() {
            let (log_probs, whole) = case.run(&cpu, dtype, Keep::All);
            for pick in picks {
                let table = whole.table().iter().filter(|row| matches!(row.place, Place::Base(slot) if pick(slot)));
                let learnt = Tensors::of(table.cloned().collect(), |row, values| {
                    values.copy_from_slice(case.masters.get(row.place).expect("all are there"));
                });
                let Ok(mut learner) = Learner::new(&cpu, &case.config, base, &learnt, dtype, Keep::Inputs);
                learner.update(&cpu, &learnt);
                let batch = Documents { tokens: &case.tokens, documents: &case.documents };
                let mut gradients = learnt.zeros_like();
                learner.forward(&cpu, &batch);
                let got = learner.backward(&cpu, &batch, (&case.targets, &case.weights), &mut gradients);
                assert_eq!(got, log_probs);
                for (row, gradient) in gradients.iter() {
                    assert!(Some(gradient) == whole.get(row.place), "{} {dtype} on {cpu:?}", row.name);
                }
            }
        }
    }
}
