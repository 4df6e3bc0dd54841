//! Q8_0: 32 signed bytes and a scale.

use super::fit::inverse;
use super::{Block, Elements, F16Bytes, Grid};
use crate::dtype::Dtype;

/// value = d * q
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct BlockQ8_0 {
    pub(crate) d: F16Bytes,
    pub(crate) qs: [i8; 32],
}

/// -128 is left out, as everywhere: it has no counterpart.
const GRID: Grid = Grid::Whole(-127.0, 127.0);

impl BlockQ8_0 {
    /// 32 elements by the scale that takes the largest to 127.
    pub(super) fn rounded(x: &[f32]) -> Self {
        let largest = x.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        Self::scaled_by(F16Bytes::nearest(largest / 127.0), x)
    }

    fn scaled_by(d: F16Bytes, x: &[f32]) -> Self {
        let inverse = inverse(d.to_f32());
        Self { d, qs: std::array::from_fn(|i| (i16::from(GRID.code(x[i] * inverse)) - 127) as i8) }
    }
}

impl Block for BlockQ8_0 {
    const DTYPE: Dtype = Dtype::Q8_0;

    #[inline(always)]
    fn dequantize(&self, out: &mut [f32]) {
        let d = self.d.to_f32();
        for (out, q) in out.iter_mut().zip(self.qs) {
            *out = f32::from(q) * d;
        }
    }

    fn quantize(elements: Elements<'_>) -> Self {
        Self::scaled_by(F16Bytes::nearest(elements.scale(GRID)), elements.x)
    }

    fn stretch(&mut self, factor: f64) {
        self.d = self.d.times(factor);
    }
}
