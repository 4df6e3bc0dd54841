//! Numbers that are wanted in two places.

use super::GRAIN;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::numbers::fit;

/// Replaces `to` by the numbers of `from`, in the memory that it has if they fit.
pub fn copy(cpu: &Cpu, from: &[f32], to: &mut Vec<f32>) {
    let len = from.len();
    fit(to, len);
    let to = Disjoint::new(to);
    cpu.pool.run(len.div_ceil(GRAIN), 1, |_, parts| {
        let (start, end) = (parts.start * GRAIN, len.min(parts.end * GRAIN));
        // SAFETY: parts do not overlap, and each is done once.
        unsafe { to.piece(start, end - start) }.copy_from_slice(&from[start..end]);
    });
}
