//! Products of packed quantised weights that are made bf16 first: bit for bit those of a packed bf16 matrix of the same numbers, over
//! company, threads and shapes; and the usual ones where there is no tile unit.

mod oracle;

use oracle::numbers;
use smollm_kernels::ops::{self, Product};
use smollm_kernels::{Cpu, Dtype, Matrix};

const DTYPES: [Dtype; 5] = [Dtype::Q8_0, Dtype::Q4_0, Dtype::Q5_0, Dtype::Q4_K, Dtype::Q6_K];

fn cpu(isa: &str, threads: usize) -> Cpu {
    Cpu::with_isa(isa, threads).expect("available")
}

/// The rows that have a tile unit, or do as if; none where there is no AVX-512.
fn tiled() -> Vec<&'static str> {
    let rows: Vec<_> = Cpu::available_isas().into_iter().filter(|isa| isa.starts_with("amx")).collect();
    if rows.is_empty() {
        eprintln!("SKIP: needs AVX-512");
    }
    rows
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn expanded(cpu: &Cpu, x: &[f32], weight: &Matrix) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / weight.cols() * weight.rows()];
    ops::matmul_expanded(cpu, x, &mut [Product { weight, out: &mut out }]);
    out
}

fn usual(cpu: &Cpu, x: &[f32], weight: &Matrix) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / weight.cols() * weight.rows()];
    ops::matmul(cpu, x, &mut [Product { weight, out: &mut out }]);
    out
}

/// Blocks that our quantiser makes, and blocks of llama.cpp's with any codes, scales and minimums.
fn matrices(dtype: Dtype, rows: usize, cols: usize) -> [Matrix; 2] {
    let plain = Matrix::from_f32(rows, cols, numbers(1, rows * cols));
    [ops::quantize(&cpu("scalar", 1), &plain, dtype, None), oracle::quantized(rows, cols, dtype)]
}

fn check(isa: &str, threads: usize, weight: &Matrix, n: usize) {
    let (cpu, cols) = (cpu(isa, threads), weight.cols());
    let x = numbers(2, n * cols);
    let (packed, numbers) = (weight.pack(&cpu), weight.to_dtype(Dtype::BF16).pack(&cpu));
    assert!(packed.expands(&cpu) && !numbers.expands(&cpu) && !weight.expands(&cpu));
    let (got, expected) = (expanded(&cpu, &x, &packed), usual(&cpu, &x, &numbers));
    assert!(expected.iter().all(|y| y.is_finite()));
    assert!(bits(&got) == bits(&expected), "{cpu:?} {} {n} x {cols} -> {}", weight.dtype(), weight.rows());
    if n > 0 {
        assert!(bits(&got) != bits(&usual(&cpu, &x, &packed)), "there is only one arithmetic");
    }
}

#[test]
fn expanded_products_are_those_of_bf16_bit_for_bit() {
    for isa in tiled() {
        for dtype in DTYPES {
            for weight in matrices(dtype, 80, 256) {
                for (i, n) in [0, 1, 2, 7, 15, 16, 17, 31, 33, 63, 64, 65, 97].into_iter().enumerate() {
                    check(isa, 1 + i % 3, &weight, n);
                }
            }
            // Rows that are cut into pieces, of equal length or not; more groups than are expanded at a time.
            for (rows, cols, n) in [(48, 1792, 20), (32, 2560, 65), (208, 1536, 33), (320, 512, 70), (16, 4352, 3)] {
                for weight in matrices(dtype, rows, cols) {
                    check(isa, 2, &weight, n);
                }
            }
        }
        // More activation rows than meet weights that are expanded once.
        for n in [512, 513, 1030] {
            check(isa, 2, &matrices(Dtype::Q4_K, 32, 256)[0], n);
        }
        // Widths that are no multiple of the largest blocks.
        for dtype in [Dtype::Q8_0, Dtype::Q4_0, Dtype::Q5_0] {
            check(isa, 2, &matrices(dtype, 96, 576)[0], 40);
            check(isa, 2, &matrices(dtype, 48, 1632)[0], 40);
        }
    }
}

#[test]
fn a_row_does_not_depend_on_the_rows_beside_it() {
    for isa in tiled() {
        for dtype in DTYPES {
            let (n, rows, cols) = (131, 144, 512);
            let (weight, x) = (matrices(dtype, rows, cols)[0].pack(&cpu(isa, 2)), numbers(3, n * cols));
            let whole = expanded(&cpu(isa, 1), &x, &weight);
            for threads in 1..=4 {
                let cpu = cpu(isa, threads);
                assert!(bits(&expanded(&cpu, &x, &weight)) == bits(&whole), "{cpu:?} {dtype}, whole");
                let mut start = 0;
                for n in [1, 2, 3, 15, 16, 17, 32, 33, 1, 11] {
                    let part = expanded(&cpu, &x[start * cols..(start + n) * cols], &weight);
                    let same = bits(&part) == bits(&whole[start * rows..(start + n) * rows]);
                    assert!(same, "{cpu:?} {dtype}, {n} rows from {start}");
                    start += n;
                }
                assert_eq!(start, 131);
            }
        }
    }
}

