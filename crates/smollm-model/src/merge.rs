//! New weights of old ones: adapters laid into matrices, and averages of checkpoints. Plain arithmetic in one order, a rounding after each
//! step, so that the result is the same on every machine.

use crate::linear::LowRank;
use smollm_kernels::{Cpu, Matrix, ops};

#[cfg(test)]
mod tests;

/// Rows that one thread makes at a time.
const ROWS: usize = 64;

/// W + s B A for each of `pairs` in turn, in f32.
///
/// # Panics
/// If the pairs do not have the shape of the matrix.
pub fn lay_into(cpu: &Cpu, weight: &Matrix, pairs: &[LowRank]) -> Matrix {
    let cols = weight.cols();
    let inputs: Vec<Vec<f32>> = pairs.iter().map(|pair| numbers(&pair.a)).collect();
    for pair in pairs {
        assert!(pair.a.cols() == cols && pair.b.rows() == weight.rows() && pair.a.rows() == pair.b.cols());
    }
    by_rows(cpu, weight, |row, out| {
        weight.row_to_f32(row, out);
        let mut delta = vec![0.0; cols];
        for (pair, a) in pairs.iter().zip(&inputs) {
            let mut b = vec![0.0; pair.b.cols()];
            pair.b.row_to_f32(row, &mut b);
            delta.fill(0.0);
            for (b, a) in b.iter().zip(a.chunks_exact(cols)) {
                delta.iter_mut().zip(a).for_each(|(sum, a)| *sum += b * a);
            }
            out.iter_mut().zip(&delta).for_each(|(out, delta)| *out += pair.scale * delta);
        }
    })
}

/// The sum of matrices of one shape, each times its share; sums are taken in f64 and rounded to f32.
///
/// # Panics
/// If there is none, or the shapes differ.
pub fn weighted_sum(cpu: &Cpu, matrices: &[(f64, Matrix)]) -> Matrix {
    let (_, first) = matrices.first().expect("a sum of something");
    let cols = first.cols();
    assert!(matrices.iter().all(|(_, matrix)| (matrix.rows(), matrix.cols()) == (first.rows(), cols)));
    by_rows(cpu, first, |row, out| {
        let mut sum = vec![0.0_f64; cols];
        for (share, matrix) in matrices {
            matrix.row_to_f32(row, out);
            sum.iter_mut().zip(&*out).for_each(|(sum, x)| *sum += share * f64::from(*x));
        }
        out.iter_mut().zip(&sum).for_each(|(out, sum)| *out = *sum as f32);
    })
}

/// A matrix of f32 with the shape of another, made row by row.
fn by_rows(cpu: &Cpu, shape: &Matrix, make: impl Fn(usize, &mut [f32]) + Sync) -> Matrix {
    let cols = shape.cols();
    let mut values = vec![0.0; shape.rows() * cols];
    let mut parts: Vec<(usize, &mut [f32])> = values.chunks_mut((ROWS * cols).max(1)).enumerate().collect();
    ops::for_each(cpu, &mut parts, |(part, values)| {
        for (row, out) in (*part * ROWS..).zip(values.chunks_exact_mut(cols)) {
            make(row, out);
        }
    });
    Matrix::from_f32(shape.rows(), cols, values)
}

/// All numbers of a matrix, row after row.
fn numbers(matrix: &Matrix) -> Vec<f32> {
    let mut values = vec![0.0; matrix.rows() * matrix.cols()];
    for (row, values) in values.chunks_exact_mut(matrix.cols()).enumerate() {
        matrix.row_to_f32(row, values);
    }
    values
}
