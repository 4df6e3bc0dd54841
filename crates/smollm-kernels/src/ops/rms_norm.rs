//! Root-mean-square normalisation.

use super::{ROWS_PER_SUM, row_grain, sum_of_parts};
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::table::NormRow;

/// out = x / sqrt(mean(x^2) + eps) * weight for each row of x (N x C) (Zhang and Sennrich 2019, arXiv:1910.07467).
///
/// # Panics
/// If `x` and `out` are not both N x C for a `weight` of C.
pub fn rms_norm(cpu: &Cpu, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let width = weight.len();
    assert_eq!(x.len(), out.len(), "rms_norm: x and out differ in length");
    if x.is_empty() {
        return;
    }
    assert!(width > 0 && x.len().is_multiple_of(width), "rms_norm: x is not N x {width}");
    let count = x.len() / width;
    let out = Disjoint::new(out);
    cpu.pool.run(count, row_grain(cpu, count, width), |_, rows| {
        for row in rows {
            // SAFETY: each row is one item, and each item is done once.
            let out = unsafe { out.piece(row * width, width) };
            // SAFETY: `Cpu` holds only rows that are available.
            unsafe { (cpu.kernels.rms_norm)(&x[row * width..][..width], weight, eps, out) };
        }
    });
}

/// The gradients of [`rms_norm`]: that of x is added to `dx` (N x C), that of the weight to `dweight` (C), for the gradient `dout`
/// (N x C) of its output. With r = 1 / sqrt(mean(x^2) + eps): dx += r weight dout - x r^3 / C * sum(weight dout x), dweight += dout x r.
///
/// # Panics
/// If shapes do not fit each other.
pub fn rms_norm_backward(
    cpu: &Cpu,
    x: &[f32],
    weight: &[f32],
    eps: f32,
    dout: &[f32],
    dx: &mut [f32],
    dweight: &mut [f32],
) {
    let width = weight.len();
    assert!(x.len() == dout.len() && x.len() == dx.len(), "rms_norm_backward: x, dout and dx differ in length");
    assert_eq!(dweight.len(), width, "rms_norm_backward: dweight is not C");
    if x.is_empty() {
        return;
    }
    assert!(width > 0 && x.len().is_multiple_of(width), "rms_norm_backward: x is not N x {width}");
    let count = x.len() / width;
    let dx = Disjoint::new(dx);
    let mut parts = vec![0.0; count.div_ceil(ROWS_PER_SUM) * width];
    let sums = Disjoint::new(&mut parts);
    cpu.pool.run(count.div_ceil(ROWS_PER_SUM), 1, |_, range| {
        for part in range {
            // SAFETY: each part is one item, and each item is done once.
            let dweight = unsafe { sums.piece(part * width, width) };
            for row in part * ROWS_PER_SUM..count.min((part + 1) * ROWS_PER_SUM) {
                let own = row * width..(row + 1) * width;
                // SAFETY: the rows of a part are its own.
                let dx = unsafe { dx.piece(own.start, width) };
                let norm = NormRow { x: &x[own.clone()], weight, eps };
                // SAFETY: `Cpu` holds only rows that are available.
                unsafe { (cpu.kernels.training.rms_norm_backward)(&norm, &dout[own], dx, dweight) };
            }
        }
    });
    sum_of_parts(cpu, &parts, dweight);
}
