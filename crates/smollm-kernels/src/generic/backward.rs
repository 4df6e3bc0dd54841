//! Gradients of ops that touch each number once.

use crate::generic::elementwise::{padded, rms_scale};
use crate::generic::exp::exp;
use crate::lanes::{Chunk, LANES, Lanes};
use crate::table::NormRow;

/// With r = 1 / sqrt(mean(x^2) + eps) and y = x r weight: dx += r weight dy - x r^3 / C * sum(weight dy x), dweight += dy x r.
#[inline(always)]
pub(crate) fn rms_norm_backward<S: Lanes>(s: S, row: &NormRow<'_>, dy: &[f32], dx: &mut [f32], dweight: &mut [f32]) {
    let NormRow { x, weight, eps } = *row;
    let len = x.len();
    assert!(weight.len() == len && dy.len() == len && dx.len() == len && dweight.len() == len);
    let scale = rms_scale(s, x, eps);
    let shift = scale * scale * scale * dot3(s, weight, dy, x) / len as f32;
    for i in 0..len {
        dx[i] += scale * (weight[i] * dy[i]) - shift * x[i];
        dweight[i] += dy[i] * (x[i] * scale);
    }
}

/// The sum of a b c, in sixteen lanes.
#[inline(always)]
fn dot3<S: Lanes>(s: S, a: &[f32], b: &[f32], c: &[f32]) -> f32 {
    let ((a, a_tail), (b, b_tail), (c, c_tail)) = (a.as_chunks(), b.as_chunks(), c.as_chunks());
    let mut sum = s.zero();
    for ((a, b), c) in a.iter().zip(b).zip(c) {
        sum = s.mul_add(s.mul(s.load(a), s.load(b)), s.load(c), sum);
    }
    let tail = s.mul(s.load(&padded(a_tail)), s.load(&padded(b_tail)));
    s.sum(s.mul_add(tail, s.load(&padded(c_tail)), sum))
}

/// The sum of a b, in sixteen lanes.
#[inline(always)]
pub(crate) fn dot<S: Lanes>(s: S, a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks(), b.as_chunks());
    let mut sum = s.zero();
    for (a, b) in a.iter().zip(b) {
        sum = s.mul_add(s.load(a), s.load(b), sum);
    }
    s.sum(s.mul_add(s.load(&padded(a_tail)), s.load(&padded(b_tail)), sum))
}

/// The gradients of out = silu(gate) up: dup = dout silu(gate), dgate = dout up (p + gate p (1 - p)) with p = 1 / (1 + exp(-gate)).
#[inline(always)]
pub(crate) fn swiglu_backward<S: Lanes>(s: S, [gate, up, dout]: [&[f32]; 3], [dgate, dup]: [&mut [f32]; 2]) {
    let len = gate.len();
    assert!(up.len() == len && dout.len() == len && dgate.len() == len && dup.len() == len);
    let ((gates, gate_tail), (ups, up_tail), (douts, dout_tail)) = (gate.as_chunks(), up.as_chunks(), dout.as_chunks());
    let ((dgates, dgate_tail), (dups, dup_tail)) = (dgate.as_chunks_mut(), dup.as_chunks_mut());
    for i in 0..gates.len() {
        swiglu_backward_chunk(s, [&gates[i], &ups[i], &douts[i]], [&mut dgates[i], &mut dups[i]]);
    }
    if !gate_tail.is_empty() {
        let (mut dgate, mut dup) = ([0.0; LANES], [0.0; LANES]);
        let from = [&padded(gate_tail), &padded(up_tail), &padded(dout_tail)];
        swiglu_backward_chunk(s, from, [&mut dgate, &mut dup]);
        dgate_tail.copy_from_slice(&dgate[..dgate_tail.len()]);
        dup_tail.copy_from_slice(&dup[..dup_tail.len()]);
    }
}

#[inline(always)]
fn swiglu_backward_chunk<S: Lanes>(s: S, from: [&Chunk<f32>; 3], [dgate, dup]: [&mut Chunk<f32>; 2]) {
    let (gate, up, dout) = (s.load(from[0]), s.load(from[1]), s.load(from[2]));
    let one = s.splat(1.0);
    let p = s.div(one, s.add(one, exp(s, s.sub(s.zero(), gate))));
    let silu = s.mul(gate, p);
    let slope = s.mul_add(silu, s.sub(one, p), p);
    s.store(s.mul(dout, silu), dup);
    s.store(s.mul(s.mul(dout, up), slope), dgate);
}
