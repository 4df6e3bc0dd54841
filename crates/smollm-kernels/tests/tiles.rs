//! Products of packed bf16 weights on every row: against f64, and bit for bit over company, threads and shapes of tiles. Where there is
//! a tile unit, it agrees with its emulation, and products of bytes agree with those of vectors.

mod oracle;

use oracle::{Close, numbers};
use proptest::prelude::*;
use smollm_kernels::ops::{self, Product};
use smollm_kernels::{Bytes, Cpu, Dtype, Matrix, half};

fn cpu(isa: &str, threads: usize) -> Cpu {
    Cpu::with_isa(isa, threads).expect("available")
}

/// The rows that have a tile unit, or do as if; none where there is no AVX-512.
fn tiled() -> Vec<&'static str> {
    Cpu::available_isas().into_iter().filter(|isa| isa.starts_with("amx")).collect()
}

fn plain(rows: usize, cols: usize) -> Matrix {
    Matrix::from_f32(rows, cols, numbers(2, rows * cols)).to_dtype(Dtype::BF16)
}

fn matmul(cpu: &Cpu, x: &[f32], weight: &Matrix) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / weight.cols() * weight.rows()];
    ops::matmul(cpu, x, &mut [Product { weight, out: &mut out }]);
    out
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn check(isa: &str, threads: usize, n: usize, rows: usize, cols: usize) {
    let cpu = cpu(isa, threads);
    let (weight, x) = (plain(rows, cols), numbers(1, n * cols));
    let packed = weight.pack(&cpu);
    assert_eq!(packed.is_packed(), isa.starts_with("amx") && rows > 0, "{isa}");
    let close = Close { relative: 1e-6, of: (cols as f64).sqrt() };
    close.check(&format!("{cpu:?} {n} x {cols} -> {rows}"), &matmul(&cpu, &x, &packed), &oracle::matmul(&x, &weight));
}

