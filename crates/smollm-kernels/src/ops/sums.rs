//! Sums whose order no number of threads changes.

use super::GRAIN;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;

/// Rows whose contributions to a sum over rows are added up first.
pub(super) const ROWS_PER_SUM: usize = 32;

/// Adds the rows of `parts` to `out`, in ascending order.
pub(super) fn sum_of_parts(cpu: &Cpu, parts: &[f32], out: &mut [f32]) {
    for part in parts.chunks_exact(out.len()) {
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (cpu.kernels.add)(out, part) };
    }
}

/// The sum of x^2; runs of numbers in f32, these in f64.
pub fn sum_of_squares(cpu: &Cpu, x: &[f32]) -> f64 {
    let mut sums = vec![0.0; x.len().div_ceil(GRAIN)];
    let out = Disjoint::new(&mut sums);
    cpu.pool.run(x.len().div_ceil(GRAIN), 1, |_, range| {
        for part in range {
            let own = &x[part * GRAIN..x.len().min((part + 1) * GRAIN)];
            // SAFETY: each part is one item, and each item is done once.
            let out = unsafe { out.piece(part, 1) };
            // SAFETY: `Cpu` holds only rows that are available.
            out[0] = unsafe { (cpu.kernels.training.dot)(own, own) };
        }
    });
    sums.iter().map(|sum| f64::from(*sum)).sum()
}
