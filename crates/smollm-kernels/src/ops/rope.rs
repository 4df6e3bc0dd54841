//! Rotary position embedding.

use super::row_grain;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;

/// Rotates the heads of x (N x heads x D) in place, each pair (i, i + D/2) by the angle whose cosine and sine stand at
/// `[token][i]` of `cos` and `sin` (N x D/2): the half-split form that Llama checkpoints in Hugging Face layout use
/// (Su et al. 2021, arXiv:2104.09864).
///
/// # Panics
/// If D is odd or zero, or the shapes do not fit each other.
pub fn rope(cpu: &Cpu, x: &mut [f32], head_dim: usize, cos: &[f32], sin: &[f32]) {
    let pairs = head_dim / 2;
    assert!(head_dim > 0 && head_dim.is_multiple_of(2), "rope: head dimension {head_dim} is not even");
    assert!(cos.len() == sin.len() && cos.len().is_multiple_of(pairs), "rope: cos and sin are not N x {pairs}");
    let tokens = cos.len() / pairs;
    if tokens == 0 {
        assert!(x.is_empty(), "rope: x has no cosines");
        return;
    }
    assert!(x.len().is_multiple_of(tokens * head_dim), "rope: x is not {tokens} x heads x {head_dim}");
    let width = x.len() / tokens;
    let x = Disjoint::new(x);
    cpu.pool.run(tokens, row_grain(cpu, tokens, width), |_, range| {
        for token in range {
            let (cos, sin) = (&cos[token * pairs..][..pairs], &sin[token * pairs..][..pairs]);
            // SAFETY: each token is one item, and each item is done once.
            let row = unsafe { x.piece(token * width, width) };
            for head in row.chunks_exact_mut(head_dim) {
                // SAFETY: `Cpu` holds only rows that are available.
                unsafe { (cpu.kernels.rope)(head, cos, sin) };
            }
        }
    });
}

/// The gradient of [`rope`]: turns that of its output (N x heads x D) back by the same angles, in place.
///
/// # Panics
/// As [`rope`].
pub fn rope_backward(cpu: &Cpu, dx: &mut [f32], head_dim: usize, cos: &[f32], sin: &[f32]) {
    let back: Vec<f32> = sin.iter().map(|sin| -sin).collect();
    rope(cpu, dx, head_dim, cos, &back);
}
