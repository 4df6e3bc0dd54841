//! Scales that bring a grid of numbers closest to given ones: the search that every quantiser here is made of.
//!
//! All errors are sums of w * (x - value)^2 with a weight for each element, one or its importance. For fixed numbers of the
//! grid the best scale is a quotient of two sums, but which numbers are best depends on the scale. So sixteen scales are
//! tried at once, one in each lane; the best of them, solved for its numbers, is the middle of a second, finer set.

use super::Grid;
use crate::lanes::{Chunk, LANES};
use crate::table::{AffineSums, FitTask, Kernels};

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
/// Elements of a group with a minimum, at most.
const LONGEST: usize = 32;
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
        let task = FitTask { grid, x: self.x, w: self.w, shift: &[0.0; LANES], inverse };
        // SAFETY: `kernels` is the row of a `Cpu`, which holds only rows that are available.
        let tries = unsafe { (self.kernels.fit_scales)(&task) };
        for i in 0..LANES {
            // NaN, where all numbers are 0, is no gain.
            if tries.gain[i] > best.1 {
                best = (tries.scale[i], tries.gain[i]);
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
        // Counted from `low`, so that sums do not cancel.
        let mut counted = [0.0; LONGEST];
        let counted = &mut counted[..self.x.len()];
        for (to, &x) in counted.iter_mut().zip(self.x) {
            *to = x - low;
        }
        let best = Elements { x: counted, ..self }.affine_from_zero(
            steps,
            high - low,
            if below { -low } else { f32::INFINITY },
        );
        Affine { min: best.min + low, ..best }
    }

    /// The same for elements from 0 to `range` and a minimum of at most `ceiling`.
    fn affine_from_zero(self, steps: f32, range: f32, ceiling: f32) -> Affine {
        let (grid, step) = (Grid::Whole(0.0, steps), range / steps);
        let sums = self.affine_sums(ceiling);
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
            let (shift, inverse) = (&mins.map(|min| -min), &scales.map(inverse));
            let task = FitTask { grid, x: self.x, w: self.w, shift, inverse };
            // SAFETY: `kernels` is the row of a `Cpu`, which holds only rows that are available.
            let tries = unsafe { (self.kernels.fit_affine)(&task, &sums) };
            for i in 0..LANES {
                if tries.error[i] < best.1 && tries.scale[i] > 0.0 {
                    best = (Affine { scale: tries.scale[i], min: tries.min[i] }, tries.error[i]);
                }
            }
        }
        best.0
    }

    fn affine_sums(self, ceiling: f32) -> AffineSums {
        let mut sums = AffineSums { w: 0.0, x: 0.0, xx: 0.0, ceiling };
        for (&x, &w) in self.x.iter().zip(self.w) {
            sums.w += w;
            sums.x += w * x;
            sums.xx += w * x * x;
        }
        sums
    }

    /// The lane of the smallest error of `scale` times the grid less `shift`, the first of equals.
    pub(super) fn least_error(self, grid: Grid, shift: &Chunk<f32>, scale: &Chunk<f32>) -> usize {
        let task = FitTask { grid, x: self.x, w: self.w, shift, inverse: &scale.map(inverse) };
        // SAFETY: `kernels` is the row of a `Cpu`, which holds only rows that are available.
        let errors = unsafe { (self.kernels.fit_errors)(&task, scale) };
        (1..LANES).fold(0, |least, i| if errors[i] < errors[least] { i } else { least })
    }

    /// The factor by which `values`, which stand for the elements, reach as far along them as they do themselves:
    /// sum of w x (factor value) = sum of w x^2; 1 where there is none.
    ///
    /// The values with the least error are too short: their error is at right angles to them, so it takes from the part along the
    /// elements, 7 % of it with two bits. The rows of a trained matrix point to where its inputs are strong, and all matrices
    /// would fall short the same way, so that what lies along a row weighs more in predictions than its square says.
    pub(super) fn gain(self, values: &[f32]) -> f64 {
        let (mut wanted, mut reached) = (0.0, 0.0);
        for ((&x, &w), &value) in self.x.iter().zip(self.w).zip(values) {
            let [x, w, value] = [x, w, value].map(f64::from);
            wanted += w * x * x;
            reached += w * x * value;
        }
        let gain = wanted / reached;
        if gain.is_finite() && gain > 0.0 { gain } else { 1.0 }
    }
}
