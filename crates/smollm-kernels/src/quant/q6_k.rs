//! Q6_K: 256 elements of six bits; sixteen groups of 16, each with a signed scale of eight bits.

use super::super_block::scaled;
use super::{Block, Elements, F16Bytes, Grid, pairs_of_bits};
use crate::dtype::Dtype;

/// value = d * scale * (q - 32)
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct BlockQ6K {
    /// The four lower bits. Of each half block 64 bytes: byte l holds elements l and 64 + l.
    pub(crate) ql: [u8; 128],
    /// The two upper bits. Of each half block 32 bytes: byte l holds elements l, l + 32, l + 64, l + 96, the first lowest.
    pub(crate) qh: [u8; 64],
    pub(crate) scales: [i8; 16],
    pub(crate) d: F16Bytes,
}

impl Block for BlockQ6K {
    const DTYPE: Dtype = Dtype::Q6_K;

    #[inline(always)]
    fn dequantize(&self, out: &mut [f32]) {
        let d = self.d.to_f32();
        for (g, (scale, out)) in self.scales.into_iter().zip(out.chunks_exact_mut(16)).enumerate() {
            let scale = d * f32::from(scale);
            let (half, in_half) = (g / 8, g % 8);
            let low = &self.ql[half * 64 + in_half % 4 * 16..][..16];
            let high = &self.qh[half * 32 + in_half % 2 * 16..][..16];
            for (out, (low, high)) in out.iter_mut().zip(low.iter().zip(high)) {
                let q = low >> (in_half / 4 * 4) & 15 | (high >> (in_half / 2 * 2) & 3) << 4;
                *out = scale * f32::from(q as i8 - 32);
            }
        }
    }

    fn quantize(elements: Elements<'_>) -> Self {
        let block = scaled(elements, 16, Grid::Whole(-32.0, 31.0), 128.0);
        let ql = std::array::from_fn(|i| {
            let first = i / 64 * 128 + i % 64;
            block.q[first] & 15 | (block.q[first + 64] & 15) << 4
        });
        Self { ql, qh: pairs_of_bits(|i| block.q[i] >> 4), scales: block.scales, d: block.d }
    }

    fn stretch(&mut self, factor: f64) {
        self.d = self.d.times(factor);
    }
}
