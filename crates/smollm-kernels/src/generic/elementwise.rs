//! Ops that touch each number once: conversions, norm, activation, rotation, addition.

use crate::generic::exp::exp;
use crate::half;
use crate::lanes::{Chunk, LANES, Lanes};

/// Widens f16 patterns.
#[inline(always)]
pub(crate) fn widen_f16<S: Lanes>(s: S, from: &[u16], to: &mut [f32]) {
    assert_eq!(from.len(), to.len());
    let (from, from_rest) = from.as_chunks::<LANES>();
    let (to, to_rest) = to.as_chunks_mut::<LANES>();
    for (from, to) in from.iter().zip(to) {
        s.store(s.load_f16(from), to);
    }
    half::convert(from_rest, to_rest, half::f16_to_f32);
}

/// Widens bf16 patterns.
#[inline(always)]
pub(crate) fn widen_bf16(from: &[u16], to: &mut [f32]) {
    half::convert(from, to, half::bf16_to_f32);
}

/// Rounds to f16 patterns.
#[inline(always)]
pub(crate) fn narrow_f16<S: Lanes>(s: S, from: &[f32], to: &mut [u16]) {
    assert_eq!(from.len(), to.len());
    let (from, from_rest) = from.as_chunks::<LANES>();
    let (to, to_rest) = to.as_chunks_mut::<LANES>();
    for (from, to) in from.iter().zip(to) {
        s.store_f16(s.load(from), to);
    }
    half::convert(from_rest, to_rest, half::f32_to_f16);
}

/// Rounds to bf16 patterns.
#[inline(always)]
pub(crate) fn narrow_bf16(from: &[f32], to: &mut [u16]) {
    half::convert(from, to, half::f32_to_bf16);
}

/// Rounds to bf16 and widens again.
#[inline(always)]
pub(crate) fn round_bf16(from: &[f32], to: &mut [f32]) {
    half::convert(from, to, half::round_to_bf16);
}

/// x += y
#[inline(always)]
pub(crate) fn add(x: &mut [f32], y: &[f32]) {
    assert_eq!(x.len(), y.len());
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// x *= factor
#[inline(always)]
pub(crate) fn multiply(x: &mut [f32], factor: f32) {
    x.iter_mut().for_each(|x| *x *= factor);
}

/// out = (x / sqrt(mean(x^2) + eps)) * weight
#[inline(always)]
pub(crate) fn rms_norm<S: Lanes>(s: S, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    assert!(x.len() == weight.len() && x.len() == out.len());
    let scale = rms_scale(s, x, eps);
    for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
        *out = (x * scale) * weight;
    }
}

/// 1 / sqrt(mean(x^2) + eps), the squares summed in four vectors.
#[inline(always)]
pub(crate) fn rms_scale<S: Lanes>(s: S, x: &[f32], eps: f32) -> f32 {
    let mut sums = [s.zero(); 4];
    let (quads, rest) = x.as_chunks::<{ 4 * LANES }>();
    for quad in quads {
        let (parts, _) = quad.as_chunks::<LANES>();
        for i in 0..4 {
            let v = s.load(&parts[i]);
            sums[i] = s.mul_add(v, v, sums[i]);
        }
    }
    let (parts, tail) = rest.as_chunks::<LANES>();
    for part in parts {
        let v = s.load(part);
        sums[0] = s.mul_add(v, v, sums[0]);
    }
    let v = s.load(&padded(tail));
    sums[1] = s.mul_add(v, v, sums[1]);
    let sum = s.sum(s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3])));
    1.0 / (sum / x.len() as f32 + eps).sqrt()
}

/// out = gate / (1 + exp(-gate)) * up
#[inline(always)]
pub(crate) fn swiglu<S: Lanes>(s: S, gate: &[f32], up: &[f32], out: &mut [f32]) {
    assert!(gate.len() == up.len() && gate.len() == out.len());
    let (gates, gate_tail) = gate.as_chunks::<LANES>();
    let (ups, up_tail) = up.as_chunks::<LANES>();
    let (outs, out_tail) = out.as_chunks_mut::<LANES>();
    for ((gate, up), out) in gates.iter().zip(ups).zip(outs) {
        swiglu_chunk(s, gate, up, out);
    }
    if !out_tail.is_empty() {
        let mut out = [0.0; LANES];
        swiglu_chunk(s, &padded(gate_tail), &padded(up_tail), &mut out);
        out_tail.copy_from_slice(&out[..out_tail.len()]);
    }
}

#[inline(always)]
pub(crate) fn swiglu_chunk<S: Lanes>(s: S, gate: &Chunk<f32>, up: &Chunk<f32>, out: &mut Chunk<f32>) {
    let gate = s.load(gate);
    let denominator = s.add(s.splat(1.0), exp(s, s.sub(s.zero(), gate)));
    s.store(s.mul(s.div(gate, denominator), s.load(up)), out);
}

/// Rotates the pairs (i, i + D/2) of one head by the angles of its position.
#[inline(always)]
pub(crate) fn rope(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (low, high) = head.split_at_mut(cos.len());
    assert!(low.len() == high.len() && sin.len() == cos.len());
    for (((low, high), cos), sin) in low.iter_mut().zip(high).zip(cos).zip(sin) {
        let (a, b) = (*low, *high);
        *low = a * cos - b * sin;
        *high = b * cos + a * sin;
    }
}

/// A last, partial vector filled up with zeros.
#[inline(always)]
pub(crate) fn padded(tail: &[f32]) -> Chunk<f32> {
    let mut chunk = [0.0; LANES];
    chunk[..tail.len()].copy_from_slice(tail);
    chunk
}

/// Asks for every cache line of a run of memory.
#[inline(always)]
pub(crate) fn ask<S: Lanes>(s: S, run: &[u8]) {
    for line in run.chunks(64) {
        s.prefetch(line.as_ptr());
    }
}
