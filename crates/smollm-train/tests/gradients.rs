//! Every gradient of a whole tiny model against central differences of the same model in plain f64, on every available row.

mod plain;

use plain::Plain;
use smollm_kernels::{Cpu, Dtype};
use smollm_model::{Documents, ModelConfig, Slot, init::initial_values};
use smollm_train::{Keep, Learner, LogProb, RowWeight, Target, Tensors};

const TIED: &str = r#"{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 16, "intermediate_size": 24,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 23, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5, "rope_theta": 100.0, "tie_word_embeddings": true, "initializer_range": 0.3, "hidden_act": "silu"}"#;

/// The embedding apart from the head, and a layer without rotary embedding.
const UNTIED: &str = r#"{"architectures": ["SmolLM3ForCausalLM"], "model_type": "smollm3", "hidden_size": 12, "intermediate_size": 20,
    "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 19, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-6, "rope_theta": 100.0, "tie_word_embeddings": false, "initializer_range": 0.3, "hidden_act": "silu",
    "no_rope_layers": [1, 0, 1]}"#;

struct Case {
    config: ModelConfig,
    masters: Tensors,
    tokens: Vec<u32>,
    documents: Vec<std::ops::Range<usize>>,
    targets: Vec<Target>,
    weights: Vec<RowWeight>,
}

/// Two documents and a short one, a target for each token but the last ones and one that nothing hangs on.
fn case(json: &str) -> Case {
    let config = ModelConfig::from_json(json.as_bytes(), "config.json").expect("a configuration");
    // norms that are not all one
    let masters = Tensors::new(&config, |param, values| {
        initial_values(&config, param, 3, 0, values);
        if matches!(param.shape, smollm_model::Shape::Vector(_)) {
            values.iter_mut().enumerate().for_each(|(i, value)| *value += 0.1 * (i % 5) as f32 - 0.2);
        }
    });
    let vocab = config.vocab_size as u32;
    let tokens: Vec<u32> = (0..17).map(|i| (i * i + 3 * i) % vocab).collect();
    let documents = vec![0..7, 7..8, 8..17];
    let rows = documents.iter().flat_map(|document| document.start..document.end - 1);
    let targets: Vec<Target> = rows.map(|row| Target { row, id: tokens[row + 1] }).collect();
    let weight = |i: usize| RowWeight {
        target: if i == 4 { 0.0 } else { 0.1 + 0.05 * (i % 3) as f32 - if i % 4 == 3 { 0.3 } else { 0.0 } },
        squared_log_z: if i.is_multiple_of(2) { 0.01 } else { 0.0 },
    };
    let weights = (0..targets.len()).map(weight).collect();
    Case { config, masters, tokens, documents, targets, weights }
}

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

fn cpus() -> impl Iterator<Item = Cpu> {
    Cpu::available_isas().into_iter().enumerate().map(|(i, isa)| Cpu::with_isa(isa, 1 + i % 3).expect("available"))
}

fn apart(a: &[f32], b: &[f64]) -> f64 {
    let difference: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum();
    (difference / b.iter().map(|b| b * b).sum::<f64>()).sqrt()
}

#[test]
fn f32_gradients_are_those_of_the_plain_model() {
    for json in [TIED, UNTIED] {
        let case = case(json);
        let plain = Plain::new(&case.config);
        let wide: Vec<Vec<f64>> =
            case.masters.iter().map(|(_, values)| values.iter().map(|x| f64::from(*x)).collect()).collect();
        let loss = |tensors: &[Vec<f64>]| {
            let log_probs = plain.log_probs(tensors, &case.tokens, &case.documents, &case.targets);
            let one = |([log_prob, log_z], weight): ([f64; 2], &RowWeight)| {
                f64::from(weight.squared_log_z) * log_z * log_z - f64::from(weight.target) * log_prob
            };
            log_probs.into_iter().zip(&case.weights).map(one).sum::<f64>()
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
                let dot =
                    |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
                let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
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
