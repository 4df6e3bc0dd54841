//! Softmax and its denominator over one row of any length.

use crate::generic::exp::exp;
use crate::lanes::{Chunk, LANES, Lanes};

/// The largest number of a row, NaN passed over; -inf where there is none.
#[inline(always)]
pub(crate) fn max<S: Lanes>(s: S, row: &[f32]) -> f32 {
    let (chunks, tail) = row.as_chunks::<LANES>();
    let mut max = s.splat(f32::NEG_INFINITY);
    for chunk in chunks {
        max = s.max(s.load(chunk), max);
    }
    max = s.max(s.load(&last(tail)), max);
    s.max_lane(max)
}

/// Replaces each x by exp(x - max) and returns the sum of these.
#[inline(always)]
pub(crate) fn exp_minus<S: Lanes>(s: S, row: &mut [f32], max: f32) -> f32 {
    let shift = s.splat(max);
    let mut sum = s.zero();
    let (chunks, tail) = row.as_chunks_mut::<LANES>();
    for chunk in chunks {
        let e = exp(s, s.sub(s.load(chunk), shift));
        s.store(e, chunk);
        sum = s.add(sum, e);
    }
    if !tail.is_empty() {
        let mut padded = last(tail);
        let e = exp(s, s.sub(s.load(&padded), shift));
        s.store(e, &mut padded);
        tail.copy_from_slice(&padded[..tail.len()]);
        sum = s.add(sum, e);
    }
    s.sum(sum)
}

/// The sum of exp(x - max), bit for bit that of `exp_minus`.
#[inline(always)]
pub(crate) fn sum_exp<S: Lanes>(s: S, row: &[f32], max: f32) -> f32 {
    let shift = s.splat(max);
    let mut sum = s.zero();
    let (chunks, tail) = row.as_chunks::<LANES>();
    for chunk in chunks {
        sum = s.add(sum, exp(s, s.sub(s.load(chunk), shift)));
    }
    if !tail.is_empty() {
        sum = s.add(sum, exp(s, s.sub(s.load(&last(tail)), shift)));
    }
    s.sum(sum)
}

/// A last, partial vector filled up with -inf, which counts for nothing.
#[inline(always)]
fn last(tail: &[f32]) -> Chunk<f32> {
    let mut chunk = [f32::NEG_INFINITY; LANES];
    chunk[..tail.len()].copy_from_slice(tail);
    chunk
}
