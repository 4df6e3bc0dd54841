//! One named tensor: its type, its shape and its bytes, which may lie in a mapped file.

use std::path::Path;

use smollm_kernels::{Bytes, Dtype};

use crate::error::CheckpointError;

/// A named, typed, validated array, whatever container it came from.
#[derive(Clone)]
pub struct Tensor {
    /// Its name in the words of its container (`model.norm.weight`, `output_norm.weight`).
    pub name: String,
    /// How its elements are stored.
    pub dtype: Dtype,
    /// Rows first, as in safetensors: a linear layer is `[outputs, inputs]`. GGUF dimensions are reversed into this order.
    pub shape: Vec<usize>,
    /// Exactly the bytes that `dtype` and `shape` ask for, row-major, little endian.
    pub data: Bytes,
}

impl Tensor {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The tensor without its bytes.
    pub fn spec(&self) -> TensorSpec {
        TensorSpec { name: self.name.clone(), dtype: self.dtype, shape: self.shape.clone() }
    }
}

impl std::fmt::Debug for Tensor {
    /// Name, type, shape and length; never the bytes, which may be gigabytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tensor")
            .field("name", &self.name)
            .field("dtype", &self.dtype.name())
            .field("shape", &self.shape)
            .field("bytes", &self.data.len())
            .finish()
    }
}

/// What a writer must know of a tensor before it sees the first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// The name to write.
    pub name: String,
    /// How the elements are stored.
    pub dtype: Dtype,
    /// Rows first.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    /// Bytes of the whole tensor; `None` where a row is not a whole number of blocks, or the size does not fit `usize`.
    pub fn byte_len(&self) -> Option<usize> {
        byte_len(self.dtype, &self.shape)
    }

    /// [`Self::byte_len`], or the error that names this tensor and `file`.
    pub(crate) fn checked_byte_len(&self, file: &Path) -> Result<usize, CheckpointError> {
        self.byte_len().ok_or_else(|| {
            let block = self.dtype.block_len();
            self.bad(file, format!("is too large, or its rows are not whole blocks of {block} elements"))
        })
    }

    /// `Ok` if `found` bytes are exactly what type and shape ask for.
    pub(crate) fn check_len(&self, file: &Path, found: usize) -> Result<(), CheckpointError> {
        let expected = self.checked_byte_len(file)?;
        if found == expected {
            return Ok(());
        }
        Err(self.bad(file, format!("needs {expected} bytes, but {found} are given")))
    }

    fn bad(&self, file: &Path, problem: String) -> CheckpointError {
        CheckpointError::BadTensor {
            file: file.to_path_buf(),
            name: self.name.clone(),
            dtype: self.dtype.name(),
            shape: self.shape.clone(),
            problem,
        }
    }
}

/// A tensor that a file holds in a type no weight may have (`I64`, `F8_E4M3`, `IQ2_XXS`): listed, not readable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherTensor {
    /// Its name.
    pub name: String,
    /// Its type in the container's words.
    pub dtype: &'static str,
    /// Rows first.
    pub shape: Vec<usize>,
    /// Its size in the file.
    pub bytes: usize,
}

/// Bytes of a tensor; `None` where the last dimension is not a whole number of blocks or the size does not fit `usize`.
pub(crate) fn byte_len(dtype: Dtype, shape: &[usize]) -> Option<usize> {
    let row = shape.last().copied().unwrap_or(1);
    if !row.is_multiple_of(dtype.block_len()) {
        return None;
    }
    dtype.bytes_for(elements(shape)?)
}

/// Number of elements, or `None` where it does not fit `usize`, even if a zero dimension would hide the overflow.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    let product = shape.iter().filter(|&&n| n != 0).try_fold(1_usize, |product, &n| product.checked_mul(n))?;
    Some(if shape.contains(&0) { 0 } else { product })
}
