//! Weights into blocks, and whether they can be.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::row_grain;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::dtype::Dtype;
use crate::matrix::Matrix;
use crate::quant;

/// The smallest weight of a column, as a part of the average: a column that nobody ever used still has to become something.
const LEAST_IMPORTANCE: f32 = 1e-5;

/// `from` (rows x cols, finite) as blocks of `dtype`, chosen for the least sum of w * (x - value)^2, where w is the
/// `importance` of the column (cols, finite and not negative) or 1. The bytes are the same on every instruction set and with
/// any number of threads.
///
/// # Panics
/// If `dtype` is no block format, a row is not a whole number of its blocks, or `importance` has another length.
pub fn quantize(cpu: &Cpu, from: &Matrix, dtype: Dtype, importance: Option<&[f32]>) -> Matrix {
    let (rows, cols) = (from.rows(), from.cols());
    assert!(dtype.is_quantized(), "quantize: {dtype} is not a block format");
    let row_bytes =
        dtype.bytes_for(cols).unwrap_or_else(|| panic!("quantize: a row of {cols} is not whole {dtype} blocks"));
    let weights = weights(cols, importance);
    let mut bytes = vec![0; rows * row_bytes];
    let out = Disjoint::new(&mut bytes);
    cpu.pool.run(rows, row_grain(cpu, rows, cols), |_, range| {
        let mut x = vec![0.0; cols];
        for row in range {
            from.row_to_f32(row, &mut x);
            // SAFETY: each row is one item, and each item is done once.
            let out = unsafe { out.piece(row * row_bytes, row_bytes) };
            quant::quantize_row(cpu.kernels, dtype, &x, &weights, out);
        }
    });
    Matrix::new(dtype, rows, cols, bytes.into()).expect("as many bytes as the blocks take")
}

/// How many elements are NaN or infinite.
pub fn count_not_finite(cpu: &Cpu, matrix: &Matrix) -> usize {
    let (rows, cols) = (matrix.rows(), matrix.cols());
    let count = AtomicUsize::new(0);
    cpu.pool.run(rows, row_grain(cpu, rows, cols), |_, range| {
        let mut x = vec![0.0f32; cols];
        for row in range {
            matrix.row_to_f32(row, &mut x);
            // Order does not matter to a sum, and the pool's join publishes it.
            count.fetch_add(x.iter().filter(|x| !x.is_finite()).count(), Ordering::Relaxed);
        }
    });
    count.into_inner()
}

/// The importance of each column in parts of the average, none too small to count.
fn weights(cols: usize, importance: Option<&[f32]>) -> Vec<f32> {
    let Some(importance) = importance else { return vec![1.0; cols] };
    assert_eq!(importance.len(), cols, "quantize: importance of another number of columns");
    let average = importance.iter().map(|w| f64::from(*w)).sum::<f64>() / cols as f64;
    if !(average > 0.0 && average.is_finite()) {
        return vec![1.0; cols];
    }
    importance.iter().map(|w| ((f64::from(*w) / average) as f32).max(LEAST_IMPORTANCE)).collect()
}
