//! Plain f64 arithmetic, every available row, and repeatable numbers.

#![allow(dead_code)] // each test file uses a part

use smollm_kernels::{Cpu, Dtype, Matrix, half};

pub(crate) mod backward;

/// Every available row with one to four threads.
pub(crate) fn cpus() -> Vec<Cpu> {
    let isas = Cpu::available_isas();
    isas.iter().enumerate().map(|(i, isa)| Cpu::with_isa(isa, 1 + (i + 1) % 4).expect("available")).collect()
}

/// Repeatable numbers between -1 and 1 (splitmix64).
pub(crate) fn numbers(seed: u64, len: usize) -> Vec<f32> {
    let one = |i: u64| {
        let mut z = seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add((i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len as u64).map(one).collect()
}

/// The block formats.
pub(crate) fn formats() -> impl Iterator<Item = Dtype> {
    Dtype::ALL.into_iter().filter(|dtype| dtype.is_quantized())
}

/// A matrix of the golden blocks of `dtype` with ordinary scales, another one first in each row.
pub(crate) fn quantized(rows: usize, cols: usize, dtype: Dtype) -> Matrix {
    let path = format!("{}/../../testdata/quant/{dtype}.bin", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let count = file.len() / (dtype.block_bytes() + 4 * dtype.block_len());
    let ordinary = &file[4 * dtype.block_bytes()..count * dtype.block_bytes()];
    let blocks: Vec<&[u8]> = ordinary.chunks_exact(dtype.block_bytes()).collect();
    let per_row = cols / dtype.block_len();
    let bytes: Vec<u8> = (0..rows)
        .flat_map(|r| (0..per_row).map(move |b| r + b))
        .flat_map(|i| blocks[i % blocks.len()].to_vec())
        .collect();
    Matrix::new(dtype, rows, cols, bytes.into()).expect("whole blocks")
}

/// How far two results may lie apart: `relative` times the magnitude, or times `of` where that is larger.
pub(crate) struct Close {
    pub(crate) relative: f64,
    pub(crate) of: f64,
}

impl Close {
    pub(crate) fn check(&self, what: &str, got: &[f32], expected: &[f64]) {
        assert_eq!(got.len(), expected.len(), "{what}");
        for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
            let bound = self.relative * expected.abs().max(self.of);
            assert!((f64::from(*got) - expected).abs() <= bound, "{what}: [{i}] is {got}, not {expected}");
        }
    }
}

/// The largest magnitude, at least 1.
pub(crate) fn largest(weight: &Matrix) -> f64 {
    let mut row = vec![0.0; weight.cols()];
    (0..weight.rows()).fold(1.0, |largest, r| {
        weight.row_to_f32(r, &mut row);
        row.iter().fold(largest, |largest, w| largest.max(f64::from(w.abs())))
    })
}

/// Up to 32 numbers as a block of Q8_0 holds them, by its definition in f64.
pub(crate) fn round_q8_0(x: &[f32]) -> Vec<f32> {
    let largest = x.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    let scale = f64::from(half::f16_to_f32(half::f32_to_f16(largest / 127.0)));
    let one = |x: f64| if scale == 0.0 { 0.0 } else { (x / scale).clamp(-127.0, 127.0).round_ties_even() * scale };
    x.iter().map(|x| one(f64::from(*x)) as f32).collect()
}

/// x * weight^T, x rounded to bf16 where the weights are.
pub(crate) fn matmul(x: &[f32], weight: &Matrix) -> Vec<f64> {
    let mut row = vec![0.0; weight.cols()];
    let rows: Vec<Vec<f32>> = (0..weight.rows())
        .map(|r| {
            weight.row_to_f32(r, &mut row);
            row.clone()
        })
        .collect();
    let round = |x: f32| if weight.dtype() == Dtype::BF16 { half::round_to_bf16(x) } else { x };
    let mut out = Vec::new();
    for x in x.chunks_exact(weight.cols()) {
        for row in &rows {
            out.push(x.iter().zip(row).map(|(x, w)| f64::from(round(*x)) * f64::from(*w)).sum());
        }
    }
    out
}

pub(crate) fn rms_norm(x: &[f32], weight: &[f32], eps: f64) -> Vec<f64> {
    let mut out = Vec::new();
    for row in x.chunks_exact(weight.len()) {
        let mean = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / row.len() as f64;
        out.extend(row.iter().zip(weight).map(|(x, w)| f64::from(*x) / (mean + eps).sqrt() * f64::from(*w)));
    }
    out
}

pub(crate) fn swiglu(gate: &[f32], up: &[f32]) -> Vec<f64> {
    let one = |gate: f64, up: f64| gate / (1.0 + (-gate).exp()) * up;
    gate.iter().zip(up).map(|(gate, up)| one(f64::from(*gate), f64::from(*up))).collect()
}

pub(crate) fn rope(x: &[f32], heads: usize, dim: usize, cos: &[f32], sin: &[f32]) -> Vec<f64> {
    let half = dim / 2;
    let mut out = vec![0.0; x.len()];
    for (i, head) in x.chunks_exact(dim).enumerate() {
        for pair in 0..half {
            let angle = i / heads * half + pair;
            let (cos, sin) = (f64::from(cos[angle]), f64::from(sin[angle]));
            let (a, b) = (f64::from(head[pair]), f64::from(head[pair + half]));
            out[i * dim + pair] = a * cos - b * sin;
            out[i * dim + pair + half] = b * cos + a * sin;
        }
    }
    out
}

/// Causal attention of one sequence: queries at `position` onwards, all keys and values as `[token][kv_head][D]`.
pub(crate) fn attention(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    position: usize,
    heads: usize,
    kv_heads: usize,
    dim: usize,
) -> Vec<f64> {
    let mut out = Vec::new();
    for (i, q) in q.chunks_exact(dim).enumerate() {
        let (token, head) = (i / heads, i % heads / (heads / kv_heads));
        let at = |j: usize| (j * kv_heads + head) * dim..(j * kv_heads + head) * dim + dim;
        let dot = |k: &[f32]| q.iter().zip(k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum::<f64>();
        let scores: Vec<f64> = (0..=position + token).map(|j| dot(&k[at(j)]) / (dim as f64).sqrt()).collect();
        let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = scores.iter().map(|s| (s - max).exp()).sum();
        let mut mixed = vec![0.0; dim];
        for (j, score) in scores.iter().enumerate() {
            for (mixed, v) in mixed.iter_mut().zip(&v[at(j)]) {
                *mixed += (score - max).exp() / total * f64::from(*v);
            }
        }
        out.extend(mixed);
    }
    out
}
