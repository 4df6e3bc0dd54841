//! What training lays anew each step, and logits that exist a panel at a time, on every available row: bit for bit what comes of it otherwise.

mod oracle;

use oracle::{cpus, numbers};
use smollm_kernels::ops::{
    self, AttentionGradients, CausalPlan, Denominator, LogProb, LogitRow, Product, Qkv, RowWeight,
};
use smollm_kernels::{Cpu, Dtype, Matrix, View};

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn product(cpu: &Cpu, x: &[f32], weight: &Matrix) -> Vec<u32> {
    let mut out = vec![f32::NAN; x.len() / weight.cols() * weight.rows()];
    ops::matmul(cpu, x, &mut [Product { weight, out: &mut out }]);
    bits(&out)
}

fn turned(x: &[f32], width: usize) -> Vec<f32> {
    (0..width).flat_map(|column| x.iter().skip(column).step_by(width)).copied().collect()
}

const SHAPES: [(usize, usize); 7] = [(1, 1), (3, 70), (16, 32), (33, 17), (70, 300), (130, 64), (31, 33)];

#[test]
fn a_matrix_that_is_laid_is_the_one_that_is_rounded_and_packed() {
    for cpu in cpus() {
        let mut again =
            [Dtype::F32, Dtype::BF16].map(|dtype| (dtype, Matrix::of(&cpu, View::new(&[1.0; 640], 8), dtype)));
        for (rows, cols) in SHAPES {
            let (w, x) = (numbers(1, rows * cols), numbers(2, 20 * cols));
            for (dtype, again) in &mut again {
                let expected = product(&cpu, &x, &Matrix::from_f32(rows, cols, w.clone()).to_dtype(*dtype).pack(&cpu));
                let lying = turned(&w, cols);
                for view in [View::new(&w, cols), View::new(&lying, rows).turned()] {
                    assert_eq!(product(&cpu, &x, &Matrix::of(&cpu, view, *dtype)), expected, "{cpu:?} {rows} x {cols}");
                    let shared = again.clone();
                    again.lay(&cpu, view, *dtype);
                    drop(shared);
                    assert_eq!(product(&cpu, &x, again), expected, "laid again on {cpu:?}, {rows} x {cols}");
                    again.lay(&cpu, view, *dtype);
                    assert_eq!(product(&cpu, &x, again), expected, "in its own memory on {cpu:?}, {rows} x {cols}");
                }
            }
        }
    }
}

#[test]
fn parts_of_a_matrix_are_multiplied_like_the_whole() {
    let (rows, cols) = (70, 48);
    let (w, x) = (numbers(1, rows * cols), numbers(2, 20 * cols));
    for (cpu, dtype) in cpus().iter().flat_map(|cpu| [(cpu, Dtype::F32), (cpu, Dtype::BF16)]) {
        let whole = Matrix::of(cpu, View::new(&w, cols), dtype);
        let expected = product(cpu, &x, &whole);
        for part in [0..16, 16..70, 48..64, 64..70] {
            let got = product(cpu, &x, &whole.part(part.clone()));
            let columns = expected.chunks_exact(rows).flat_map(|row| &row[part.clone()]).copied().collect::<Vec<_>>();
            assert_eq!(got, columns, "{cpu:?} {dtype} {part:?}");
        }
    }
}

#[test]
fn products_are_added_as_if_they_came_later() {
    for (tokens, outputs, inputs) in [(5, 3, 9), (40, 33, 20), (70, 64, 48)] {
        let (x, w, before) = (numbers(1, tokens * inputs), numbers(2, outputs * inputs), numbers(3, tokens * outputs));
        let lying = turned(&x, inputs);
        for cpu in cpus() {
            for dtype in [Dtype::F32, Dtype::BF16] {
                let weight = Matrix::of(&cpu, View::new(&w, inputs), dtype);
                let add = |view: View<'_>| {
                    let mut out = before.clone();
                    ops::matmul_added(&cpu, view, &mut [Product { weight: &weight, out: &mut out }]);
                    out
                };
                let got = add(View::new(&x, inputs));
                assert_eq!(bits(&add(View::new(&lying, tokens).turned())), bits(&got), "{cpu:?} {dtype}");
                let mut later = vec![0.0; tokens * outputs];
                ops::matmul(&cpu, &x, &mut [Product { weight: &weight, out: &mut later }]);
                let close = |i: usize| (later[i] + before[i] - got[i]).abs() <= 1e-6 * (inputs as f32).sqrt();
                assert!((0..later.len()).all(close), "{cpu:?} {dtype} {tokens} x {inputs} -> {outputs}");
            }
        }
    }
}

