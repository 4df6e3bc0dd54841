//! The residual sum.

use super::GRAIN;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;

/// x += y
///
/// # Panics
/// If the lengths differ.
pub fn add(cpu: &Cpu, x: &mut [f32], y: &[f32]) {
    assert_eq!(x.len(), y.len(), "add: x and y differ in length");
    let len = x.len();
    let x = Disjoint::new(x);
    cpu.pool.run(len.div_ceil(GRAIN), 1, |_, parts| {
        let (start, end) = (parts.start * GRAIN, len.min(parts.end * GRAIN));
        // SAFETY: parts do not overlap, and each is done once.
        let x = unsafe { x.piece(start, end - start) };
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (cpu.kernels.add)(x, &y[start..end]) };
    });
}
