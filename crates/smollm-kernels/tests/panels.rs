//! Products of packed quantised weights: against f64, bit for bit over company and threads, and alike on rows that fuse alike.

mod oracle;

use oracle::{Close, numbers};
use smollm_kernels::ops::{self, Product};
use smollm_kernels::{Cpu, Dtype, Matrix};

const DTYPES: [Dtype; 5] = [Dtype::Q8_0, Dtype::Q4_0, Dtype::Q5_0, Dtype::Q4_K, Dtype::Q6_K];

fn packed(cpu: &Cpu, dtype: Dtype, rows: usize, cols: usize) -> Matrix {
    let plain = Matrix::from_f32(rows, cols, numbers(1, rows * cols));
    let packed = ops::quantize(cpu, &plain, dtype, None).pack(cpu);
    assert!(packed.is_packed());
    packed
}

fn matmul(cpu: &Cpu, x: &[f32], weight: &Matrix) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / weight.cols() * weight.rows()];
    ops::matmul(cpu, x, &mut [Product { weight, out: &mut out }]);
    out
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn cpu(isa: &str, threads: usize) -> Cpu {
    Cpu::with_isa(isa, threads).expect("available")
}

/// Activations as the product takes them: each 32 share a scale and are whole numbers of it.
fn rounded(x: &[f32]) -> Vec<f32> {
    let unit = |x: &[f32]| {
        let most = x.iter().fold(0f32, |most, x| most.max(x.abs()));
        let (scale, inverse) = (most / 127.0, if most > 0.0 { 127.0 / most } else { 0.0 });
        x.iter().map(|x| (x * inverse).round_ties_even() * scale).collect::<Vec<_>>()
    };
    x.chunks_exact(32).flat_map(unit).collect()
}

#[test]
fn packed_products_agree_with_f64() {
    for dtype in DTYPES {
        let (rows, cols) = (80, 3 * dtype.block_len().max(64));
        for isa in Cpu::available_isas() {
            let cpu = cpu(isa, 2);
            let weight = packed(&cpu, dtype, rows, cols);
            for n in [1, 2, 3, 5, 8, 9, 23, 70] {
                let x = numbers(2, n * cols);
                let expected = oracle::matmul(&rounded(&x), &weight);
                Close { relative: 2e-5, of: 1.0 }.check(
                    &format!("{isa} {dtype} N={n}"),
                    &matmul(&cpu, &x, &weight),
                    &expected,
                );
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_the_rows_beside_it() {
    for dtype in DTYPES {
        let (n, rows, cols) = (138, 144, 512);
        let x = numbers(3, n * cols);
        for isa in Cpu::available_isas() {
            let weight = packed(&cpu(isa, 2), dtype, rows, cols);
            let whole = matmul(&cpu(isa, 1), &x, &weight);
            for threads in 1..=4 {
                let cpu = cpu(isa, threads);
                assert!(bits(&matmul(&cpu, &x, &weight)) == bits(&whole), "{cpu:?} {dtype}, whole");
                let mut start = 0;
                for n in [1, 2, 3, 4, 5, 8, 9, 13, 17, 22, 24, 30] {
                    let part = matmul(&cpu, &x[start * cols..(start + n) * cols], &weight);
                    let same = bits(&part) == bits(&whole[start * rows..(start + n) * rows]);
                    assert!(same, "{cpu:?} {dtype}, {n} rows from {start}");
                    start += n;
                }
                assert_eq!(start, n);
            }
        }
    }
}

#[test]
fn rows_of_the_table_that_fuse_alike_agree_bitwise() {
    let isas = Cpu::available_isas();
    if !(isas.contains(&"avx2") && isas.contains(&"avx512")) {
        eprintln!("SKIP: needs avx2 and avx512");
        return;
    }
    let (avx2, avx512) = (cpu("avx2", 2), cpu("avx512", 2));
    for dtype in DTYPES {
        let weight = packed(&avx512, dtype, 48, 768);
        let x = numbers(4, 11 * 768);
        assert_eq!(bits(&matmul(&avx2, &x, &weight)), bits(&matmul(&avx512, &x, &weight)), "{dtype}");
    }
}

#[test]
fn the_largest_codes_do_not_overflow() {
    // Every byte of a Q8_0 code, -128 too, which no quantiser writes; activations at both ends.
    let (rows, cols) = (256, 64);
    let mut bytes = Vec::new();
    for row in 0..rows {
        for _ in 0..cols / 32 {
            bytes.extend_from_slice(&0x3c00u16.to_le_bytes());
            bytes.extend(std::iter::repeat_n(row as u8, 32));
        }
    }
    let plain = Matrix::new(Dtype::Q8_0, rows, cols, bytes.into()).expect("fits");
    for isa in Cpu::available_isas() {
        let cpu = cpu(isa, 1);
        for x in [127.0f32, -127.0] {
            let got = matmul(&cpu, &vec![x; cols], &plain.pack(&cpu));
            for (row, got) in got.into_iter().enumerate() {
                assert_eq!(got, x * f32::from(row as u8 as i8) * cols as f32, "{isa} {row}");
            }
        }
    }
}

#[test]
fn a_nan_or_infinity_stays_in_its_row() {
    let (n, rows, cols) = (14, 48, 256);
    let mut x = numbers(5, n * cols);
    x[3 * cols + 5] = f32::NAN;
    x[9 * cols + 200] = f32::NEG_INFINITY;
    x[11 * cols..12 * cols].fill(0.0);
    for dtype in DTYPES {
        for isa in Cpu::available_isas() {
            let cpu = cpu(isa, 2);
            let weight = packed(&cpu, dtype, rows, cols);
            for (i, out) in matmul(&cpu, &x, &weight).chunks_exact(rows).enumerate() {
                assert!(out.iter().all(|y| y.is_finite()) == !matches!(i, 3 | 9), "{isa} {dtype} row {i}");
                assert!(i != 11 || out.iter().all(|y| *y == 0.0), "{isa} {dtype}");
            }
        }
    }
}