#[test]
fn packed_bf16_agrees_with_f64() {
    for isa in Cpu::available_isas() {
        for (i, n) in (1..=40).chain([63, 64, 65, 97, 128]).enumerate() {
            check(isa, 1 + i % 4, n, 80, 96);
        }
        for (n, rows, cols) in [
            (1, 1, 1),
            (1, 192, 576),
            (1, 3000, 64),
            (2, 17, 33),
            (16, 1000, 64),
            (16, 40, 1536),
            (17, 15, 31),
            (32, 32, 32),
            (32, 31, 320),
            (33, 33, 321),
            (70, 130, 352),
            (64, 64, 700),
            (200, 48, 40),
            (511, 64, 64),
            (512, 96, 34),
            (513, 20, 64),
        ] {
            check(isa, 2, n, rows, cols);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn packed_bf16_agrees_at_any_size(n in 0usize..70, cols in 1usize..400, rows in 0usize..90, threads in 1usize..5) {
        for isa in Cpu::available_isas() {
            check(isa, threads, n, rows, cols);
        }
    }
}

#[test]
fn a_row_does_not_depend_on_the_rows_beside_it() {
    for (n, rows, cols) in [(131, 200, 96), (150, 72, 700), (131, 33, 50)] {
        let (weight, x) = (plain(rows, cols), numbers(3, n * cols));
        for isa in tiled() {
            let packed = weight.pack(&cpu(isa, 2));
            let whole = matmul(&cpu(isa, 1), &x, &packed);
            for threads in 1..=4 {
                let cpu = cpu(isa, threads);
                assert!(bits(&matmul(&cpu, &x, &packed)) == bits(&whole), "{cpu:?} {rows} x {cols}, whole");
                let mut start = 0;
                for n in [1, 2, 3, 15, 16, 17, 32, 33, 1, 11] {
                    let part = matmul(&cpu, &x[start * cols..(start + n) * cols], &packed);
                    let same = bits(&part) == bits(&whole[start * rows..(start + n) * rows]);
                    assert!(same, "{cpu:?} {rows} x {cols}, {n} rows from {start}");
                    start += n;
                }
                assert_eq!(start, 131);
            }
        }
    }
}

#[test]
fn a_nan_or_infinity_stays_in_its_row_and_column() {
    let (n, rows, cols) = (37, 40, 90);
    let (mut x, mut w) = (numbers(4, n * cols), numbers(5, rows * cols));
    x[3 * cols + 5] = f32::NAN;
    x[35 * cols + 89] = f32::INFINITY;
    w[39 * cols + 1] = f32::NAN;
    let weight = Matrix::from_f32(rows, cols, w).to_dtype(Dtype::BF16);
    for isa in Cpu::available_isas() {
        for count in [n, 4] {
            let cpu = cpu(isa, 2);
            let out = matmul(&cpu, &x[..count * cols], &weight.pack(&cpu));
            for (i, out) in out.chunks_exact(rows).enumerate() {
                for (r, y) in out.iter().enumerate() {
                    assert!(y.is_finite() != (matches!(i, 3 | 35) || r == 39), "{isa} {i} {r}: {y}");
                }
            }
        }
    }
}

#[test]
fn every_bf16_is_multiplied_but_subnormals_count_as_zero() {
    let patterns: Vec<u16> = (0..=u16::MAX).collect();
    let mut bytes = vec![0u8; patterns.len() * 64];
    for (row, pattern) in bytes.chunks_exact_mut(64).zip(&patterns) {
        let place = 2 * usize::from(pattern % 32);
        row[place..place + 2].copy_from_slice(&pattern.to_le_bytes());
    }
    let weight = Matrix::new(Dtype::BF16, patterns.len(), 32, Bytes::from(bytes)).expect("fits");
    for isa in tiled() {
        let cpu = cpu(isa, 2);
        for (&pattern, got) in patterns.iter().zip(matmul(&cpu, &[2.0; 32], &weight.pack(&cpu))) {
            let weight = half::bf16_to_f32(pattern);
            let expected = if weight.is_subnormal() { 0.0 } else { 2.0 * weight };
            assert!(got == expected || got.is_nan() && expected.is_nan(), "{isa} {pattern:#06x}: {got}");
        }
    }
}

#[test]
fn what_was_packed_for_a_tile_unit_is_multiplied_on_every_row() {
    let (n, rows, cols) = (19, 50, 75);
    let (weight, x) = (plain(rows, cols), numbers(6, n * cols));
    let close = Close { relative: 1e-6, of: (cols as f64).sqrt() };
    for packing in tiled() {
        let packed = weight.pack(&cpu(packing, 2));
        for isa in Cpu::available_isas() {
            let got = matmul(&cpu(isa, 2), &x, &packed);
            close.check(&format!("{isa}, packed for {packing}"), &got, &oracle::matmul(&x, &weight));
        }
        let mut row = vec![0.0; cols];
        packed.row_to_f32(49, &mut row);
        let mut expected = vec![0.0; cols];
        weight.row_to_f32(49, &mut expected);
        assert_eq!(row, expected);
        assert_eq!(packed.bytes_len(), weight.bytes_len());
    }
}

/// Numbers of every size and sign, among them some whose products or sums are subnormal, or too large.
fn wild(seed: u64, len: usize) -> Vec<f32> {
    let scales = numbers(seed + 1, len);
    numbers(seed, len).iter().zip(scales).map(|(x, scale)| x * (scale * 66.0).exp2()).collect()
}

#[test]
fn every_unit_agrees_with_the_emulation_bit_for_bit() {
    if tiled().is_empty() {
        eprintln!("SKIP: needs AVX-512");
        return;
    }
    for (n, rows, cols) in [(1, 100, 576), (16, 64, 96), (37, 70, 350), (64, 96, 64)] {
        for (x, w) in [(numbers(7, n * cols), numbers(8, rows * cols)), (wild(9, n * cols), wild(11, rows * cols))] {
            let emulated = cpu("amx-emulated", 1);
            let weight = Matrix::from_f32(rows, cols, w).to_dtype(Dtype::BF16).pack(&emulated);
            let expected = matmul(&emulated, &x, &weight);
            assert!(expected.iter().any(|y| *y != 0.0) && expected.iter().all(|y| !y.is_nan()));
            for isa in tiled() {
                let got = matmul(&cpu(isa, 3), &x, &weight);
                assert_eq!(bits(&got), bits(&expected), "{isa} {n} x {cols} -> {rows}");
            }
        }
    }
}

#[test]
fn products_of_bytes_are_those_of_vectors_bit_for_bit() {
    let (n, rows) = (45, 80);
    for dtype in [Dtype::Q8_0, Dtype::Q4_0, Dtype::Q5_0, Dtype::Q4_K, Dtype::Q6_K] {
        let cols = 3 * dtype.block_len();
        for isa in tiled() {
            let (tiles, vectors) = (cpu(isa, 2), cpu("avx512", 1));
            let values = Matrix::from_f32(rows, cols, numbers(13, rows * cols));
            let weight = ops::quantize(&vectors, &values, dtype, None).pack(&vectors);
            for n in [1, 8, 9, 15, 16, 17, 33, n] {
                let x = numbers(14, n * cols);
                let (got, expected) = (matmul(&tiles, &x, &weight), matmul(&vectors, &x, &weight));
                assert_eq!(bits(&got), bits(&expected), "{isa} {dtype} N={n}");
            }
        }
    }
}

#[test]
fn gated_products_in_one_go_are_those_one_by_one_bit_for_bit() {
    for isa in Cpu::available_isas() {
        // (Fewer activation rows than are worth it; two parts of them; pieces of long rows; shapes that are not in whole tiles.)
        for (n, rows, cols) in [(20, 48, 64), (64, 33, 50), (131, 200, 96), (300, 72, 1700)] {
            let cpu = cpu(isa, 2);
            let x = numbers(3, n * cols);
            let [gate, up] = [2, 5].map(|seed| {
                let weight = Matrix::from_f32(rows, cols, numbers(seed, rows * cols)).to_dtype(Dtype::BF16);
                weight.pack(&cpu)
            });
            let mut expected = vec![f32::NAN; n * rows];
            ops::swiglu(&cpu, &matmul(&cpu, &x, &gate), &matmul(&cpu, &x, &up), &mut expected);
            let mut out = vec![f32::NAN; n * rows];
            let mut spare = [vec![f32::NAN; n * rows], vec![f32::NAN; n * rows]];
            let [gate_out, up_out] = &mut spare;
            let products = [Product { weight: &gate, out: gate_out }, Product { weight: &up, out: up_out }];
            ops::gated_matmul(&cpu, &x, products, &mut out);
            assert!(bits(&out) == bits(&expected), "{isa} {n} x {cols} -> {rows}");
        }
    }
}
