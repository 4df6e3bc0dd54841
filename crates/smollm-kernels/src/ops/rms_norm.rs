//! Root-mean-square normalisation.

use super::row_grain;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;

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
