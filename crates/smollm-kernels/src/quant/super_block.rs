//! Blocks of 256 elements whose groups have small whole scales of their own: how these are chosen.
//!
//! First each group is fitted by itself, then the scales of the groups are brought to whole numbers of one common scale. That
//! rounding is coarse, so every group then tries the codes around its own with the common scales as they will be stored,
//! and by the true error. With all whole numbers known the common scales are solved once more, and the groups try again.

use super::fit::{Affine, Elements, inverse};
use super::{F16Bytes, Grid};
use crate::lanes::LANES;

/// Elements of a block.
const ELEMENTS: usize = 256;
/// Groups of a block, at most.
const GROUPS: usize = 16;
/// Times that the groups choose their codes.
const PASSES: usize = 2;

/// A block of groups with a scale each: value = d * scale * grid[q].
pub(super) struct Scaled {
    pub(super) d: F16Bytes,
    /// Of each group, within the range asked for.
    pub(super) scales: [i8; GROUPS],
    /// Codes of the grid.
    pub(super) q: [u8; ELEMENTS],
}

/// Chooses a block of groups of `len` elements with whole scales from `-range` to `range - 1`.
pub(super) fn scaled(all: Elements<'_>, len: usize, grid: Grid, range: f32) -> Scaled {
    let codes = Grid::Whole(-range, range - 1.0);
    let groups = ELEMENTS / len;
    let (mut fits, mut weights) = ([0.0; GROUPS], [0.0; GROUPS]);
    for g in 0..groups {
        let group = all.part(g * len, len);
        fits[g] = group.scale(grid);
        // An error of the scale is multiplied by the numbers of the grid, whose squares are about those of x / scale.
        let squares: f32 = group.x.iter().zip(group.w).map(|(x, w)| w * x * x).sum();
        weights[g] = squares * inverse(fits[g] * fits[g]);
    }
    let fits_of = Elements { x: &fits[..groups], w: &weights[..groups], ..all };
    let mut d = F16Bytes::nearest(fits_of.scale(codes));
    let mut best = None;
    for _ in 0..PASSES {
        let common = d.to_f32();
        let mut block = Scaled { d, scales: [0; GROUPS], q: [0; ELEMENTS] };
        let (mut error, mut xu, mut uu) = (0.0, 0.0, 0.0);
        for g in 0..groups {
            let group = all.part(g * len, len);
            let scale = best_scale(group, grid, codes, common, fits[g] * inverse(common));
            block.scales[g] = scale as i8;
            let inverse = inverse(common * scale);
            for (i, (&x, &w)) in group.x.iter().zip(group.w).enumerate() {
                let q = grid.code(x * inverse);
                block.q[g * len + i] = q;
                let u = scale * grid.value(q);
                let off = x - common * u;
                error += w * off * off;
                xu += w * x * u;
                uu += w * u * u;
            }
        }
        better(&mut best, error, block);
        if uu > 0.0 {
            d = F16Bytes::nearest(xu / uu);
        }
    }
    best.expect("there is a pass").1
}

/// Keeps the block with the smaller error. The first is kept whatever its error, which overflows for absurd numbers.
fn better<B>(best: &mut Option<(f32, B)>, error: f32, block: B) {
    if best.as_ref().is_none_or(|(least, _)| error < *least) {
        *best = Some((error, block));
    }
}

/// The whole scale around `own` that leaves the least error of a group.
fn best_scale(group: Elements<'_>, grid: Grid, codes: Grid, d: f32, own: f32) -> f32 {
    // Its own, then ever further above and below.
    let change = |i: usize| if i.is_multiple_of(2) { -(i.div_ceil(2) as f32) } else { i.div_ceil(2) as f32 };
    let tried: [f32; LANES] = std::array::from_fn(|i| codes.value(codes.code(own + change(i))));
    tried[group.least_error(grid, &[0.0; LANES], &tried.map(|scale| d * scale))]
}

/// A block of groups with a scale and a minimum each: value = d * scale * q - dmin * min.
pub(super) struct Shifted {
    pub(super) d: F16Bytes,
    pub(super) dmin: F16Bytes,
    /// Scale and minimum of each group, within the range asked for.
    pub(super) scales: [(u8, u8); GROUPS],
    pub(super) q: [u8; ELEMENTS],
}

