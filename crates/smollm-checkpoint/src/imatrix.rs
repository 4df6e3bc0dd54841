//! Importance matrices in llama.cpp's GGUF form: for each matrix, how strong each of its inputs was on some text.
//!
//! For a tensor `NAME` the file holds `NAME.in_sum2`, the sum of the squares of each input over all tokens seen, and
//! `NAME.counts`, how many tokens that were (llama.cpp `tools/imatrix/imatrix.cpp`, `common/imatrix-loader.cpp`). Several
//! matrices in one tensor (experts) have as many rows of sums and as many counts.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use smollm_kernels::{Bytes, Dtype};

use crate::error::{CheckpointError, quote};
use crate::gguf::{self, GgufArray, GgufError, GgufMetadata, GgufValue};
use crate::tensor::TensorSpec;

/// What `general.type` says.
const KIND: &str = "imatrix";
/// After the name of the matrix: sums of squares, and numbers of tokens.
const SUMS: &str = ".in_sum2";
const COUNTS: &str = ".counts";

/// How strong the inputs of some matrices were.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Imatrix {
    /// The texts it was computed from, by whatever name.
    pub datasets: Vec<String>,
    /// Pieces of text that were read.
    pub chunks: u32,
    /// Tokens in each.
    pub chunk_tokens: u32,
    /// By the GGUF name of the matrix.
    pub entries: BTreeMap<String, Inputs>,
}

/// What is known of the inputs of one matrix.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    /// The sum over all tokens of the square of each input; finite, not negative.
    pub sums: Vec<f32>,
    /// Tokens; not negative.
    pub tokens: f32,
}

/// What is wrong with an importance matrix; each message names the tensor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImatrixError {
    /// It is no GGUF file, or a broken one.
    #[error(
        "{0} (an importance matrix in the older .dat form is not read: `llama-imatrix --in-file OLD -o NEW.gguf` converts it)"
    )]
    Gguf(GgufError),
    /// It is a GGUF file of something else.
    #[error("is not an importance matrix: general.type is {found}, not \"imatrix\"")]
    OtherType {
        /// What it says.
        found: String,
    },
    /// It has no entry.
    #[error("is an importance matrix of nothing: no tensor ends in .in_sum2")]
    Empty,
    /// One of the two tensors of an entry is missing, or of the wrong type or size.
    #[error("tensor {} {problem}", quote(name))]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: String,
    },
}

impl Imatrix {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is no importance matrix.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = fs::read(path).map_err(|error| CheckpointError::io(path, "read", error))?;
        Self::parse(&bytes).map_err(|error| CheckpointError::Imatrix { file: path.to_path_buf(), error })
    }

    /// Reads the bytes of a file. Allocates no more than a small multiple of their length.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImatrixError> {
        let file = gguf::parse(bytes).map_err(ImatrixError::Gguf)?;
        match file.metadata.get("general.type") {
            Some(GgufValue::String(kind)) if kind == KIND => {}
            Some(GgufValue::String(kind)) => return Err(ImatrixError::OtherType { found: quote(kind) }),
            _ => return Err(ImatrixError::OtherType { found: "missing".into() }),
        }
        let by_name: HashMap<&str, _> = file.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let floats = |name: &str| {
            let bad = |problem: &str| ImatrixError::Tensor { name: name.into(), problem: problem.into() };
            let tensor = by_name.get(name).ok_or_else(|| bad("is missing"))?;
            if tensor.dtype.weight != Some(Dtype::F32) {
                return Err(bad(&format!("has type {}, not F32", tensor.dtype.name)));
            }
            let values: Vec<f32> =
                bytes[tensor.begin..tensor.end].as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
            if values.iter().any(|x| !(x.is_finite() && *x >= 0.0)) {
                return Err(bad("has a value that is negative or not a number"));
            }
            Ok(values)
        };
        let mut entries = BTreeMap::new();
        for tensor in &file.tensors {
            let Some(name) = tensor.name.strip_suffix(SUMS) else { continue };
            let sums = floats(&tensor.name)?;
            let counts = floats(&format!("{name}{COUNTS}"))?;
            let [tokens] = counts[..] else {
                let problem = format!("has {} counts; only those of one matrix are read, not of experts", counts.len());
                return Err(ImatrixError::Tensor { name: format!("{name}{COUNTS}"), problem });
            };
            entries.insert(name.to_owned(), Inputs { sums, tokens });
        }
        if entries.is_empty() {
            return Err(ImatrixError::Empty);
        }
        let number = |key| file.metadata.optional::<u32>(key).ok().flatten().unwrap_or(0);
        let datasets = match file.metadata.get("imatrix.datasets") {
            Some(GgufValue::Array(GgufArray::String(names))) => names.clone(),
            _ => Vec::new(),
        };
        let (chunks, chunk_tokens) = (number("imatrix.chunk_count"), number("imatrix.chunk_size"));
        Ok(Self { datasets, chunks, chunk_tokens, entries })
    }

    /// Writes a file, replacing it whole or not at all.
    ///
    /// # Errors
    /// A name is too long, or the file system.
    pub fn write(&self, path: &Path) -> Result<(), CheckpointError> {
        let mut metadata = GgufMetadata::new();
        metadata.set("general.type", KIND);
        metadata.set("imatrix.datasets", GgufValue::Array(GgufArray::String(self.datasets.clone())));
        metadata.set("imatrix.chunk_count", self.chunks);
        metadata.set("imatrix.chunk_size", self.chunk_tokens);
        let tensors: Vec<(TensorSpec, Vec<u8>)> = self
            .entries
            .iter()
            .flat_map(|(name, inputs)| {
                let tensor = |suffix: &str, values: &[f32]| {
                    let spec =
                        TensorSpec { name: format!("{name}{suffix}"), dtype: Dtype::F32, shape: vec![values.len()] };
                    (spec, values.iter().flat_map(|x| x.to_le_bytes()).collect())
                };
                [tensor(SUMS, &inputs.sums), tensor(COUNTS, &[inputs.tokens])]
            })
            .collect();
        let specs: Vec<TensorSpec> = tensors.iter().map(|(spec, _)| spec.clone()).collect();
        let mut data = tensors.into_iter().map(|(_, bytes)| Bytes::from(bytes));
        // One for each of the specs, which are asked for in order.
        gguf::write(path, &metadata, &specs, |_| Ok(data.next().unwrap_or_else(|| Vec::new().into())), |_| Ok(()))
    }
}

impl Inputs {
    /// The mean square of each input; `None` where no token was seen.
    pub fn mean_squares(&self) -> Option<Vec<f32>> {
        (self.tokens > 0.0).then(|| self.sums.iter().map(|sum| sum / self.tokens).collect())
    }
}

#[cfg(test)]
mod tests;
