//! Every gradient on every available row, against f64, and that against central differences.

mod oracle;

use oracle::backward::{self as plain, Shape, apart, differences, wide};
use oracle::{cpus, numbers};
use smollm_kernels::ops::{self, AdamW, AttentionGradients, CausalPlan, LogProb, Moments, Qkv, RowWeight};
use smollm_kernels::{Cpu, Dtype, Matrix, View};

/// Relative error of a tensor in f32, and of an analytic gradient in f64 beside differences.
const F32: f64 = 1e-6;
/// The same where operands are rounded to sixteen bits.
const BF16: f64 = 1e-4;
const DIFFERENCES: f64 = 1e-6;

fn check(what: &str, cpu: &Cpu, got: &[f32], expected: &[f64]) {
    let error = apart(&wide(got), expected);
    assert!(error <= F32, "{what} on {cpu:?}: {error:e} apart");
}

fn check_differences(what: &str, analytic: &[f64], x: &[f64], loss: impl Fn(&[f64]) -> f64) {
    let error = apart(analytic, &differences(x, loss));
    assert!(error <= DIFFERENCES, "{what}: {error:e} from differences");
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn rms_norm() {
    let [x, weight, dout] = [(1, 15), (2, 5), (3, 15)].map(|(seed, len)| wide(&numbers(seed, len)));
    let [_, dx, dweight] = plain::rms_norm(&x, &weight, 1e-2, &dout);
    check_differences("dx", &dx, &x, |x| dot(&plain::rms_norm(x, &weight, 1e-2, &dout)[0], &dout));
    check_differences("dweight", &dweight, &weight, |weight| dot(&plain::rms_norm(&x, weight, 1e-2, &dout)[0], &dout));
    for (rows, width) in [(0, 4), (1, 1), (3, 5), (7, 16), (33, 31), (100, 576)] {
        let (x, weight, dout) = (numbers(1, rows * width), numbers(2, width), numbers(3, rows * width));
        let (residual, before) = (numbers(4, rows * width), numbers(5, width));
        let [_, dx, dweight] = plain::rms_norm(&wide(&x), &wide(&weight), 1e-5, &wide(&dout));
        for cpu in cpus() {
            let (mut got, mut got_weight) = (residual.clone(), before.clone());
            ops::rms_norm_backward(&cpu, &x, &weight, 1e-5, &dout, &mut got, &mut got_weight);
            let sum = |a: &[f32], b: &[f64]| a.iter().zip(b).map(|(a, b)| f64::from(*a) + b).collect::<Vec<_>>();
            check("dx", &cpu, &got, &sum(&residual, &dx));
            check("dweight", &cpu, &got_weight, &sum(&before, &dweight));
        }
    }
}

#[test]
fn swiglu() {
    let [gate, up, dout] = [1, 2, 3].map(|seed| wide(&numbers(seed, 20)));
    let [_, dgate, dup] = plain::swiglu(&gate, &up, &dout);
    check_differences("dgate", &dgate, &gate, |gate| dot(&plain::swiglu(gate, &up, &dout)[0], &dout));
    check_differences("dup", &dup, &up, |up| dot(&plain::swiglu(&gate, up, &dout)[0], &dout));
    for len in [0, 1, 15, 16, 100, 20_000] {
        let [gate, up, dout] = [1, 2, 3].map(|seed| numbers(seed, len));
        let [_, dgate, dup] = plain::swiglu(&wide(&gate), &wide(&up), &wide(&dout));
        for cpu in cpus() {
            let [mut got_gate, mut got_up] = [(); 2].map(|()| vec![f32::NAN; len]);
            ops::swiglu_backward(&cpu, &gate, &up, &dout, &mut got_gate, &mut got_up);
            check("dgate", &cpu, &got_gate, &dgate);
            check("dup", &cpu, &got_up, &dup);
        }
    }
}

#[test]
fn rope_turns_back() {
    let angles = numbers(4, 70 * 17);
    let (cos, sin): (Vec<f32>, Vec<f32>) = angles.iter().map(|a| (a.cos(), a.sin())).unzip();
    let x = numbers(5, 70 * 4 * 34);
    for cpu in cpus() {
        let mut turned = x.clone();
        ops::rope(&cpu, &mut turned, 34, &cos, &sin);
        ops::rope_backward(&cpu, &mut turned, 34, &cos, &sin);
        check("there and back", &cpu, &turned, &wide(&x));
    }
}

#[test]
fn embed() {
    let ids: Vec<u32> = (0..500).map(|i| i * i % 11).collect();
    let dout = numbers(1, ids.len() * 37);
    let mut expected = wide(&numbers(2, 12 * 37));
    for (id, row) in ids.iter().zip(dout.chunks_exact(37)) {
        row.iter().enumerate().for_each(|(i, x)| expected[*id as usize * 37 + i] += f64::from(*x));
    }
    for cpu in cpus() {
        let mut got = numbers(2, 12 * 37);
        ops::embed_backward(&cpu, &ids, &dout, 37, &mut got);
        check("dtable", &cpu, &got, &expected);
    }
}

fn check_attention(shape: &Shape) {
    check_attention_of(shape, Dtype::F32, F32);
    // operands may be rounded, and gradients of scores are small differences of them
    check_attention_of(shape, Dtype::BF16, BF16);
}

fn check_attention_of(shape: &Shape, dtype: Dtype, bound: f64) {
    let check = |what: &str, cpu: &Cpu, got: &[f32], expected: &[f64]| {
        let error = apart(&wide(got), expected);
        assert!(error <= bound, "{what} in {dtype} on {cpu:?}: {error:e} apart");
    };
    let (n, size) = (shape.tokens(), shape.dim);
    let [q, dout] = [1, 4].map(|seed| numbers(seed, n * shape.heads * size));
    let [k, v] = [2, 3].map(|seed| numbers(seed, n * shape.kv_heads * size));
    let [q64, k64, v64, dout64] = [&q, &k, &v, &dout].map(|x| wide(x));
    let [out, dq, dk, dv] = plain::attention([&q64, &k64, &v64, &dout64], shape);
    let documents = shape.documents();
    let (heads, kv_heads) = (shape.heads, shape.kv_heads);
    let plan = CausalPlan { documents: &documents, heads, kv_heads, head_dim: size, dtype };
    for cpu in cpus() {
        let inputs = Qkv { q: &q, k: &k, v: &v };
        let (mut got, mut log_sums) = (vec![f32::NAN; q.len()], vec![f32::NAN; n * shape.heads]);
        ops::causal_attention(&cpu, inputs, &plan, &mut got, &mut log_sums);
        check("out", &cpu, &got, &out);
        let [mut got_q, mut got_k, mut got_v] = [&q, &k, &v].map(|x| vec![f32::NAN; x.len()]);
        let gradients = AttentionGradients { dq: &mut got_q, dk: &mut got_k, dv: &mut got_v };
        ops::causal_attention_backward(&cpu, inputs, &plan, [&got, &log_sums], &dout, gradients);
        check("dq", &cpu, &got_q, &dq);
        check("dk", &cpu, &got_k, &dk);
        check("dv", &cpu, &got_v, &dv);
    }
}

#[test]
fn attention() {
    let shape = Shape { lengths: vec![3, 1, 2], heads: 4, kv_heads: 2, dim: 3 };
    let [q, dout] = [1, 4].map(|seed| wide(&numbers(seed, 6 * 4 * 3)));
    let [k, v] = [2, 3].map(|seed| wide(&numbers(seed, 6 * 2 * 3)));
    let loss = |q: &[f64], k: &[f64], v: &[f64]| dot(&plain::attention([q, k, v, &dout], &shape)[0], &dout);
    let [_, dq, dk, dv] = plain::attention([&q, &k, &v, &dout], &shape);
    check_differences("dq", &dq, &q, |q| loss(q, &k, &v));
    check_differences("dk", &dk, &k, |k| loss(&q, k, &v));
    check_differences("dv", &dv, &v, |v| loss(&q, &k, v));
    check_attention(&shape);
    let of = |lengths: &[usize], heads, kv_heads, dim| Shape { lengths: lengths.to_vec(), heads, kv_heads, dim };
    check_attention(&of(&[], 2, 1, 4));
    check_attention(&of(&[1], 1, 1, 1));
    check_attention(&of(&[64, 65, 63, 1, 130], 3, 1, 16));
    check_attention(&of(&[200, 7], 9, 3, 64));
    check_attention(&of(&[33, 0, 90], 2, 2, 20));
}

#[test]
fn attention_of_a_document_has_the_same_bits_whatever_lies_beside_it() {
    let (heads, kv_heads, head_dim, len) = (6, 2, 32, 150);
    let [q, dout] = [1, 4].map(|seed| numbers(seed, len * heads * head_dim));
    let [k, v] = [2, 3].map(|seed| numbers(seed, len * kv_heads * head_dim));
    let beside = |x: &[f32], others: usize| [numbers(9, x.len() / len * others), x.to_vec()].concat();
    let run = |cpu: &Cpu, dtype: Dtype, others: usize| {
        let [q, k, v, dout] = [&q, &k, &v, &dout].map(|x| beside(x, others));
        let documents = [0..others, others..others + len];
        let plan = CausalPlan { documents: &documents, heads, kv_heads, head_dim, dtype };
        let inputs = Qkv { q: &q, k: &k, v: &v };
        let (mut out, mut log_sums) = (vec![0.0; q.len()], vec![0.0; (others + len) * heads]);
        ops::causal_attention(cpu, inputs, &plan, &mut out, &mut log_sums);
        let [mut dq, mut dk, mut dv] = [&q, &k, &v].map(|x| vec![0.0; x.len()]);
        let gradients = AttentionGradients { dq: &mut dq, dk: &mut dk, dv: &mut dv };
        ops::causal_attention_backward(cpu, inputs, &plan, [&out, &log_sums], &dout, gradients);
        [out, dq, dk, dv]
            .map(|x| x[x.len() / (others + len) * others..].iter().map(|x| x.to_bits()).collect::<Vec<_>>())
    };
    for isa in Cpu::available_isas() {
        for dtype in [Dtype::F32, Dtype::BF16] {
            let one = run(&Cpu::with_isa(isa, 1).expect("available"), dtype, 0);
            for (threads, others) in [(3, 0), (2, 77), (4, 1)] {
                let cpu = Cpu::with_isa(isa, threads).expect("available");
                assert_eq!(run(&cpu, dtype, others), one, "{isa} {dtype} {threads} {others}");
            }
        }
    }
}

#[test]
fn log_probs() {
    let targets = [2, 0, 4];
    let weights = [[0.5, 0.0], [-0.25, 0.1], [0.0, 0.0]];
    let logits = wide(&numbers(1, 15));
    let loss = |logits: &[f64]| {
        let [log_probs, log_zs, _] = plain::log_probs(logits, &targets, &weights);
        (0..3).map(|i| -weights[i][0] * log_probs[i] + weights[i][1] * log_zs[i] * log_zs[i]).sum::<f64>()
    };
    check_differences("dlogits", &plain::log_probs(&logits, &targets, &weights)[2], &logits, loss);
    for width in [5, 16, 1000, 49_152] {
        let logits: Vec<f32> = numbers(1, 3 * width).iter().map(|x| x * 20.0).collect();
        let [log_probs, log_zs, d] = plain::log_probs(&wide(&logits), &targets, &weights);
        let narrow = |[target, squared_log_z]: [f64; 2]| RowWeight {
            target: target as f32,
            squared_log_z: squared_log_z as f32,
        };
        for cpu in cpus() {
            let (mut got, mut out) = (logits.clone(), [LogProb::default(); 3]);
            ops::log_probs_backward(&cpu, &mut got, &targets, &weights.map(narrow), &mut out);
            // a difference of exponentials of numbers that are rounded
            let error = apart(&wide(&got), &d);
            assert!(error <= 4e-6, "dlogits on {cpu:?}: {error:e}");
            check("log_prob", &cpu, &out.map(|out| out.log_prob), &log_probs);
            check("log_z", &cpu, &out.map(|out| out.log_z), &log_zs);
            let (mut used, mut again) = (logits.clone(), [LogProb::default(); 3]);
            ops::log_probs(&cpu, &mut used, &targets, &mut again);
            assert_eq!(again, out);
        }
    }
}

#[test]
fn adamw() {
    let len = 9_000;
    let gradients: Vec<Vec<f32>> = (0..3).map(|seed| numbers(seed, len)).collect();
    let mut expected = wide(&numbers(7, len));
    let (mut m, mut v) = (vec![0.0; len], vec![0.0; len]);
    let at =
        |step: u64| AdamW { lr: 1e-2, betas: [0.9, 0.95], eps: 1e-8, weight_decay: 0.1, step, gradient_scale: 0.5 };
    for (step, gradient) in (1..).zip(&gradients) {
        for i in 0..len {
            let g = 0.5 * f64::from(gradient[i]);
            expected[i] *= 1.0 - 1e-2 * 0.1;
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.95 * v[i] + 0.05 * g * g;
            let (m, v) = (m[i] / (1.0 - 0.9f64.powi(step)), v[i] / (1.0 - 0.95f64.powi(step)));
            expected[i] -= 1e-2 * m / (v.sqrt() + 1e-8);
        }
    }
    for cpu in cpus() {
        let (mut got, mut first, mut second) = (numbers(7, len), vec![0.0; len], vec![0.0; len]);
        for (step, gradient) in (1..).zip(&gradients) {
            ops::adamw(&cpu, &at(step), &mut got, Moments { first: &mut first, second: &mut second }, gradient);
        }
        check("weights", &cpu, &got, &expected);
        check("first", &cpu, &first, &m);
        check("second", &cpu, &second, &v);
        let squares: f64 = got.iter().map(|x| f64::from(*x).powi(2)).sum();
        assert!((ops::sum_of_squares(&cpu, &got) / squares - 1.0).abs() < 1e-6);
    }
}

#[test]
fn products_of_activations() {
    for (tokens, outputs, inputs) in
        [(1, 3, 5), (40, 17, 9), (70, 64, 48), (100, 96, 33), (33, 16, 80), (130, 192, 100)]
    {
        let (dy, x, before) = (numbers(1, tokens * outputs), numbers(2, tokens * inputs), numbers(3, outputs * inputs));
        for (dtype, round) in
            [(Dtype::F32, (|x| x) as fn(f32) -> f32), (Dtype::BF16, smollm_kernels::half::round_to_bf16)]
        {
            let mut expected = wide(&before);
            for t in 0..tokens {
                for (o, i) in (0..outputs).flat_map(|o| (0..inputs).map(move |i| (o, i))) {
                    expected[o * inputs + i] +=
                        f64::from(round(dy[t * outputs + o])) * f64::from(round(x[t * inputs + i]));
                }
            }
            for cpu in cpus() {
                let weight = Matrix::of(&cpu, View::new(&x, inputs).turned(), dtype);
                let mut got = before.clone();
                let products = &mut [ops::Product { weight: &weight, out: &mut got }];
                ops::matmul_added(&cpu, View::new(&dy, outputs).turned(), products);
                check("dw", &cpu, &got, &expected);
            }
        }
    }
}
