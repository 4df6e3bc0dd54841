//! Q5_K: 256 elements of five bits; eight groups of 32, each with a scale and a minimum of six bits.

use super::super_block::shifted;
use super::{Block, Elements, F16Bytes, k_scales, single_bits};
use crate::dtype::Dtype;

/// value = d * scale * q - dmin * min
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct BlockQ5K {
    pub(crate) d: F16Bytes,
    pub(crate) dmin: F16Bytes,
    /// See [`k_scales`].
    pub(crate) scales: [u8; 12],
    /// The fifth bit of each element: bit i of byte l is that of element 32 i + l.
    pub(crate) qh: [u8; 32],
    /// The four lower bits, as in Q4_K.
    pub(crate) qs: [u8; 128],
}

impl Block for BlockQ5K {
    const DTYPE: Dtype = Dtype::Q5_K;

    #[inline(always)]
    fn dequantize(&self, out: &mut [f32]) {
        let (d, dmin) = (self.d.to_f32(), self.dmin.to_f32());
        let scales = k_scales::unpack(&self.scales);
        for (g, ((scale, min), out)) in scales.into_iter().zip(out.chunks_exact_mut(32)).enumerate() {
            let (scale, min) = (d * f32::from(scale), dmin * f32::from(min));
            let qs = self.qs[g / 2 * 32..][..32].iter().zip(&self.qh);
            for (out, (q, high)) in out.iter_mut().zip(qs) {
                *out = scale * f32::from(q >> (g % 2 * 4) & 15 | (high >> g & 1) << 4) - min;
            }
        }
    }

    fn quantize(elements: Elements<'_>) -> Self {
        let block = shifted(elements, 32, 31.0, 63.0);
        let qs = std::array::from_fn(|i| {
            let first = i / 32 * 64 + i % 32;
            block.q[first] & 15 | block.q[first + 32] << 4
        });
        let (scales, qh) = (k_scales::pack(&block.scales), single_bits(|i| block.q[i] & 16 != 0));
        Self { d: block.d, dmin: block.dmin, scales, qh, qs }
    }

    fn stretch(&mut self, factor: f64) {
        (self.d, self.dmin) = (self.d.times(factor), self.dmin.times(factor));
    }
}
