//! Merged matrices against sums in f64, at any number of threads.

use super::*;
use smollm_kernels::Dtype;

fn matrix(rows: usize, cols: usize, seed: u64) -> Matrix {
    let value = |i: u64| (crate::init::splitmix64(seed.wrapping_add(i)) >> 40) as f32 / 16_777_216.0 - 0.5;
    Matrix::from_f32(rows, cols, (0..(rows * cols) as u64).map(value).collect())
}

fn same_on_any_threads(make: impl Fn(&Cpu) -> Matrix) -> Vec<f32> {
    let of = |isa, threads| numbers(&make(&Cpu::with_isa(isa, threads).expect("available")));
    let one = of("scalar", 1);
    for isa in Cpu::available_isas() {
        assert!(of(isa, 3) == one, "{isa}");
    }
    one
}

#[test]
fn a_matrix_with_pairs_laid_into_it_is_the_sum() {
    let (rows, cols) = (150, 37);
    let weight = matrix(rows, cols, 1).to_dtype(Dtype::BF16);
    let pair = |rank, scale, seed| LowRank { a: matrix(rank, cols, seed), b: matrix(rows, rank, seed + 9), scale };
    let pairs = [pair(4, 2.0, 100_000), pair(7, -0.5, 200_000)];
    let merged = same_on_any_threads(|cpu| lay_into(cpu, &weight, &pairs));
    let weight = numbers(&weight);
    let halves: Vec<_> = pairs.iter().map(|pair| (numbers(&pair.a), numbers(&pair.b))).collect();
    for (i, merged) in merged.iter().enumerate() {
        let (row, col) = (i / cols, i % cols);
        let mut exact = f64::from(weight[i]);
        for (pair, (a, b)) in pairs.iter().zip(&halves) {
            let rank = pair.a.rows();
            let product = |r: usize| f64::from(b[row * rank + r]) * f64::from(a[r * cols + col]);
            exact += f64::from(pair.scale) * (0..rank).map(product).sum::<f64>();
        }
        assert!((f64::from(*merged) - exact).abs() < 1e-6, "{row} {col}: {merged} {exact}");
    }
}

#[test]
fn a_weighted_sum_is_rounded_once() {
    let shares = [0.5, 0.3, 0.2];
    let matrices: Vec<_> = shares.iter().zip(1..).map(|(share, i)| (*share, matrix(70, 33, i * 1_000_000))).collect();
    let sum = same_on_any_threads(|cpu| weighted_sum(cpu, &matrices));
    let all: Vec<_> = matrices.iter().map(|(_, matrix)| numbers(matrix)).collect();
    for (i, sum) in sum.iter().enumerate() {
        let exact: f64 = shares.iter().zip(&all).map(|(share, x)| share * f64::from(x[i])).sum();
        assert_eq!(*sum, exact as f32);
    }
    let cpu = Cpu::with_isa("scalar", 1).expect("always there");
    assert!(numbers(&weighted_sum(&cpu, &[(1.0, matrices[0].1.clone())])) == all[0]);
}
