//! Attention on every available row: against f64, and bit for bit over pagings, chunks, batches and threads.

mod oracle;

use oracle::{Close, cpus, numbers};
use proptest::prelude::*;
use smollm_kernels::ops::{self, AttentionPlan, AttentionSpan};
use smollm_kernels::{Cpu, KvBuffer, KvDtype, KvRole, KvSlot, half};

/// Shape of one sequence's attention.
#[derive(Clone, Copy, Debug)]
struct Shape {
    tokens: usize,
    heads: usize,
    kv_heads: usize,
    dim: usize,
}

/// One sequence: queries for all positions, keys and values.
struct Sequence {
    shape: Shape,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
}

impl Sequence {
    fn new(shape: Shape, seed: u64) -> Self {
        let Shape { tokens, heads, kv_heads, dim } = shape;
        let scaled = |seed, len| numbers(seed, len).into_iter().map(|x| x * 3.0).collect();
        Self {
            shape,
            q: scaled(seed, tokens * heads * dim),
            k: scaled(seed + 1, tokens * kv_heads * dim),
            v: numbers(seed + 2, tokens * kv_heads * dim),
        }
    }

    /// Queries of positions from..to through a cache with `block_tokens` tokens per block, in scattered order.
    fn run(&self, cpu: &Cpu, dtype: KvDtype, block_tokens: usize, from: usize, to: usize) -> Vec<f32> {
        let Shape { heads, kv_heads, dim, .. } = self.shape;
        let blocks = self.shape.tokens.div_ceil(block_tokens);
        // Block i lies at place blocks - 1 - i, plus one unused block in front.
        let table: Vec<u32> = (0..blocks as u32).rev().map(|block| block + 1).collect();
        let slots: Vec<KvSlot> =
            (0..to).map(|t| KvSlot { block: table[t / block_tokens], offset: (t % block_tokens) as u32 }).collect();
        let (mut k, mut v) = (
            KvBuffer::new(KvRole::Keys, dtype, blocks + 1, block_tokens, kv_heads, dim),
            KvBuffer::new(KvRole::Values, dtype, blocks + 1, block_tokens, kv_heads, dim),
        );
        ops::kv_write(cpu, &self.k[..to * kv_heads * dim], &slots, &mut k);
        ops::kv_write(cpu, &self.v[..to * kv_heads * dim], &slots, &mut v);
        let mut out = vec![f32::NAN; (to - from) * heads * dim];
        let span = AttentionSpan { q_start: 0, q_len: to - from, position: from, block_table: &table };
        let plan = AttentionPlan::new(vec![span], block_tokens, heads / kv_heads);
        ops::attention(cpu, &self.q[from * heads * dim..to * heads * dim], &k, &v, &plan, heads, &mut out);
        out
    }

    /// In f64, from keys and values as a cache of that type holds them; with `pairs` from queries as pairs are made of them.
    fn expected(&self, dtype: KvDtype, pairs: bool) -> Vec<f64> {
        let round = |x: &[f32]| -> Vec<f32> {
            match dtype {
                KvDtype::F16 => x.iter().map(|x| half::f16_to_f32(half::f32_to_f16(*x))).collect(),
                KvDtype::BF16 => x.iter().map(|x| half::round_to_bf16(*x)).collect(),
                KvDtype::Q8_0 => x.chunks(32).flat_map(oracle::round_q8_0).collect(),
                _ => x.to_vec(),
            }
        };
        let (k, v) = (round(&self.k), round(&self.v));
        let Shape { heads, kv_heads, dim, .. } = self.shape;
        let root = (dim as f32).sqrt();
        let rounded: Vec<f32> = self.q.iter().map(|q| half::round_to_bf16(q * (1.0 / root)) * root).collect();
        oracle::attention(if pairs { &rounded } else { &self.q }, &k, &v, 0, heads, kv_heads, dim)
    }
}

