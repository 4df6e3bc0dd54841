//! Q2_K: 256 elements of two bits; sixteen groups of 16, each with a scale and a minimum of four bits.

use super::super_block::shifted;
use super::{Block, Elements, F16Bytes, pairs_of_bits};
use crate::dtype::Dtype;

/// value = d * scale * q - dmin * min
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct BlockQ2K {
    /// Scale (lower half) and minimum of each group.
    pub(crate) scales: [u8; 16],
    /// Of each half block 32 bytes: byte l holds elements l, l + 32, l + 64, l + 96, the first lowest.
    pub(crate) qs: [u8; 64],
    pub(crate) d: F16Bytes,
    pub(crate) dmin: F16Bytes,
}

impl Block for BlockQ2K {
    const DTYPE: Dtype = Dtype::Q2_K;

    #[inline(always)]
    fn dequantize(&self, out: &mut [f32]) {
        let (d, dmin) = (self.d.to_f32(), self.dmin.to_f32());
        for (g, (scale, out)) in self.scales.into_iter().zip(out.chunks_exact_mut(16)).enumerate() {
            let (scale, min) = (d * f32::from(scale & 15), dmin * f32::from(scale >> 4));
            let qs = &self.qs[g / 8 * 32 + g % 2 * 16..][..16];
            for (out, q) in out.iter_mut().zip(qs) {
                *out = scale * f32::from(q >> (g % 8 / 2 * 2) & 3) - min;
            }
        }
    }

    fn quantize(elements: Elements<'_>) -> Self {
        let block = shifted(elements, 16, 3.0, 15.0);
        let scales = block.scales.map(|(scale, min)| scale | min << 4);
        Self { scales, qs: pairs_of_bits(|i| block.q[i]), d: block.d, dmin: block.dmin }
    }

    fn stretch(&mut self, factor: f64) {
        (self.d, self.dmin) = (self.d.times(factor), self.dmin.times(factor));
    }
}
