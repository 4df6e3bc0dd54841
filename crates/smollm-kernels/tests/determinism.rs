//! One arithmetic: rows computed together, threads and company change no bit, and rows of the table that fuse alike agree.

mod oracle;

use oracle::numbers;
use proptest::prelude::*;
use smollm_kernels::ops::{self, AttentionPlan, AttentionSpan, Product};
use smollm_kernels::{Cpu, Dtype, KvBuffer, KvDtype, KvRole, KvSlot, Matrix, half};

const DTYPES: [Dtype; 3] = [Dtype::F32, Dtype::F16, Dtype::BF16];

fn every_isa() -> impl Iterator<Item = &'static str> {
    Cpu::available_isas().into_iter()
}

fn cpu(isa: &str, threads: usize) -> Cpu {
    Cpu::with_isa(isa, threads).expect("available")
}

fn matmul(cpu: &Cpu, x: &[f32], weight: &Matrix) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / weight.cols() * weight.rows()];
    ops::matmul(cpu, x, &mut [Product { weight, out: &mut out }]);
    out
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn a_row_of_a_product_does_not_depend_on_the_rows_beside_it() {
    for (cols, rows) in [(576, 200), (1600, 72), (50, 33), (512, 50)] {
        let n = 131;
        let x = numbers(1, n * cols);
        let plain = DTYPES.map(|dtype| Matrix::from_f32(rows, cols, numbers(2, rows * cols)).to_dtype(dtype));
        let formats = oracle::formats().filter(|_| cols == 512); // whole blocks of every format
        let blocks = formats.map(|dtype| oracle::quantized(rows, cols, dtype));
        for weight in plain.into_iter().chain(blocks) {
            let dtype = weight.dtype();
            for isa in every_isa() {
                let whole = matmul(&cpu(isa, 1), &x, &weight);
                for threads in 1..=4 {
                    let cpu = cpu(isa, threads);
                    assert!(bits(&matmul(&cpu, &x, &weight)) == bits(&whole), "{cpu:?} {dtype} {rows}x{cols}, whole");
                    let mut start = 0;
                    for n in [1, 2, 3, 4, 5, 6, 7, 8, 13, 1, 24, 57] {
                        let part = matmul(&cpu, &x[start * cols..(start + n) * cols], &weight);
                        let same = bits(&part) == bits(&whole[start * rows..(start + n) * rows]);
                        assert!(same, "{cpu:?} {dtype} {rows}x{cols}, {n} rows from {start}");
                        start += n;
                    }
                    assert_eq!(start, n);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn products_do_not_depend_on_company(
        n in 1usize..40, cols in 1usize..300, rows in 1usize..60, other in 1usize..60, threads in 1usize..5, dtype in 0usize..3,
    ) {
        let x = numbers(3, n * cols);
        let one = Matrix::from_f32(rows, cols, numbers(4, rows * cols)).to_dtype(DTYPES[dtype]);
        let two = Matrix::from_f32(other, cols, numbers(5, other * cols)).to_dtype(DTYPES[(dtype + 1) % 3]);
        for isa in every_isa() {
            let cpu = cpu(isa, threads);
            let alone = matmul(&cpu, &x, &one);
            let (mut with, mut beside) = (vec![0.0; n * rows], vec![0.0; n * other]);
            ops::matmul(&cpu, &x, &mut [
                Product { weight: &two, out: &mut beside },
                Product { weight: &one, out: &mut with },
            ]);
            prop_assert_eq!(bits(&alone), bits(&with));
        }
    }
}

#[test]
fn rows_that_fuse_alike_agree_bitwise() {
    let isas = Cpu::available_isas();
    if !(isas.contains(&"avx2") && isas.contains(&"avx512")) {
        eprintln!("SKIP: needs avx2 and avx512");
        return;
    }
    let (avx2, avx512) = (cpu("avx2", 2), cpu("avx512", 2));
    let (n, cols, rows) = (9, 171, 21);
    let x = numbers(6, n * cols);
    for dtype in DTYPES {
        let weight = Matrix::from_f32(rows, cols, numbers(7, rows * cols)).to_dtype(dtype);
        assert_eq!(bits(&matmul(&avx2, &x, &weight)), bits(&matmul(&avx512, &x, &weight)), "{dtype}");
    }
    let wide: Vec<f32> = x.iter().map(|x| x * 110.0).collect();
    let elementwise = |cpu: &Cpu| {
        let mut out = vec![0.0; 2 * x.len()];
        let (norm, gated) = out.split_at_mut(x.len());
        ops::rms_norm(cpu, &x, &x[..cols], 1e-5, norm);
        ops::swiglu(cpu, &wide, &x, gated);
        bits(&out)
    };
    assert_eq!(elementwise(&avx2), elementwise(&avx512));
    let attend = |cpu: &Cpu| bits(&Paged::new(KvDtype::F16, 48, &[150, 3]).run(cpu, &[(0, 0, 150), (1, 0, 3)]));
    assert_eq!(attend(&avx2), attend(&avx512));
}

/// Several sequences in one cache.
struct Paged {
    k: KvBuffer,
    v: KvBuffer,
    q: Vec<Vec<f32>>,
    tables: Vec<Vec<u32>>,
}

const HEADS: usize = 6;
const KV_HEADS: usize = 2;
const BLOCK: usize = 16;

impl Paged {
    /// Sequences of the given lengths, their blocks interleaved.
    fn new(dtype: KvDtype, dim: usize, lengths: &[usize]) -> Self {
        let blocks: Vec<usize> = lengths.iter().map(|len| len.div_ceil(BLOCK)).collect();
        let most = blocks.iter().copied().max().unwrap_or(0);
        let table = |sequence: usize| (0..blocks[sequence]).map(|b| (b * lengths.len() + sequence) as u32).collect();
        let tables: Vec<Vec<u32>> = (0..lengths.len()).map(table).collect();
        let new = |role| KvBuffer::new(role, dtype, most * lengths.len(), BLOCK, KV_HEADS, dim);
        let mut paged = Self { k: new(KvRole::Keys), v: new(KvRole::Values), q: Vec::new(), tables };
        let cpu = cpu("scalar", 1);
        for (sequence, &len) in lengths.iter().enumerate() {
            let table = &paged.tables[sequence];
            let slots: Vec<_> =
                (0..len).map(|t| KvSlot { block: table[t / BLOCK], offset: (t % BLOCK) as u32 }).collect();
            let seed = 100 + 10 * sequence as u64;
            ops::kv_write(&cpu, &numbers(seed, len * KV_HEADS * dim), &slots, &mut paged.k);
            ops::kv_write(&cpu, &numbers(seed + 1, len * KV_HEADS * dim), &slots, &mut paged.v);
            paged.q.push(numbers(seed + 2, len * HEADS * dim));
        }
        paged
    }

    /// The outputs of one batch of (sequence, first position, end), one after another.
    fn run(&self, cpu: &Cpu, parts: &[(usize, usize, usize)]) -> Vec<f32> {
        let row = HEADS * self.k.head_dim();
        let mut q = Vec::new();
        let mut spans = Vec::new();
        for &(sequence, from, to) in parts {
            let block_table = &self.tables[sequence];
            spans.push(AttentionSpan { q_start: q.len() / row, q_len: to - from, position: from, block_table });
            q.extend_from_slice(&self.q[sequence][from * row..to * row]);
        }
        let mut out = vec![f32::NAN; q.len()];
        let plan = AttentionPlan::new(spans, BLOCK, HEADS / KV_HEADS);
        ops::attention(cpu, &q, &self.k, &self.v, &plan, HEADS, &mut out);
        out
    }
}

#[test]
fn a_sequence_does_not_depend_on_the_batch() {
    let lengths = [300, 1, 40, 129];
    for (dtype, dim) in [(KvDtype::F32, 64), (KvDtype::BF16, 20), (KvDtype::Q8_0, 32)] {
        let paged = Paged::new(dtype, dim, &lengths);
        let row = HEADS * dim;
        for isa in every_isa() {
            let alone: Vec<Vec<f32>> =
                (0..lengths.len()).map(|s| paged.run(&cpu(isa, 1), &[(s, 0, lengths[s])])).collect();
            for threads in [1, 2, 4] {
                let cpu = cpu(isa, threads);
                // Decode of two sequences beside chunks of the others, an empty span among them.
                for parts in [
                    vec![(0, 299, 300), (1, 0, 1), (2, 7, 7), (3, 100, 129)],
                    vec![(3, 128, 129), (2, 39, 40), (0, 299, 300)],
                    vec![(2, 0, 40), (0, 0, 300), (3, 0, 129), (1, 0, 1)],
                    vec![(0, 299, 300)],
                ] {
                    let got = paged.run(&cpu, &parts);
                    let expected: Vec<f32> =
                        parts.iter().flat_map(|&(s, from, to)| alone[s][from * row..to * row].to_vec()).collect();
                    assert!(bits(&got) == bits(&expected), "{cpu:?} {dtype:?} {parts:?}");
                }
            }
        }
    }
}

/// Keys that several sequences begin with are read once for all of them, which nobody may notice.
#[test]
fn a_sequence_does_not_depend_on_what_it_shares() {
    let lengths = [700, 650, 400, 300, 290, 520, 129];
    for (dtype, dim) in [(KvDtype::F32, 64), (KvDtype::F16, 20), (KvDtype::BF16, 20), (KvDtype::Q8_0, 32)] {
        let mut paged = Paged::new(dtype, dim, &lengths);
        // The first 600 tokens of two, 384 and 256 of others in part with different ones, one that shares nothing.
        for (sequence, like, blocks) in [(1, 0, 37), (2, 0, 24), (3, 1, 16), (4, 2, 17), (6, 0, 8)] {
            let beginning = paged.tables[like][..blocks].to_vec();
            paged.tables[sequence][..blocks].copy_from_slice(&beginning);
        }
        let last = |s: usize, n: usize| (s, lengths[s] - n, lengths[s]);
        for isa in every_isa() {
            let alone = |part: &(usize, usize, usize)| paged.run(&cpu(isa, 1), &[*part]);
            for parts in [
                (0..lengths.len()).map(|s| last(s, 1)).collect::<Vec<_>>(),
                vec![last(2, 1), last(0, 5), last(1, 300), last(3, 1), last(4, 7)],
                // So many that they do not fit one tile.
                [0, 1].iter().flat_map(|&s| (0..40).map(move |i| (s, 600 + i, 601 + i))).collect(),
            ] {
                let expected: Vec<f32> = parts.iter().flat_map(alone).collect();
                for threads in [1, 2, 4] {
                    let got = paged.run(&cpu(isa, threads), &parts);
                    assert!(bits(&got) == bits(&expected), "{isa} {threads} {dtype:?} {parts:?}");
                }
            }
        }
    }
}

#[test]
fn a_nan_or_infinity_stays_in_its_row() {
    let (n, cols, rows) = (14, 96, 40);
    let mut x = numbers(8, n * cols);
    x[3 * cols + 5] = f32::NAN;
    x[9 * cols] = f32::INFINITY;
    for dtype in DTYPES {
        let weight = Matrix::from_f32(rows, cols, numbers(9, rows * cols)).to_dtype(dtype);
        for isa in every_isa() {
            for (i, out) in matmul(&cpu(isa, 2), &x, &weight).chunks_exact(rows).enumerate() {
                assert!(out.iter().all(|y| y.is_finite()) == !matches!(i, 3 | 9), "{isa} {dtype} row {i}");
            }
        }
    }
}

#[test]
fn later_keys_and_values_do_not_reach_earlier_queries() {
    let dim = 32;
    let slot = |t: usize| KvSlot { block: (t / 16) as u32, offset: (t % 16) as u32 };
    let nan = vec![f32::NAN; KV_HEADS * dim];
    // In even and odd places, of sixteens, blocks and partitions.
    let places = [137, 136, 128, 17, 16, 1];
    for (dtype, at) in [KvDtype::F32, KvDtype::F16, KvDtype::BF16].into_iter().flat_map(|d| places.map(|at| (d, at))) {
        let clean = Paged::new(dtype, dim, &[140]);
        let mut soiled = Paged::new(dtype, dim, &[140]);
        for isa in every_isa() {
            let cpu = cpu(isa, 2);
            ops::kv_write(&cpu, &nan, &[slot(at)], &mut soiled.k);
            ops::kv_write(&cpu, &nan, &[slot(at)], &mut soiled.v);
            let (clean, soiled) = (clean.run(&cpu, &[(0, 0, 140)]), soiled.run(&cpu, &[(0, 0, 140)]));
            let row = HEADS * dim;
            assert!(bits(&clean[..at * row]) == bits(&soiled[..at * row]), "{isa} {dtype:?} {at}");
            assert!(soiled[at * row..].iter().all(|y| y.is_nan()), "{isa} {dtype:?} {at}");
        }
    }
}

#[test]
fn products_of_pairs_take_every_bf16_but_subnormals() {
    let patterns: Vec<u16> = (0..=u16::MAX).collect();
    // Rows of one pattern each, at a place that moves through the row, the other numbers zero.
    let mut bytes = vec![0u8; patterns.len() * 64];
    for (row, pattern) in bytes.chunks_exact_mut(64).zip(&patterns) {
        let place = 2 * usize::from(pattern % 32);
        row[place..place + 2].copy_from_slice(&pattern.to_le_bytes());
    }
    let weight = Matrix::new(Dtype::BF16, patterns.len(), 32, smollm_kernels::Bytes::from(bytes)).expect("fits");
    for isa in every_isa() {
        for (&pattern, got) in patterns.iter().zip(matmul(&cpu(isa, 2), &[2.0; 32], &weight)) {
            let weight = half::bf16_to_f32(pattern);
            let same = got == 2.0 * weight || got.is_nan() && weight.is_nan();
            let flushed = isa == "avx512bf16" && weight.is_subnormal() && got == 0.0;
            assert!(same || flushed, "{isa} {pattern:#06x}: {got}");
        }
    }
}

#[test]
fn the_rows_convert_halves_exactly_as_defined() {
    // All f16 and bf16 patterns in, and rounding of numbers on and beside every tie out.
    let patterns: Vec<u16> = (0..=u16::MAX).collect();
    let bytes: Vec<u8> = patterns.iter().flat_map(|bits| bits.to_le_bytes()).collect();
    let slots: Vec<KvSlot> = (0..256).map(|t| KvSlot { block: 0, offset: t }).collect();
    for isa in every_isa() {
        let cpu = cpu(isa, 1);
        for (dtype, kv, widen, narrow) in [
            (Dtype::F16, KvDtype::F16, half::f16_to_f32 as fn(u16) -> f32, half::f32_to_f16 as fn(f32) -> u16),
            (Dtype::BF16, KvDtype::BF16, half::bf16_to_f32, half::f32_to_bf16),
        ] {
            // Widening inside a product with one: rows of one pattern each, the other fifteen zero.
            let mut padded = vec![0u8; bytes.len() * 16];
            for (row, pattern) in padded.chunks_exact_mut(32).zip(bytes.chunks_exact(2)) {
                row[..2].copy_from_slice(pattern);
            }
            let weight = Matrix::new(dtype, patterns.len(), 16, smollm_kernels::Bytes::from(padded)).expect("fits");
            let got = matmul(&cpu, &[1.0; 16], &weight);
            for (&pattern, got) in patterns.iter().zip(got) {
                let expected = widen(pattern);
                assert!(got == expected || got.is_nan() && expected.is_nan(), "{isa} {dtype} {pattern:#06x}: {got}");
            }
            // Narrowing through the cache.
            let numbers: Vec<f32> = patterns
                .iter()
                .map(|&pattern| f32::from_bits(widen(pattern).to_bits().wrapping_add(0x1000 * u32::from(pattern % 3))))
                .collect();
            let mut buffer = KvBuffer::new(KvRole::Keys, kv, 1, 256, 1, 256);
            ops::kv_write(&cpu, &numbers, &slots, &mut buffer);
            let mut row = vec![0.0; 256];
            for (slot, numbers) in slots.iter().zip(numbers.chunks_exact(256)) {
                buffer.read(*slot, 0, &mut row);
                for (got, number) in row.iter().zip(numbers) {
                    let expected = widen(narrow(*number));
                    assert!(got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan(), "{isa} {number}");
                }
            }
        }
    }
}