#[test]
fn products_of_several_matrices_do_not_depend_on_each_other() {
    let cols = 512;
    for isa in tiled() {
        let cpu = cpu(isa, 2);
        let pack = |matrix: &Matrix| matrix.pack(&cpu);
        let plain = Matrix::from_f32(50, cols, numbers(4, 50 * cols));
        let weights = [
            pack(&matrices(Dtype::Q4_K, 48, cols)[0]),
            pack(&plain.to_dtype(Dtype::BF16)),
            pack(&plain.to_dtype(Dtype::F32)),
            pack(&matrices(Dtype::Q6_K, 160, cols)[0]),
        ];
        for n in [5, 40, 300] {
            let x = numbers(5, n * cols);
            let mut outs = weights.each_ref().map(|weight| vec![f32::NAN; n * weight.rows()]);
            let mut products: Vec<Product<'_>> =
                weights.iter().zip(&mut outs).map(|(weight, out)| Product { weight, out }).collect();
            ops::matmul_expanded(&cpu, &x, &mut products);
            for (weight, out) in weights.iter().zip(&outs) {
                assert!(bits(out) == bits(&expanded(&cpu, &x, weight)), "{isa} {} N={n}", weight.dtype());
            }
        }
    }
}

#[test]
fn gated_products_in_one_go_are_those_one_by_one_bit_for_bit() {
    for isa in Cpu::available_isas() {
        for (dtypes, n, rows, cols) in [
            ([Dtype::Q4_0, Dtype::Q4_0], 20, 48, 64),
            ([Dtype::Q8_0, Dtype::Q8_0], 64, 208, 96),
            ([Dtype::Q4_K, Dtype::Q4_K], 131, 96, 512),
            ([Dtype::Q6_K, Dtype::Q6_K], 70, 48, 2048),
            ([Dtype::Q5_0, Dtype::Q5_0], 530, 32, 96),
            ([Dtype::Q4_K, Dtype::Q6_K], 80, 32, 256),
        ] {
            let cpu = cpu(isa, 2);
            let x = numbers(6, n * cols);
            let [gate, up] = [0, 1].map(|i| matrices(dtypes[i], rows, cols)[i].pack(&cpu));
            let mut expected = vec![f32::NAN; n * rows];
            ops::swiglu(&cpu, &expanded(&cpu, &x, &gate), &expanded(&cpu, &x, &up), &mut expected);
            let mut out = vec![f32::NAN; n * rows];
            let mut spare = [vec![f32::NAN; n * rows], vec![f32::NAN; n * rows]];
            let [gate_out, up_out] = &mut spare;
            let products = [Product { weight: &gate, out: gate_out }, Product { weight: &up, out: up_out }];
            ops::gated_matmul_expanded(&cpu, &x, products, &mut out);
            assert!(bits(&out) == bits(&expected), "{isa} {dtypes:?} {n} x {cols} -> {rows}");
        }
    }
}

#[test]
fn where_there_is_one_arithmetic_it_is_the_usual_one() {
    for isa in Cpu::available_isas().into_iter().filter(|isa| !isa.starts_with("amx")) {
        let cpu = cpu(isa, 2);
        for weight in [&matrices(Dtype::Q4_0, 48, 64)[0], &Matrix::from_f32(48, 64, numbers(7, 48 * 64))] {
            let packed = weight.pack(&cpu);
            assert!(!packed.expands(&cpu));
            for n in [1, 70] {
                let x = numbers(8, n * 64);
                assert_eq!(bits(&expanded(&cpu, &x, &packed)), bits(&usual(&cpu, &x, &packed)), "{isa} N={n}");
            }
        }
    }
}

#[test]
fn a_nan_or_infinity_stays_in_its_row_and_column() {
    let (n, rows, cols) = (37, 48, 256);
    let mut x = numbers(9, n * cols);
    x[3 * cols + 5] = f32::NAN;
    x[35 * cols + 255] = f32::INFINITY;
    for dtype in DTYPES {
        // The f16 scale of the first block of row 40 becomes NaN, all bits of it, or infinite.
        let offset = if dtype == Dtype::Q6_K { dtype.block_bytes() - 2 } else { 0 };
        for scale in [0x7fffu16, 0xffff, 0x7c00] {
            let mut bytes = matrices(dtype, rows, cols)[0].bytes().as_slice().to_vec();
            let at = 40 * (bytes.len() / rows) + offset;
            bytes[at..at + 2].copy_from_slice(&scale.to_le_bytes());
            let weight = Matrix::new(dtype, rows, cols, bytes.into()).expect("fits");
            for isa in tiled() {
                for count in [n, 4] {
                    let cpu = cpu(isa, 2);
                    let out = expanded(&cpu, &x[..count * cols], &weight.pack(&cpu));
                    for (i, out) in out.chunks_exact(rows).enumerate() {
                        for (r, y) in out.iter().enumerate() {
                            let finite = !(matches!(i, 3 | 35) || r == 40);
                            assert!(y.is_finite() == finite, "{isa} {dtype} {scale:#x} {i} {r}: {y}");
                        }
                    }
                }
            }
        }
    }
}
