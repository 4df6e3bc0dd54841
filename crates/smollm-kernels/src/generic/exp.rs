//! The exponential function in lanes.

use crate::lanes::Lanes;

/// exp(x), within about one unit in the last place; 0 below -87.7, where it would be subnormal, infinity above 89, NaN for NaN.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; exp(r) by the polynomial of Cephes `expf` (Moshier, single precision), ln 2 in two
/// parts, the first of which has few enough bits for n ln 2 to be exact.
#[inline(always)]
pub(crate) fn exp<S: Lanes>(s: S, x: S::F) -> S::F {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const POLYNOMIAL: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_6e-1, 5e-1];
    // The bound comes first, so that a NaN in x is what `max` and `min` return.
    let x = s.max(s.splat(-104.0), x);
    let x = s.min(s.splat(89.0), x);
    let n = s.round(s.mul(x, s.splat(std::f32::consts::LOG2_E)));
    let r = s.mul_add(n, s.splat(-LN2_HIGH), x);
    let r = s.mul_add(n, s.splat(-LN2_LOW), r);
    let mut p = s.splat(POLYNOMIAL[0]);
    for coefficient in &POLYNOMIAL[1..] {
        p = s.mul_add(p, r, s.splat(*coefficient));
    }
    let p = s.mul_add(p, s.mul(r, r), r);
    s.scale(s.add(p, s.splat(1.0)), n)
}

#[cfg(test)]
mod tests;
