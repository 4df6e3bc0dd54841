//! Q4_0 and Q4_1: 32 elements of four bits; element j stands in the lower half of byte j, element 16 + j in the upper.

use super::{Block, Elements, F16Bytes, Grid, affine_block, nibbles, plain_block};
use crate::dtype::Dtype;

/// value = d * (q - 8)
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct BlockQ4_0 {
    pub(crate) d: F16Bytes,
    pub(crate) qs: [u8; 16],
}

/// value = d * q + m
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct BlockQ4_1 {
    pub(crate) d: F16Bytes,
    pub(crate) m: F16Bytes,
    pub(crate) qs: [u8; 16],
}

impl Block for BlockQ4_0 {
    const DTYPE: Dtype = Dtype::Q4_0;

    #[inline(always)]
    fn dequantize(&self, out: &mut [f32]) {
        let d = self.d.to_f32();
        for (j, q) in self.qs.into_iter().enumerate() {
            out[j] = f32::from((q & 15) as i8 - 8) * d;
            out[j + 16] = f32::from((q >> 4) as i8 - 8) * d;
        }
    }

    fn quantize(elements: Elements<'_>) -> Self {
        let (d, codes) = plain_block(elements, Grid::Whole(-8.0, 7.0));
        Self { d, qs: nibbles(&codes) }
    }

    fn stretch(&mut self, factor: f64) {
        self.d = self.d.times(factor);
    }
}

impl Block for BlockQ4_1 {
    const DTYPE: Dtype = Dtype::Q4_1;

    #[inline(always)]
    fn dequantize(&self, out: &mut [f32]) {
        let (d, m) = (self.d.to_f32(), self.m.to_f32());
        for (j, q) in self.qs.into_iter().enumerate() {
            out[j] = f32::from(q & 15) * d + m;
            out[j + 16] = f32::from(q >> 4) * d + m;
        }
    }

    fn quantize(elements: Elements<'_>) -> Self {
        let (d, m, codes) = affine_block(elements, 15.0);
        Self { d, m, qs: nibbles(&codes) }
    }

    fn stretch(&mut self, factor: f64) {
        (self.d, self.m) = (self.d.times(factor), self.m.times(factor));
    }
}