fn check(shape: Shape, dtype: KvDtype, block_tokens: usize) {
    let sequence = Sequence::new(shape, 10);
    let (exact, rounded) = (sequence.expected(dtype, false), sequence.expected(dtype, true));
    for cpu in cpus() {
        // There the weights of values, whose magnitudes are up to 1, are rounded too.
        let pairs = ["avx512bf16", "amx", "amx-emulated"].contains(&cpu.isa()) && dtype == KvDtype::BF16;
        let (expected, off) = if pairs { (&rounded, 1.0 / 512.0) } else { (&exact, 0.0) };
        let got = sequence.run(&cpu, dtype, block_tokens, 0, shape.tokens);
        let what = format!("{cpu:?} {shape:?} {dtype:?} blocks of {block_tokens}");
        Close { relative: 5e-6 + off, of: 1.0 }.check(&what, &got, expected);
    }
}

#[test]
fn attention_agrees_with_f64() {
    for dtype in [KvDtype::F32, KvDtype::F16] {
        for (tokens, heads, kv_heads, dim, block_tokens) in [
            (1, 1, 1, 2, 1),
            (5, 9, 3, 64, 16),
            (130, 3, 1, 64, 16),
            (300, 6, 2, 48, 7),
            (129, 4, 4, 16, 128),
            (40, 8, 1, 20, 3),
            (270, 4, 2, 128, 32),
        ] {
            check(Shape { tokens, heads, kv_heads, dim }, dtype, block_tokens);
        }
    }
    for (tokens, heads, kv_heads, dim, block_tokens) in [
        (1, 1, 1, 2, 16),
        (5, 9, 3, 64, 16),
        (130, 3, 1, 64, 32),
        (300, 6, 2, 48, 16),
        (129, 4, 4, 16, 128),
        (40, 8, 1, 21, 48),
        (270, 4, 2, 128, 32),
    ] {
        check(Shape { tokens, heads, kv_heads, dim }, KvDtype::BF16, block_tokens);
    }
    for (tokens, heads, kv_heads, dim, block_tokens) in [(1, 1, 1, 32, 1), (300, 9, 3, 64, 16), (130, 2, 2, 96, 7)] {
        check(Shape { tokens, heads, kv_heads, dim }, KvDtype::Q8_0, block_tokens);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn attention_agrees_at_any_shape(
        tokens in 1usize..160, group in 1usize..5, kv_heads in 1usize..4, dim in 1usize..70, block_tokens in 1usize..40,
    ) {
        check(Shape { tokens, heads: group * kv_heads, kv_heads, dim }, KvDtype::F32, block_tokens);
    }
}

#[test]
fn paging_chunks_and_threads_change_no_bit() {
    let shape = Shape { tokens: 400, heads: 6, kv_heads: 2, dim: 64 };
    let sequence = Sequence::new(shape, 20);
    let row = shape.heads * shape.dim;
    for isa in Cpu::available_isas() {
        for (dtype, threads) in
            [KvDtype::F16, KvDtype::BF16, KvDtype::Q8_0].into_iter().flat_map(|dtype| (1..=4).map(move |t| (dtype, t)))
        {
            let whole = sequence.run(&Cpu::with_isa(isa, 1).expect("available"), dtype, 16, 0, shape.tokens);
            let cpu = Cpu::with_isa(isa, threads).expect("available");
            for (block_tokens, from, to) in [
                (16, 0, 400),
                (5, 0, 400),
                (400, 0, 400),
                (64, 0, 77),
                (16, 77, 300),
                (7, 300, 400),
                (16, 399, 400),
                (1, 255, 257),
            ] {
                // Blocks of bf16 are whole sixteens.
                let block_tokens = if dtype == KvDtype::BF16 { block_tokens * 16 } else { block_tokens };
                let part = sequence.run(&cpu, dtype, block_tokens, from, to);
                assert!(
                    part == whole[from * row..to * row],
                    "{cpu:?} {dtype:?} blocks of {block_tokens}, {from}..{to}"
                );
            }
        }
    }
}
