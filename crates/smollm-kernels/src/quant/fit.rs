//! Scales that bring a grid of numbers closest to given ones: the search that every quantiser here is made of.
//!
//! All errors are sums of w * (x - value)^2 with a weight for each element, one or its importance. For fixed numbers of the
//! grid the best scale is a quotient of two sums, but which numbers are best depends on the scale. So sixteen scales are
//! tried at once, one in each lane; the best of them, solved for its numbers, is the middle of a second, finer set.

use super::Grid;
use crate::lanes::{Chunk, LANES};
use crate::table::{FitTask, Kernels, Moments};

/// Some numbers with their weights, and the kernels to search with.
#[derive(Clone, Copy)]
pub(crate) struct Elements<'a> {
    pub(crate) kernels: &'a Kernels,
    pub(crate) x: &'a [f32],
    /// Positive, as long as `x`.
    pub(crate) w: &'a [f32],
}

/// How far beyond the end of the grid the largest element is sent in the first set of tries, in steps of the grid.
const BEYOND: [f32; 8] = [-1.0, -0.6, -0.25, 0.0, 0.3, 0.7, 1.1, 1.6];
/// The steps of the second set, around the best of the first.
const FINE: f32 = 0.04;

/// How far the ends of the range move inwards in the first set of tries for a scale and a minimum, in steps.
const INWARDS: [f32; 4] = [0.0, 0.3, 0.6, 1.0];
/// In the later sets: changes of the whole range and of the minimum, in steps.
const WIDER: [f32; 4] = [-0.5, -0.15, 0.15, 0.5];
const HIGHER: [f32; 4] = [-0.3, -0.1, 0.1, 0.3];
/// Sets of tries for a scale and a minimum, the first included.
const AFFINE_PASSES: usize = 3;

/// value = scale * q + min
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Affine {
    pub(super) scale: f32,
    pub(super) min: f32,
}

/// 1 / x, or 0 for 0.
pub(super) fn inverse(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { 1.0 / x }
}

impl<'a> Elements<'a> {
    /// `len` of them from `first`.
    pub(super) fn part(self, first: usize, len: usize) -> Self {
        Self { x: &self.x[first..][..len], w: &self.w[first..][..len], ..self }
    }

    /// The d for which d times numbers of the grid come closest; 0 where all elements are 0.
    pub(super) fn scale(self, grid: Grid) -> f32 {
        let extreme = self.x.iter().fold(0.0f32, |extreme, &x| if x.abs() > extreme.abs() { x } else { extreme });
        if extreme == 0.0 {
            return 0.0;
        }
        // The largest element goes to about the upper end, or to the lower where there is one.
        let (low, high) = grid.ends();
        let unit = if grid == Grid::Iq4 { 24.0 } else { 1.0 };
        let mut ends = [0.0; LANES];
        for (i, beyond) in BEYOND.into_iter().enumerate() {
            ends[i] = high + unit * beyond;
            ends[i + 8] = if low < 0.0 { low - unit * beyond } else { high + 0.5 * beyond };
        }
        let plain = extreme / if low < 0.0 { low } else { high };
        let first = self.best_scale(grid, &ends.map(|end| end / extreme), (plain, 0.0));
        // Where the best scale would send the largest element, and places around that.
        let middle = extreme / first.0;
        for (i, end) in ends.iter_mut().enumerate() {
            *end = middle + unit * FINE * (i as f32 - 7.5);
        }
        self.best_scale(grid, &ends.map(|end| end / extreme), first).0
    }

    /// The best of a scale, with the error it spares compared with 0, and of sixteen more, each solved for the numbers that
    /// its inverse leads to.
    fn best_scale(self, grid: Grid, inverse: &Chunk<f32>, mut best: (f32, f32)) -> (f32, f32) {
        let moments = self.moments(grid, &[0.0; LANES], inverse);
        for i in 0..LANES {
            let scale = moments.xg[i] / moments.gg[i];
            let gain = moments.xg[i] * scale;
            // NaN, where all numbers are 0, is no gain.
            if gain > best.1 {
                best = (scale, gain);
            }
        }
        best
    }

