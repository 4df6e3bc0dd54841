//! The element types weights are stored in, and how many bytes a number of elements takes.

use std::fmt;

/// How the numbers of a tensor are stored.
///
/// The block formats are GGUF's; sizes are those of `ggml-common.h` in ggml (a block is a fixed number of elements that
/// share scales). Plain types are blocks of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(non_camel_case_types)] // the names of the formats as everybody writes them
#[non_exhaustive]
pub enum Dtype {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    BF16,
    /// 32 elements: f16 scale, 4-bit values.
    Q4_0,
    /// 32 elements: f16 scale and minimum, 4-bit values.
    Q4_1,
    /// 32 elements: f16 scale, 5-bit values.
    Q5_0,
    /// 32 elements: f16 scale and minimum, 5-bit values.
    Q5_1,
    /// 32 elements: f16 scale, 8-bit values.
    Q8_0,
    /// 256 elements: 2-bit values, 4-bit scales and minimums of 16 elements.
    Q2_K,
    /// 256 elements: 3-bit values, 6-bit scales of 16 elements.
    Q3_K,
    /// 256 elements: 4-bit values, 6-bit scales and minimums of 32 elements.
    Q4_K,
    /// 256 elements: 5-bit values, 6-bit scales and minimums of 32 elements.
    Q5_K,
    /// 256 elements: 6-bit values, 8-bit scales of 16 elements.
    Q6_K,
    /// 32 elements: f16 scale, 4-bit indices into a fixed non-linear table.
    IQ4_NL,
    /// 256 elements: 4-bit indices into a fixed non-linear table, 6-bit scales of 32 elements.
    IQ4_XS,
}

impl Dtype {
    /// Every type, plain ones first.
    pub const ALL: [Self; 15] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q2_K,
        Self::Q3_K,
        Self::Q4_K,
        Self::Q5_K,
        Self::Q6_K,
        Self::IQ4_NL,
        Self::IQ4_XS,
    ];

    /// The name as safetensors and GGUF tools write it, such as `BF16` or `Q4_K`.
    pub const fn name(self) -> &'static str {
        self.layout().0
    }

    /// Whether it is a format of several elements to a block, which share scales.
    pub const fn is_quantized(self) -> bool {
        self.block_len() > 1
    }

    /// Elements in one block.
    pub const fn block_len(self) -> usize {
        self.layout().1
    }

    /// Bytes of one block.
    pub const fn block_bytes(self) -> usize {
        self.layout().2
    }

    /// Bytes of `elements` elements; `None` where that is not a whole number of blocks or overflows.
    pub const fn bytes_for(self, elements: usize) -> Option<usize> {
        if !elements.is_multiple_of(self.block_len()) {
            return None;
        }
        (elements / self.block_len()).checked_mul(self.block_bytes())
    }

    /// Name, elements and bytes of a block.
    const fn layout(self) -> (&'static str, usize, usize) {
        match self {
            Self::F32 => ("F32", 1, 4),
            Self::F16 => ("F16", 1, 2),
            Self::BF16 => ("BF16", 1, 2),
            Self::Q4_0 => ("Q4_0", 32, 2 + 16),
            Self::Q4_1 => ("Q4_1", 32, 4 + 16),
            Self::Q5_0 => ("Q5_0", 32, 2 + 4 + 16),
            Self::Q5_1 => ("Q5_1", 32, 4 + 4 + 16),
            Self::Q8_0 => ("Q8_0", 32, 2 + 32),
            Self::Q2_K => ("Q2_K", 256, 16 + 64 + 4),
            Self::Q3_K => ("Q3_K", 256, 32 + 64 + 12 + 2),
            Self::Q4_K => ("Q4_K", 256, 4 + 12 + 128),
            Self::Q5_K => ("Q5_K", 256, 4 + 12 + 32 + 128),
            Self::Q6_K => ("Q6_K", 256, 128 + 64 + 16 + 2),
            Self::IQ4_NL => ("IQ4_NL", 32, 2 + 16),
            Self::IQ4_XS => ("IQ4_XS", 256, 2 + 2 + 4 + 128),
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Dtype;

    #[test]
    fn bytes_are_whole_blocks_or_nothing() {
        for (dtype, elements, bytes) in [
            (Dtype::F32, 3, Some(12)),
            (Dtype::BF16, 3, Some(6)),
            (Dtype::Q8_0, 64, Some(68)),
            (Dtype::Q8_0, 33, None),
            (Dtype::Q4_K, 576, None),
            (Dtype::Q4_K, 512, Some(288)),
            (Dtype::IQ4_XS, 256, Some(136)),
            (Dtype::Q2_K, 256, Some(84)),
            (Dtype::Q3_K, 256, Some(110)),
            (Dtype::Q6_K, 256, Some(210)),
            (Dtype::F32, usize::MAX, None),
        ] {
            assert_eq!(dtype.bytes_for(elements), bytes, "{dtype} x {elements}");
        }
    }

    #[test]
    fn every_type_is_listed_once() {
        let mut names: Vec<_> = Dtype::ALL.iter().map(|dtype| dtype.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 15);
    }
}
