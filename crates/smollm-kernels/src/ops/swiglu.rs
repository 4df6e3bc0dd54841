//! The gated activation of the feed-forward layer.

use super::GRAIN;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;

/// out = silu(gate) * up, with silu(x) = x / (1 + exp(-x)) (Shazeer 2020, arXiv:2002.05202); all of N x F.
///
/// # Panics
/// If the lengths differ.
pub fn swiglu(cpu: &Cpu, gate: &[f32], up: &[f32], out: &mut [f32]) {
    assert!(gate.len() == up.len() && gate.len() == out.len(), "swiglu: gate, up and out differ in length");
    let len = out.len();
    let out = Disjoint::new(out);
    cpu.pool.run(len.div_ceil(GRAIN), 1, |_, parts| {
        let (start, end) = (parts.start * GRAIN, len.min(parts.end * GRAIN));
        // SAFETY: parts do not overlap, and each is done once.
        let out = unsafe { out.piece(start, end - start) };
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (cpu.kernels.swiglu)(&gate[start..end], &up[start..end], out) };
    });
}

/// The gradients of [`swiglu`] for the gradient `dout` of its output; all of N x F: dup = dout silu(gate), dgate = dout up (p +
/// silu(gate) (1 - p)) with p = 1 / (1 + exp(-gate)).
///
/// # Panics
/// If the lengths differ.
pub fn swiglu_backward(cpu: &Cpu, gate: &[f32], up: &[f32], dout: &[f32], dgate: &mut [f32], dup: &mut [f32]) {
    let len = gate.len();
    let same = [up.len(), dout.len(), dgate.len(), dup.len()].iter().all(|other| *other == len);
    assert!(same, "swiglu_backward: gate, up, dout, dgate and dup differ in length");
    let (dgate, dup) = (Disjoint::new(dgate), Disjoint::new(dup));
    cpu.pool.run(len.div_ceil(GRAIN), 1, |_, parts| {
        let (start, end) = (parts.start * GRAIN, len.min(parts.end * GRAIN));
        // SAFETY: parts do not overlap, and each is done once.
        let to = unsafe { [dgate.piece(start, end - start), dup.piece(start, end - start)] };
        let from = [gate, up, dout].map(|numbers| &numbers[start..end]);
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (cpu.kernels.training.swiglu_backward)(from, to) };
    });
}
