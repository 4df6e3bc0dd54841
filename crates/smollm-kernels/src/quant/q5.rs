//! Q5_0 and Q5_1: the four lower bits of 32 elements as in Q4_0, their fifth bits in one little-endian word.

use super::{Block, Elements, F16Bytes, Grid, affine_block, nibbles, plain_block};
use crate::dtype::Dtype;

/// value = d * (q - 16)
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct BlockQ5_0 {
    pub(crate) d: F16Bytes,
    pub(crate) qh: [u8; 4],
    pub(crate) qs: [u8; 16],
}

/// value = d * q + m
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct BlockQ5_1 {
    pub(crate) d: F16Bytes,
    pub(crate) m: F16Bytes,
    pub(crate) qh: [u8; 4],
    pub(crate) qs: [u8; 16],
}

/// Elements j and 16 + j, each 0 to 31.
#[inline(always)]
fn pair(qh: u32, qs: &[u8; 16], j: usize) -> (u8, u8) {
    let bit = |element: usize| ((qh >> element & 1) << 4) as u8;
    (qs[j] & 15 | bit(j), qs[j] >> 4 | bit(j + 16))
}

/// The fifth bits of 32 codes.
#[inline(always)]
fn fifth_bits(codes: &[u8; 32]) -> [u8; 4] {
    codes.iter().rev().fold(0u32, |bits, code| bits << 1 | u32::from(code >> 4)).to_le_bytes()
}

impl Block for BlockQ5_0 {
    const DTYPE: Dtype = Dtype::Q5_0;

    #[inline(always)]
    fn dequantize(&self, out: &mut [f32]) {
        let (d, qh) = (self.d.to_f32(), u32::from_le_bytes(self.qh));
        for j in 0..16 {
            let (low, high) = pair(qh, &self.qs, j);
            out[j] = f32::from(low as i8 - 16) * d;
            out[j + 16] = f32::from(high as i8 - 16) * d;
        }
    }

    fn quantize(elements: Elements<'_>) -> Self {
        let (d, codes) = plain_block(elements, Grid::Whole(-16.0, 15.0));
        Self { d, qh: fifth_bits(&codes), qs: nibbles(&codes) }
    }

    fn stretch(&mut self, factor: f64) {
        self.d = self.d.times(factor);
    }
}

impl Block for BlockQ5_1 {
    const DTYPE: Dtype = Dtype::Q5_1;

    #[inline(always)]
    fn dequantize(&self, out: &mut [f32]) {
        let (d, m, qh) = (self.d.to_f32(), self.m.to_f32(), u32::from_le_bytes(self.qh));
        for j in 0..16 {
            let (low, high) = pair(qh, &self.qs, j);
            out[j] = f32::from(low) * d + m;
            out[j + 16] = f32::from(high) * d + m;
        }
    }

    fn quantize(elements: Elements<'_>) -> Self {
        let (d, m, codes) = affine_block(elements, 31.0);
        Self { d, m, qh: fifth_bits(&codes), qs: nibbles(&codes) }
    }

    fn stretch(&mut self, factor: f64) {
        (self.d, self.m) = (self.d.times(factor), self.m.times(factor));
    }
}
