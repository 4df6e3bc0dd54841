//! IQ4_NL and IQ4_XS: four bits that index a table whose steps grow with distance from zero.

use super::super_block::scaled;
use super::{Block, Elements, F16Bytes, Grid, nibbles, plain_block};
use crate::dtype::Dtype;

/// The values that the indices stand for (`kvalues_iq4nl` in `ggml-common.h`).
pub(crate) const IQ4_VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// value = d * table[q], the halves of the bytes as in Q4_0
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct BlockIq4Nl {
    pub(crate) d: F16Bytes,
    pub(crate) qs: [u8; 16],
}

/// Eight groups of 32 elements, each as in IQ4_NL: value = d * (scale - 32) * table[q]
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct BlockIq4Xs {
    pub(crate) d: F16Bytes,
    /// The two upper bits of each scale, little-endian, the first group lowest.
    pub(crate) scales_h: [u8; 2],
    /// The four lower bits, two scales to a byte.
    pub(crate) scales_l: [u8; 4],
    pub(crate) qs: [u8; 128],
}

#[inline(always)]
fn group(scale: f32, qs: &[u8], out: &mut [f32]) {
    for (j, q) in qs.iter().enumerate() {
        out[j] = scale * f32::from(IQ4_VALUES[usize::from(q & 15)]);
        out[j + 16] = scale * f32::from(IQ4_VALUES[usize::from(q >> 4)]);
    }
}

impl Block for BlockIq4Nl {
    const DTYPE: Dtype = Dtype::IQ4_NL;

    #[inline(always)]
    fn dequantize(&self, out: &mut [f32]) {
        group(self.d.to_f32(), &self.qs, out);
    }

    fn quantize(elements: Elements<'_>) -> Self {
        let (d, codes) = plain_block(elements, Grid::Iq4);
        Self { d, qs: nibbles(&codes) }
    }

    fn stretch(&mut self, factor: f64) {
        self.d = self.d.times(factor);
    }
}

impl Block for BlockIq4Xs {
    const DTYPE: Dtype = Dtype::IQ4_XS;

    #[inline(always)]
    fn dequantize(&self, out: &mut [f32]) {
        let (d, high) = (self.d.to_f32(), u16::from_le_bytes(self.scales_h));
        for (i, (qs, out)) in self.qs.chunks_exact(16).zip(out.chunks_exact_mut(32)).enumerate() {
            let low = self.scales_l[i / 2] >> (4 * (i % 2)) & 15;
            let scale = low as i8 + ((high >> (2 * i) & 3) << 4) as i8 - 32;
            group(d * f32::from(scale), qs, out);
        }
    }

    fn quantize(elements: Elements<'_>) -> Self {
        let block = scaled(elements, 32, Grid::Iq4, 32.0);
        let (mut low, mut high, mut qs) = ([0; 4], 0u16, [0; 128]);
        for (i, codes) in block.q.as_chunks::<32>().0.iter().enumerate() {
            let scale = (block.scales[i] + 32) as u8;
            low[i / 2] |= (scale & 15) << (4 * (i % 2));
            high |= u16::from(scale >> 4) << (2 * i);
            qs[i * 16..][..16].copy_from_slice(&nibbles(codes));
        }
        Self { d: block.d, scales_h: high.to_le_bytes(), scales_l: low, qs }
    }

    fn stretch(&mut self, factor: f64) {
        self.d = self.d.times(factor);
    }
}
