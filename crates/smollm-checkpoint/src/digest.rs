//! What tells one set of tensors from another, in 32 bytes, without reading all of it.

use crate::adapter::Adapter;
use crate::checkpoint::Checkpoint;
use sha2::{Digest, Sha256};

/// Of a large tensor so many pieces of so many bytes are looked at, from its first to its last byte: training changes all of them.
const PIECES: usize = 4;
const PIECE: usize = 1024;

impl Checkpoint {
    /// A digest (SHA-256) of names, types and shapes of all tensors, in file order, and of up to 4 KiB of each. It is the same for the
    /// same files wherever they lie; of two models that differ in no byte that is looked at, it is the same, too.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for tensor in self.tensors() {
            hash.update(format!("{}\0{}\0{:?}\0", tensor.name, tensor.dtype.name(), tensor.shape));
            let data = tensor.data.as_slice();
            if data.len() <= PIECES * PIECE {
                hash.update(data);
                continue;
            }
            for piece in 0..PIECES {
                let start = piece * (data.len() - PIECE) / (PIECES - 1);
                hash.update(&data[start..start + PIECE]);
            }
        }
        hash.finalize().into()
    }
}

impl Adapter {
    /// The same of an adapter: of its matrices and what they are scaled by. That of one that was not opened from files knows its
    /// configuration alone.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(format!("{:?}", self.config()));
        hash.update(self.source().map(|source| source.digest()).unwrap_or_default());
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Tensor;
    use smollm_kernels::{Bytes, Dtype};

    fn digest(name: &str, shape: Vec<usize>, data: &[u8]) -> [u8; 32] {
        let tensor = Tensor { name: name.into(), dtype: Dtype::F32, shape, data: Bytes::from(data.to_vec()) };
        Checkpoint::from_tensors([tensor]).expect("a checkpoint").digest()
    }

    #[test]
    fn what_differs_has_another_digest() {
        let data = vec![7; 64 << 10];
        let whole = digest("a", vec![128, 128], &data);
        assert_eq!(digest("a", vec![128, 128], &data), whole);
        assert_ne!(digest("b", vec![128, 128], &data), whole);
        assert_ne!(digest("a", vec![64, 256], &data), whole);
        for at in [0, 1023, 21 << 10, (64 << 10) - 1] {
            let mut other = data.clone();
            other[at] = 8;
            assert_ne!(digest("a", vec![128, 128], &other), whole, "byte {at}");
        }
        assert_ne!(digest("a", vec![1], &[0; 4]), digest("a", vec![1], &[0, 0, 0, 1]));
    }
}
