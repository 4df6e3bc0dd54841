//! Parts of a step, each alone at the shapes of a model: the median of some runs, counted as often as a step has it.

use smollm_kernels::ops::{self, AttentionGradients, CausalPlan, Product, Qkv};
use smollm_kernels::{Cpu, Dtype, Matrix, View};
use smollm_model::init::initial_values;
use smollm_model::{Documents, ModelConfig};
use smollm_train::{Keep, Learner, RowWeight, Target, Tensors};
use std::ops::Range;
use std::time::Instant;

const RUNS: usize = 5;

/// The median of the seconds that `work` takes, the first time not counted.
fn median(mut work: impl FnMut()) -> f64 {
    work();
    let mut seconds = [0.0; RUNS];
    for seconds in &mut seconds {
        let start = Instant::now();
        work();
        *seconds = start.elapsed().as_secs_f64();
    }
    seconds.sort_by(f64::total_cmp);
    seconds[RUNS / 2]
}

/// Numbers of no pattern, between -0.5 and 0.5.
fn numbers(len: usize) -> Vec<f32> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32 - 0.5).collect()
}

/// Names and seconds.
pub(crate) fn measure(
    cpu: &Cpu,
    config: &ModelConfig,
    dtype: Dtype,
    documents: &[Range<usize>],
) -> Vec<(&'static str, f64)> {
    let tokens = documents.last().map_or(0, |document| document.end);
    let layers = config.num_hidden_layers as f64;
    let mut out = Vec::new();
    let (c, f) = (config.hidden_size, config.intermediate_size);
    let (q, kv) = (config.query_size(), config.kv_size());
    // inputs, and the outputs of the matrices that share them
    let shapes: [(usize, &[usize]); 4] = [(c, &[q, kv, kv]), (q, &[c]), (c, &[f, f]), (f, &[c])];
    let [mut forward, mut dx, mut dw, mut laid] = [0.0; 4];
    for (inputs, outputs) in shapes {
        let x = numbers(tokens * inputs);
        let weights: Vec<Vec<f32>> = outputs.iter().map(|outputs| numbers(outputs * inputs)).collect();
        let dy: Vec<Vec<f32>> = outputs.iter().map(|outputs| numbers(tokens * outputs)).collect();
        let matrices: Vec<Matrix> = weights.iter().map(|w| Matrix::of(cpu, View::new(w, inputs), dtype)).collect();
        let mut y: Vec<Vec<f32>> = outputs.iter().map(|outputs| vec![0.0; tokens * outputs]).collect();
        forward += median(|| {
            let products = matrices.iter().zip(&mut y).map(|(weight, out)| Product { weight, out });
            ops::matmul(cpu, &x, &mut products.collect::<Vec<_>>());
        });
        let turned: Vec<Matrix> =
            weights.iter().map(|w| Matrix::of(cpu, View::new(w, inputs).turned(), dtype)).collect();
        let mut to = vec![0.0; tokens * inputs];
        dx += median(|| {
            for (dy, weight) in dy.iter().zip(&turned) {
                ops::matmul(cpu, dy, &mut [Product { weight, out: &mut to }]);
            }
        });
        laid += median(|| drop(Matrix::of(cpu, View::new(&x, inputs).turned(), dtype)));
        let mut gradients = weights;
        dw += median(|| {
            let x = Matrix::of(cpu, View::new(&x, inputs).turned(), dtype);
            for ((dy, outputs), out) in dy.iter().zip(outputs).zip(&mut gradients) {
                ops::matmul_added(cpu, View::new(dy, *outputs).turned(), &mut [Product { weight: &x, out }]);
            }
        });
    }
    out.push(("products forward", forward * layers));
    out.push(("products dx", dx * layers));
    out.push(("products dw, with laying", dw * layers));
    out.push(("  laying x for dw", laid * layers));
    let [there, back] = attention(cpu, config, dtype, documents);
    out.push(("attention forward", there * layers));
    out.push(("attention backward", back * layers));
    let [norms, swiglu, rope] = elementwise(cpu, config, tokens);
    out.push(("norms and sums", norms * layers));
    out.push(("swiglu", swiglu * layers));
    out.push(("rope", rope * layers));
    out.push(("head and cross-entropy", head(cpu, config, dtype, tokens)));
    out
}

