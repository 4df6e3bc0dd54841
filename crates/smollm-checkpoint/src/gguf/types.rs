//! Every tensor type that ggml numbers, with its block: known types that cannot be weights can still be listed and skipped.

use smollm_kernels::Dtype;

/// A tensor type of ggml.
#[derive(Debug, PartialEq, Eq)]
pub struct GgmlType {
    /// Its number in a GGUF file.
    pub number: u32,
    /// Its name ("Q4_K").
    pub name: &'static str,
    /// Elements of one block.
    pub block_len: usize,
    /// Bytes of one block.
    pub block_bytes: usize,
    /// What it is as a weight; `None` for types that only get listed.
    pub weight: Option<Dtype>,
}

/// The type with this number.
pub fn ggml_type(number: u32) -> Option<&'static GgmlType> {
    TYPES.iter().find(|known| known.number == number)
}

/// The type that stores weights of `dtype`.
pub fn ggml_type_of(dtype: Dtype) -> Option<&'static GgmlType> {
    TYPES.iter().find(|known| known.weight == Some(dtype))
}

/// A type that kernels know: its block is theirs.
const fn weight(number: u32, dtype: Dtype) -> GgmlType {
    GgmlType {
        number,
        name: dtype.name(),
        block_len: dtype.block_len(),
        block_bytes: dtype.block_bytes(),
        weight: Some(dtype),
    }
}

const fn other(number: u32, name: &'static str, block_len: usize, block_bytes: usize) -> GgmlType {
    GgmlType { number, name, block_len, block_bytes, weight: None }
}

/// `enum ggml_type` in ggml.h; block sizes are those of the structs in ggml-common.h. Missing numbers (4, 5, 31 to 33, 36 to
/// 38) were removed from ggml: files with them cannot be read by anything current.
static TYPES: [GgmlType; 34] = [
    weight(0, Dtype::F32),
    weight(1, Dtype::F16),
    weight(2, Dtype::Q4_0),
    weight(3, Dtype::Q4_1),
    weight(6, Dtype::Q5_0),
    weight(7, Dtype::Q5_1),
    weight(8, Dtype::Q8_0),
    other(9, "Q8_1", 32, 4 + 32),
    weight(10, Dtype::Q2_K),
    weight(11, Dtype::Q3_K),
    weight(12, Dtype::Q4_K),
    weight(13, Dtype::Q5_K),
    weight(14, Dtype::Q6_K),
    other(15, "Q8_K", 256, 4 + 256 + 32),
    other(16, "IQ2_XXS", 256, 2 + 64),
    other(17, "IQ2_XS", 256, 2 + 64 + 8),
    other(18, "IQ3_XXS", 256, 2 + 64 + 32),
    other(19, "IQ1_S", 256, 2 + 32 + 16),
    weight(20, Dtype::IQ4_NL),
    other(21, "IQ3_S", 256, 2 + 64 + 32 + 8 + 4),
    other(22, "IQ2_S", 256, 2 + 64 + 16),
    weight(23, Dtype::IQ4_XS),
    other(24, "I8", 1, 1),
    other(25, "I16", 1, 2),
    other(26, "I32", 1, 4),
    other(27, "I64", 1, 8),
    other(28, "F64", 1, 8),
    other(29, "IQ1_M", 256, 32 + 16 + 8),
    weight(30, Dtype::BF16),
    other(34, "TQ1_0", 256, 2 + 4 * 13),
    other(35, "TQ2_0", 256, 2 + 64),
    other(39, "MXFP4", 32, 1 + 16),
    other(40, "NVFP4", 64, 4 + 32),
    other(41, "Q1_0", 128, 2 + 16),
];