/// Changes of its scale and minimum that a group tries.
const CHANGES: [(f32, f32); LANES] = [
    (0.0, 0.0),
    (0.0, -1.0),
    (0.0, 1.0),
    (0.0, -2.0),
    (0.0, 2.0),
    (-1.0, 0.0),
    (-1.0, -1.0),
    (-1.0, 1.0),
    (-1.0, -2.0),
    (-1.0, 2.0),
    (1.0, 0.0),
    (1.0, -1.0),
    (1.0, 1.0),
    (1.0, -2.0),
    (1.0, 2.0),
    (2.0, 2.0),
];

/// Chooses a block of groups of `len` elements with q from 0 to `steps` and whole scales and minimums from 0 to `range`.
pub(super) fn shifted(all: Elements<'_>, len: usize, steps: f32, range: f32) -> Shifted {
    let (grid, codes) = (Grid::Whole(0.0, steps), Grid::Whole(0.0, range));
    let groups = ELEMENTS / len;
    let (mut scales, mut mins, mut weights) = ([0.0; GROUPS], [0.0; GROUPS], [0.0; GROUPS]);
    for g in 0..groups {
        let group = all.part(g * len, len);
        let fit = group.affine(steps, true);
        (scales[g], mins[g], weights[g]) = (fit.scale, -fit.min, group.w.iter().sum());
    }
    let common = |numbers: &[f32]| {
        F16Bytes::nearest(Elements { x: &numbers[..groups], w: &weights[..groups], ..all }.scale(codes))
    };
    let (mut d, mut dmin) = (common(&scales), common(&mins));
    let mut best = None;
    for _ in 0..PASSES {
        let common = Affine { scale: d.to_f32(), min: dmin.to_f32() };
        let mut block = Shifted { d, dmin, scales: [(0, 0); GROUPS], q: [0; ELEMENTS] };
        let (mut error, mut sums) = (0.0, Sums::default());
        for g in 0..groups {
            let group = all.part(g * len, len);
            let own = (scales[g] * inverse(common.scale), mins[g] * inverse(common.min));
            let (scale, min) = best_scale_and_min(group, grid, codes, common, own);
            block.scales[g] = (scale as u8, min as u8);
            let (size, shift) = (common.scale * scale, common.min * min);
            let inverse = inverse(size);
            for (i, (&x, &w)) in group.x.iter().zip(group.w).enumerate() {
                let q = grid.code((x + shift) * inverse);
                block.q[g * len + i] = q;
                let off = x + shift - size * f32::from(q);
                error += w * off * off;
                sums.add(x, w, scale * f32::from(q), min);
            }
        }
        better(&mut best, error, block);
        if let Some(solved) = sums.solve() {
            (d, dmin) = (F16Bytes::nearest(solved.scale), F16Bytes::nearest(solved.min));
        }
    }
    best.expect("there is a pass").1
}

/// The whole scale and minimum around `own` that leave the least error of a group.
fn best_scale_and_min(group: Elements<'_>, grid: Grid, codes: Grid, common: Affine, own: (f32, f32)) -> (f32, f32) {
    let code = |own: f32, change: f32| f32::from(codes.code(f32::from(codes.code(own)) + change));
    let tried = CHANGES.map(|(scale, min)| (code(own.0, scale), code(own.1, min)));
    let (scale, shift) = (tried.map(|(scale, _)| common.scale * scale), tried.map(|(_, min)| common.min * min));
    tried[group.least_error(grid, &shift, &scale)]
}

/// The sums that say which common scales are best for fixed whole numbers: x is about d u - dmin v.
#[derive(Default)]
struct Sums {
    uu: f32,
    uv: f32,
    vv: f32,
    xu: f32,
    xv: f32,
}

impl Sums {
    fn add(&mut self, x: f32, w: f32, u: f32, v: f32) {
        self.uu += w * u * u;
        self.uv += w * u * v;
        self.vv += w * v * v;
        self.xu += w * x * u;
        self.xv += w * x * v;
    }

    /// d and dmin, unless one of them would be negative.
    fn solve(&self) -> Option<Affine> {
        let [uu, uv, vv, xu, xv] = [self.uu, self.uv, self.vv, self.xu, self.xv].map(f64::from);
        let determinant = uu * vv - uv * uv;
        let (scale, min) = if determinant > 1e-6 * uu * vv {
            ((xu * vv - uv * xv) / determinant, (uv * xu - uu * xv) / determinant)
        } else {
            (xu / uu, 0.0)
        };
        (scale > 0.0 && min >= 0.0).then_some(Affine { scale: scale as f32, min: min as f32 })
    }
}