fn attention(cpu: &Cpu, config: &ModelConfig, dtype: Dtype, documents: &[Range<usize>]) -> [f64; 2] {
    let tokens = documents.last().map_or(0, |document| document.end);
    let (heads, kv_heads, head_dim) = (config.num_attention_heads, config.num_key_value_heads, config.head_dim);
    let plan = CausalPlan { documents, heads, kv_heads, head_dim, dtype };
    let [q, dout] = [(); 2].map(|()| numbers(tokens * heads * head_dim));
    let [k, v] = [(); 2].map(|()| numbers(tokens * kv_heads * head_dim));
    let inputs = Qkv { q: &q, k: &k, v: &v };
    let (mut out, mut log_sums) = (vec![0.0; q.len()], vec![0.0; tokens * heads]);
    let there = median(|| ops::causal_attention(cpu, inputs, &plan, &mut out, &mut log_sums));
    let [mut dq, mut dk, mut dv] = [&q, &k, &v].map(|x| vec![0.0; x.len()]);
    let back = median(|| {
        let to = AttentionGradients { dq: &mut dq, dk: &mut dk, dv: &mut dv };
        ops::causal_attention_backward(cpu, inputs, &plan, [&out, &log_sums], &dout, to);
    });
    [there, back]
}

/// Norms with the sums of the residual stream, SwiGLU and rotary embedding of a layer, there and back.
fn elementwise(cpu: &Cpu, config: &ModelConfig, tokens: usize) -> [f64; 3] {
    let (c, f, d) = (config.hidden_size, config.intermediate_size, config.head_dim);
    let [x, dout] = [(); 2].map(|()| numbers(tokens * c));
    let [mut to, mut dx] = [(); 2].map(|()| numbers(tokens * c));
    let (weight, mut dweight) = (numbers(c), vec![0.0; c]);
    let norms = median(|| {
        for _ in 0..2 {
            ops::rms_norm(cpu, &x, &weight, 1e-5, &mut to);
            ops::add(cpu, &mut dx, &dout);
            ops::rms_norm_backward(cpu, &x, &weight, 1e-5, &dout, &mut dx, &mut dweight);
        }
    });
    let [gate, up, dinner] = [(); 3].map(|()| numbers(tokens * f));
    let [mut inner, mut dgate, mut dup] = [(); 3].map(|()| vec![0.0; tokens * f]);
    let swiglu = median(|| {
        ops::swiglu(cpu, &gate, &up, &mut inner);
        ops::swiglu_backward(cpu, &gate, &up, &dinner, &mut dgate, &mut dup);
    });
    let (cos, sin) = (vec![0.8; tokens * d / 2], vec![0.6; tokens * d / 2]);
    let mut heads = numbers(tokens * (config.query_size() + config.kv_size()));
    let rope = median(|| {
        let (q, k) = heads.split_at_mut(tokens * config.query_size());
        for x in [q, k] {
            ops::rope(cpu, x, d, &cos, &sin);
            ops::rope_backward(cpu, x, d, &cos, &sin);
        }
    });
    [norms, swiglu, rope]
}

/// A model without layers: embedding, norm, head.
fn head(cpu: &Cpu, config: &ModelConfig, dtype: Dtype, tokens: usize) -> f64 {
    let config = ModelConfig { num_hidden_layers: 0, rope_layers: Vec::new(), ..config.clone() };
    let masters = Tensors::new(&config, |param, values| initial_values(&config, param, 1, 0, values));
    let mut gradients = Tensors::zeros(&config);
    let mut learner = Learner::whole(cpu, &config, &masters, dtype, Keep::All);
    let ids: Vec<u32> = (0..tokens).map(|i| (i * 7919 % config.vocab_size) as u32).collect();
    let targets: Vec<Target> = ids.iter().enumerate().map(|(row, &id)| Target { row, id }).collect();
    let weights = vec![RowWeight { target: 1e-3, squared_log_z: 0.0 }; tokens];
    let documents: Vec<Range<usize>> = std::iter::once(0..tokens).collect();
    let batch = Documents { tokens: &ids, documents: &documents };
    median(|| {
        learner.forward(cpu, &batch);
        learner.backward(cpu, &batch, (&targets, &weights), &mut gradients);
    })
}
