//! Q3_K: 256 elements of three bits; sixteen groups of 16, each with a scale of six bits.

use super::super_block::scaled;
use super::{Block, Elements, F16Bytes, Grid, pairs_of_bits, single_bits};
use crate::dtype::Dtype;

/// value = d * (scale - 32) * (q - 4)
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct BlockQ3K {
    /// The third bit of each element: bit i of byte l is that of element 32 i + l.
    pub(crate) hmask: [u8; 32],
    /// The two lower bits, as in Q2_K.
    pub(crate) qs: [u8; 64],
    /// Bytes 0 to 7: the four lower bits of scales 0 to 7 and 8 to 15; bytes 8 to 11: the two upper bits of scales i, i + 4,
    /// i + 8, i + 12.
    pub(crate) scales: [u8; 12],
    pub(crate) d: F16Bytes,
}

impl BlockQ3K {
    /// The scale of a group, -32 to 31.
    #[inline(always)]
    pub(crate) fn scale(&self, group: usize) -> i8 {
        let low = self.scales[group % 8] >> (group / 8 * 4) & 15;
        let high = self.scales[8 + group % 4] >> (group / 4 * 2) & 3;
        (low | high << 4) as i8 - 32
    }
}

impl Block for BlockQ3K {
    const DTYPE: Dtype = Dtype::Q3_K;

    #[inline(always)]
    fn dequantize(&self, out: &mut [f32]) {
        let d = self.d.to_f32();
        for (g, out) in out.chunks_exact_mut(16).enumerate() {
            let scale = d * f32::from(self.scale(g));
            let at = g % 2 * 16;
            let (qs, high) = (&self.qs[g / 8 * 32 + at..][..16], &self.hmask[at..][..16]);
            for (out, (q, high)) in out.iter_mut().zip(qs.iter().zip(high)) {
                let q = q >> (g % 8 / 2 * 2) & 3 | (high >> (g / 2) & 1) << 2;
                *out = scale * f32::from(q as i8 - 4);
            }
        }
    }

    fn quantize(elements: Elements<'_>) -> Self {
        let block = scaled(elements, 16, Grid::Whole(-4.0, 3.0), 32.0);
        let mut scales = [0; 12];
        for (g, scale) in block.scales.into_iter().enumerate() {
            let scale = (scale + 32) as u8;
            scales[g % 8] |= (scale & 15) << (g / 8 * 4);
            scales[8 + g % 4] |= scale >> 4 << (g / 4 * 2);
        }
        let (hmask, qs) = (single_bits(|i| block.q[i] & 4 != 0), pairs_of_bits(|i| block.q[i]));
        Self { hmask, qs, scales, d: block.d }
    }

    fn stretch(&mut self, factor: f64) {
        self.d = self.d.times(factor);
    }
}