    /// The scale and minimum for which `scale * q + min` with q in 0 ..= steps come closest. With `below` the minimum is at
    /// most 0.
    pub(super) fn affine(self, steps: f32, below: bool) -> Affine {
        let (mut low, mut high) = (self.x[0], self.x[0]);
        for &x in self.x {
            low = low.min(x);
            high = high.max(x);
        }
        if below {
            low = low.min(0.0);
        }
        if high <= low {
            return Affine { scale: 0.0, min: low };
        }
        let fit = AffineFit::new(self, steps, below, low);
        let step = (high - low) / steps;
        let (mut scales, mut mins) = ([0.0; LANES], [0.0; LANES]);
        for i in 0..LANES {
            let (from_low, from_high) = (INWARDS[i / 4], INWARDS[i % 4]);
            scales[i] = step * (steps - from_low - from_high) / steps;
            mins[i] = step * from_low;
        }
        let mut best = (Affine { scale: step, min: 0.0 }, f32::INFINITY);
        for pass in 0..AFFINE_PASSES {
            if pass > 0 {
                let Affine { scale, min } = best.0;
                let narrow = 1.0 / pass as f32;
                for i in 0..LANES {
                    scales[i] = scale * (1.0 + WIDER[i / 4] * narrow / steps);
                    mins[i] = min + scale * HIGHER[i % 4] * narrow;
                }
            }
            best = fit.best(&scales, &mins, best);
        }
        Affine { scale: best.0.scale, min: best.0.min + low }
    }

    pub(super) fn moments(self, grid: Grid, shift: &Chunk<f32>, inverse: &Chunk<f32>) -> Moments {
        let task = FitTask { grid, x: self.x, w: self.w, shift, inverse };
        // SAFETY: `kernels` is the row of a `Cpu`, which holds only rows that are available.
        unsafe { (self.kernels.fit_moments)(&task) }
    }

    /// The lane of the smallest error of `scale` times the grid less `shift`, the first of equals.
    pub(super) fn least_error(self, grid: Grid, shift: &Chunk<f32>, scale: &Chunk<f32>) -> usize {
        let task = FitTask { grid, x: self.x, w: self.w, shift, inverse: &scale.map(inverse) };
        // SAFETY: `kernels` is the row of a `Cpu`, which holds only rows that are available.
        let errors = unsafe { (self.kernels.fit_errors)(&task, scale) };
        (1..LANES).fold(0, |least, i| if errors[i] < errors[least] { i } else { least })
    }
}

/// What all tries for one group share. Elements are counted from `low`, so that sums do not cancel.
struct AffineFit<'a> {
    elements: Elements<'a>,
    steps: f32,
    low: f32,
    /// The largest minimum, counted from `low`.
    ceiling: f32,
    /// Sums of w, w x, w x^2.
    sums: [f32; 3],
}

impl<'a> AffineFit<'a> {
    fn new(elements: Elements<'a>, steps: f32, below: bool, low: f32) -> Self {
        let mut sums = [0.0; 3];
        for (&x, &w) in elements.x.iter().zip(elements.w) {
            let x = x - low;
            sums[0] += w;
            sums[1] += w * x;
            sums[2] += w * x * x;
        }
        Self { elements, steps, low, ceiling: if below { -low } else { f32::INFINITY }, sums }
    }

    /// The best of a scale and minimum with their error, and of sixteen more, each solved for the whole numbers it leads to.
    fn best(&self, scales: &Chunk<f32>, mins: &Chunk<f32>, mut best: (Affine, f32)) -> (Affine, f32) {
        let shift = mins.map(|min| -(min + self.low));
        let moments = self.elements.moments(Grid::Whole(0.0, self.steps), &shift, &scales.map(inverse));
        for i in 0..LANES {
            let solved = self.solve(moments.g[i], moments.gg[i], moments.xg[i] - self.low * moments.g[i]);
            if solved.1 < best.1 {
                best = solved;
            }
        }
        best
    }

    /// The best scale and minimum for whole numbers with the sums w q, w q^2 and w x q, and the error.
    fn solve(&self, q: f32, qq: f32, xq: f32) -> (Affine, f32) {
        let [w, x, xx] = self.sums;
        let determinant = w * qq - q * q;
        let (mut scale, mut min) = ((w * xq - x * q) / determinant, (qq * x - q * xq) / determinant);
        if min > self.ceiling {
            min = self.ceiling;
            scale = (xq - min * q) / qq;
        }
        // That of any scale and minimum, so that it holds where the minimum is held too.
        let error = xx - 2.0 * (scale * xq + min * x) + scale * (scale * qq + 2.0 * min * q) + min * min * w;
        (Affine { scale, min }, if scale > 0.0 { error } else { f32::INFINITY })
    }
}
