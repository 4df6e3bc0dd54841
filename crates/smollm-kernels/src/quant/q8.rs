//! Q8_0: 32 signed bytes and a scale.

use super::{Block, Elements, F16Bytes, Grid, plain_block};
use crate::dtype::Dtype;

/// value = d * q
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct BlockQ8_0 {
    pub(crate) d: F16Bytes,
    pub(crate) qs: [i8; 32],
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
        // -128 is left out, as everywhere: it has no counterpart.
        let (d, codes) = plain_block(elements, Grid::Whole(-127.0, 127.0));
        Self { d, qs: codes.map(|code| (i16::from(code) - 127) as i8) }
    }
}