#[test]
fn logits_in_panels_are_whole_rows_of_them() {
    let (rows, vocab) = (5, 1000);
    let logits: Vec<f32> = numbers(1, rows * vocab).iter().map(|x| x * 20.0).collect();
    let targets = [0, 999, 300, 301, 64];
    let weights = [0.5, -0.25, 0.0, 1.0, 0.1].map(|target| RowWeight { target, squared_log_z: target * 0.1 });
    for cpu in cpus() {
        let (mut expected, mut log_probs) = (logits.clone(), [LogProb::default(); 5]);
        ops::log_probs_backward(&cpu, &mut expected, &targets, &weights, &mut log_probs);
        for width in [1000, 301, 64] {
            let panels: Vec<_> = (0..vocab).step_by(width).map(|first| first..vocab.min(first + width)).collect();
            let panel = |ids: &std::ops::Range<usize>| {
                logits.chunks_exact(vocab).flat_map(|row| &row[ids.clone()]).copied().collect::<Vec<f32>>()
            };
            let mut denominators = [Denominator::default(); 5];
            panels.iter().for_each(|ids| ops::add_logits(&cpu, &panel(ids), &mut denominators));
            for (denominator, log_prob) in denominators.iter().zip(&log_probs) {
                assert!((denominator.log_z() - log_prob.log_z).abs() <= 2e-6 * log_prob.log_z.abs(), "{cpu:?} {width}");
            }
            let row = |i: usize| LogitRow { target: targets[i], denominator: denominators[i], weight: weights[i] };
            let known = [0, 1, 2, 3, 4].map(row);
            for ids in &panels {
                let mut got = panel(ids);
                ops::logit_gradients(&cpu, &mut got, ids.start, &known);
                for i in 0..rows {
                    for (place, id) in ids.clone().enumerate() {
                        let (got, expected) = (got[i * ids.len() + place], expected[i * vocab + id]);
                        // a difference, where the id is the target's
                        let bound = 2e-6 * expected.abs() + if id == targets[i] as usize { 1e-6 } else { 1e-9 };
                        assert!((got - expected).abs() <= bound, "{cpu:?} row {i} id {id}: {got} {expected}");
                    }
                }
            }
        }
        ops::add_logits(&cpu, &[], &mut []);
        ops::logit_gradients(&cpu, &mut [], 0, &[]);
    }
}

#[test]
fn attention_of_every_unit_is_that_of_the_emulation_bit_for_bit() {
    let (heads, kv_heads, head_dim, tokens) = (4, 2, 40, 130);
    let [q, dout] = [1, 4].map(|seed| numbers(seed, tokens * heads * head_dim));
    let [k, v] = [2, 3].map(|seed| numbers(seed, tokens * kv_heads * head_dim));
    let documents = [0..100, 100..130];
    let plan = CausalPlan { documents: &documents, heads, kv_heads, head_dim, dtype: Dtype::BF16 };
    let run = |isa: &str| {
        let (cpu, inputs) = (Cpu::with_isa(isa, 2).expect("available"), Qkv { q: &q, k: &k, v: &v });
        let (mut out, mut log_sums) = (vec![0.0; q.len()], vec![0.0; tokens * heads]);
        ops::causal_attention(&cpu, inputs, &plan, &mut out, &mut log_sums);
        let [mut dq, mut dk, mut dv] = [&q, &k, &v].map(|x| vec![0.0; x.len()]);
        let gradients = AttentionGradients { dq: &mut dq, dk: &mut dk, dv: &mut dv };
        ops::causal_attention_backward(&cpu, inputs, &plan, [&out, &log_sums], &dout, gradients);
        [out, log_sums, dq, dk, dv].map(|x| bits(&x))
    };
    let tiled: Vec<_> = Cpu::available_isas().into_iter().filter(|isa| isa.starts_with("amx")).collect();
    for isa in &tiled {
        assert!(run(isa) == run(tiled[0]), "{isa}");
    }
}
