//! Sixteen ways to scale some numbers to a grid, one in each lane: the sums that say how good each is.
//!
//! Nothing is fused and nothing is summed across lanes, so the results are the same on every row of the table.

use crate::lanes::{Chunk, LANES, Lanes};
use crate::quant::Grid;
use crate::table::{FitTask, Moments};

/// The sums over the numbers of the grid that each lane leads to.
#[inline(always)]
pub(crate) fn moments<S: Lanes>(s: S, task: &FitTask<'_>) -> Moments {
    match task.grid {
        Grid::Whole(low, high) => moments_of(s, task, Whole(low, high)),
        table @ Grid::Iq4 => moments_of(s, task, Each(table)),
    }
}

/// The error of each lane with scales that are given.
#[inline(always)]
pub(crate) fn errors<S: Lanes>(s: S, task: &FitTask<'_>, scale: &Chunk<f32>) -> Chunk<f32> {
    match task.grid {
        Grid::Whole(low, high) => errors_of(s, task, scale, Whole(low, high)),
        table @ Grid::Iq4 => errors_of(s, task, scale, Each(table)),
    }
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

/// Others are looked up lane by lane.
#[derive(Clone, Copy)]
struct Each(Grid);

impl Nearest for Each {
    #[inline(always)]
    fn nearest<S: Lanes>(self, s: S, x: S::F) -> S::F {
        let mut lanes = [0.0; LANES];
        s.store(x, &mut lanes);
        for lane in &mut lanes {
            *lane = self.0.value(self.0.code(*lane));
        }
        s.load(&lanes)
    }
}

#[inline(always)]
fn moments_of<S: Lanes>(s: S, task: &FitTask<'_>, grid: impl Nearest) -> Moments {
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
    let mut moments = Moments::default();
    s.store(g1, &mut moments.g);
    s.store(gg, &mut moments.gg);
    s.store(xg, &mut moments.xg);
    moments
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
    let mut errors = [0.0; LANES];
    s.store(error, &mut errors);
    errors
}
