//! Sixteen ways to scale some numbers to a grid, one in each lane, and how good each is.
//!
//! Nothing is fused and nothing is summed across lanes, so the results are the same on every row of the table.

use crate::lanes::{Chunk, LANES, Lanes};
use crate::quant::{Grid, IQ4_VALUES};
use crate::table::{AffineSums, AffineTries, FitTask, ScaleTries};

/// The best scale of each lane for the numbers of the grid that it leads to.
#[inline(always)]
pub(crate) fn scales<S: Lanes>(s: S, task: &FitTask<'_>) -> ScaleTries {
    let (_, gg, xg) = match task.grid {
        Grid::Whole(low, high) => moments(s, task, Whole(low, high)),
        Grid::Iq4 => moments(s, task, Iq4),
    };
    let scale = s.div(xg, gg);
    ScaleTries { scale: stored(s, scale), gain: stored(s, s.mul(xg, scale)) }
}

/// The best scale and minimum of each lane for the whole numbers that it leads to. With M = min and the sums in the table's
/// words: M = (gg x - g xg) / (w gg - g^2), at most the ceiling, then scale = (xg - M g) / gg.
#[inline(always)]
pub(crate) fn affine<S: Lanes>(s: S, task: &FitTask<'_>, sums: &AffineSums) -> AffineTries {
    let (low, high) = task.grid.ends();
    let (g, gg, xg) = moments(s, task, Whole(low, high));
    let [w, x, xx] = [sums.w, sums.x, sums.xx].map(|sum| s.splat(sum));
    let determinant = s.sub(s.mul(w, gg), s.mul(g, g));
    let min = s.div(s.sub(s.mul(gg, x), s.mul(g, xg)), determinant);
    let min = s.min(min, s.splat(sums.ceiling));
    let scale = s.div(s.sub(xg, s.mul(min, g)), gg);
    // The sum of w (x - scale g - min)^2, multiplied out.
    let cross = s.add(s.mul(scale, xg), s.mul(min, x));
    let squares = s.add(s.mul(scale, s.add(s.mul(scale, gg), s.mul(s.add(min, min), g))), s.mul(s.mul(min, min), w));
    let error = s.add(s.sub(xx, s.add(cross, cross)), squares);
    AffineTries { scale: stored(s, scale), min: stored(s, min), error: stored(s, error) }
}

/// The error of each lane with scales that are given.
#[inline(always)]
pub(crate) fn errors<S: Lanes>(s: S, task: &FitTask<'_>, scale: &Chunk<f32>) -> Chunk<f32> {
    match task.grid {
        Grid::Whole(low, high) => errors_of(s, task, scale, Whole(low, high)),
        Grid::Iq4 => errors_of(s, task, scale, Iq4),
    }
}

#[inline(always)]
fn stored<S: Lanes>(s: S, lanes: S::F) -> Chunk<f32> {
    let mut out = [0.0; LANES];
    s.store(lanes, &mut out);
    out
}

/// A grid in lanes.
trait Nearest: Copy {
    fn nearest<S: Lanes>(self, s: S, x: S::F) -> S::F;
}

/// Whole numbers are rounded to.
#[derive(Clone, Copy)]
struct Whole(f32, f32);

impl Nearest for Whole {
    #[inline(always)]
    fn nearest<S: Lanes>(self, s: S, x: S::F) -> S::F {
        s.round(s.min(s.max(x, s.splat(self.0)), s.splat(self.1)))
    }
}

/// The table is climbed: every border below x adds its step.
#[derive(Clone, Copy)]
struct Iq4;

impl Nearest for Iq4 {
    #[inline(always)]
    fn nearest<S: Lanes>(self, s: S, x: S::F) -> S::F {
        // So large that what lies above a border by any visible amount is clamped to one.
        const STEEP: f32 = (1u32 << 24) as f32;
        let steep = s.mul(x, s.splat(STEEP));
        let mut value = s.splat(f32::from(IQ4_VALUES[0]));
        let mut i = 0;
        while i < 15 {
            let (this, next) = (f32::from(IQ4_VALUES[i]), f32::from(IQ4_VALUES[i + 1]));
            let above = s.sub(steep, s.splat((this + next) * 0.5 * STEEP));
            let above = s.min(s.max(above, s.zero()), s.splat(1.0));
            value = s.add(value, s.mul(above, s.splat(next - this)));
            i += 1;
        }
        value
    }
}

/// The sums of w g, w g^2 and w x g.
#[inline(always)]
fn moments<S: Lanes>(s: S, task: &FitTask<'_>, grid: impl Nearest) -> (S::F, S::F, S::F) {
    let (shift, inverse) = (s.load(task.shift), s.load(task.inverse));
    let (mut g1, mut gg, mut xg) = (s.zero(), s.zero(), s.zero());
    for (&x, &w) in task.x.iter().zip(task.w) {
        let x = s.splat(x);
        let g = grid.nearest(s, s.mul(s.add(x, shift), inverse));
        let wg = s.mul(s.splat(w), g);
        g1 = s.add(g1, wg);
        gg = s.add(gg, s.mul(wg, g));
        xg = s.add(xg, s.mul(wg, x));
    }
    (g1, gg, xg)
}

#[inline(always)]
fn errors_of<S: Lanes>(s: S, task: &FitTask<'_>, scale: &Chunk<f32>, grid: impl Nearest) -> Chunk<f32> {
    let (shift, inverse, scale) = (s.load(task.shift), s.load(task.inverse), s.load(scale));
    let mut error = s.zero();
    for (&x, &w) in task.x.iter().zip(task.w) {
        let x = s.add(s.splat(x), shift);
        let off = s.sub(x, s.mul(scale, grid.nearest(s, s.mul(x, inverse))));
        error = s.add(error, s.mul(s.splat(w), s.mul(off, off)));
    }
    stored(s, error)
}
