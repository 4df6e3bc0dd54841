//! The named tensors of one model, whatever the container they came in.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use smollm_kernels::{Bytes, Dtype};

use crate::error::CheckpointError;
use crate::gguf::{self, GgufMetadata};
use crate::mmap::Mapping;
use crate::safetensors;
use crate::tensor::{OtherTensor, Tensor};

#[cfg(test)]
mod tests;

/// What stands for a file name in messages about a checkpoint that came from none and was given no name.
const IN_MEMORY: &str = "(in memory)";

/// An opened, fully validated set of tensors. After opening, only asking for a name that is not there can fail.
///
/// The tensors' bytes lie in the mapped files; nothing is read before it is used.
pub struct Checkpoint {
    files: Vec<PathBuf>,
    /// What messages call it where there are no files.
    name: PathBuf,
    mappings: Vec<Arc<Mapping>>,
    tensors: Vec<Tensor>,
    others: Vec<OtherTensor>,
    places: HashMap<String, Place>,
    metadata: ContainerMetadata,
}

/// Where a name is found: the file, and the index in one of the two lists.
#[derive(Clone, Copy)]
struct Place {
    file: usize,
    item: Item,
}

#[derive(Clone, Copy)]
enum Item {
    Weight(usize),
    Other(usize),
}

/// A tensor as a container describes it, after every check.
pub(crate) struct StoredTensor {
    pub(crate) name: String,
    /// Its type in the container's words.
    pub(crate) dtype: &'static str,
    /// Its type as a weight, if it can be one.
    pub(crate) weight: Option<Dtype>,
    /// Rows first.
    pub(crate) shape: Vec<usize>,
    /// Where it lies in the file.
    pub(crate) range: Range<usize>,
}

/// What the container says besides tensors.
pub(crate) enum ContainerMetadata {
    None,
    Safetensors(Vec<(String, String)>),
    Gguf(GgufMetadata),
}

impl Checkpoint {
    /// Opens a safetensors file, a `*.index.json` with its shards, or a folder with `model.safetensors` or an index.
    ///
    /// # Errors
    /// The first thing that is wrong with the files; everything is checked here but the tensors' own numbers.
    pub fn open_safetensors(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        safetensors::open(path.as_ref())
    }

    /// Opens a GGUF file; of a split model (`-00001-of-00003.gguf`) any part may be named.
    ///
    /// # Errors
    /// The first thing that is wrong with the files; everything is checked here but the tensors' own numbers.
    pub fn open_gguf(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        gguf::open(path.as_ref())
    }

    /// A GGUF file that is already in memory, whole; `name` stands for its path in messages. Tensors are views of `bytes`, nothing is
    /// copied. Who wants the numbers used where they lie, as those of a mapped file are, gives bytes that begin at a multiple of the
    /// file's alignment (32 where it does not say).
    ///
    /// # Errors
    /// As [`Checkpoint::open_gguf`]; a part of a split model is refused.
    pub fn read_gguf(name: &str, bytes: Bytes) -> Result<Self, CheckpointError> {
        gguf::read(Path::new(name), bytes)
    }

    /// A checkpoint of tensors that are already in memory.
    ///
    /// # Errors
    /// Equal names, or bytes that do not fit type and shape.
    pub fn from_tensors(tensors: impl IntoIterator<Item = Tensor>) -> Result<Self, CheckpointError> {
        let mut checkpoint = Self::empty();
        for tensor in tensors {
            tensor.spec().check_len(Path::new(IN_MEMORY), tensor.data.len())?;
            checkpoint.add_tensor(tensor)?;
        }
        Ok(checkpoint)
    }

    /// The tensor `name`.
    ///
    /// # Errors
    /// If there is none, or its type is one that no weight may have.
    pub fn tensor(&self, name: &str) -> Result<&Tensor, CheckpointError> {
        match self.places.get(name) {
            Some(Place { item: Item::Weight(index), .. }) => Ok(&self.tensors[*index]),
            Some(Place { item: Item::Other(index), file }) => Err(CheckpointError::UnsupportedDtype {
                file: self.file(*file),
                name: name.to_owned(),
                dtype: self.others[*index].dtype,
            }),
            None => Err(CheckpointError::MissingTensor {
                file: self.file(0),
                name: name.to_owned(),
                count: self.places.len(),
            }),
        }
    }

    /// The tensor `name`, if it is there in a type a weight may have.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        match self.places.get(name)?.item {
            Item::Weight(index) => Some(&self.tensors[index]),
            Item::Other(_) => None,
        }
    }

    /// Whether a tensor of this name is there, in whatever type.
    pub fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// All tensors that can be weights, in file order.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = &Tensor> {
        self.tensors.iter()
    }

    /// The tensors that cannot be weights because of their type, in file order.
    pub fn other_tensors(&self) -> &[OtherTensor] {
        &self.others
    }

    /// The files the checkpoint consists of; none where it was built in memory.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What messages call it: its first file, or the name of what was read from memory.
    pub fn name(&self) -> &Path {
        self.files.first().unwrap_or(&self.name)
    }

    /// The file that holds the tensor `name`.
    pub fn file_of(&self, name: &str) -> Option<&Path> {
        self.files.get(self.places.get(name)?.file).map(PathBuf::as_path)
    }

    /// GGUF metadata; of a split model, that of its first part.
    pub fn gguf_metadata(&self) -> Option<&GgufMetadata> {
        match &self.metadata {
            ContainerMetadata::Gguf(metadata) => Some(metadata),
            _ => None,
        }
    }

    /// `__metadata__` of a safetensors file (of the first shard), in file order; empty for anything else.
    pub fn safetensors_metadata(&self) -> &[(String, String)] {
        match &self.metadata {
            ContainerMetadata::Safetensors(metadata) => metadata,
            _ => &[],
        }
    }

    /// Whether every mapped file is still what was opened. Bytes past a new end raise a signal that ends the program with
    /// one line; bytes that changed in place do not, so whoever is about to answer from a checkpoint asks here first.
    ///
    /// # Errors
    /// The first file that was truncated, grew, or was written to. (A file renamed over is fine: the old one lives on.)
    pub fn still_intact(&self) -> Result<(), CheckpointError> {
        self.mappings.iter().try_for_each(|mapping| mapping.still_intact())
    }

    /// Lets the arrays of GGUF metadata go, for a caller that has made something else of the vocabulary, which takes megabytes.
    pub fn forget_gguf_arrays(&mut self) {
        if let ContainerMetadata::Gguf(metadata) = &mut self.metadata {
            metadata.forget_arrays();
        }
    }

    /// Gives the memory of the pages of the files that were read so far back to the system, for a caller that has made
    /// something else of most of them. The bytes can still be read.
    pub fn release_pages(&self) {
        self.mappings.iter().for_each(|mapping| mapping.release());
    }

    fn file(&self, index: usize) -> PathBuf {
        self.files.get(index).unwrap_or(&self.name).clone()
    }
}

/// Building, for the container modules: files one after the other, names unique over all of them.
impl Checkpoint {
    pub(crate) fn empty() -> Self {
        Self {
            files: Vec::new(),
            name: PathBuf::from(IN_MEMORY),
            mappings: Vec::new(),
            tensors: Vec::new(),
            others: Vec::new(),
            places: HashMap::new(),
            metadata: ContainerMetadata::None,
        }
    }

    /// Everything added from now on comes from this file. The first file's metadata is the checkpoint's.
    pub(crate) fn add_file(&mut self, path: &Path, mapping: Arc<Mapping>, metadata: ContainerMetadata) {
        if self.files.is_empty() {
            self.metadata = metadata;
        }
        self.files.push(path.to_path_buf());
        self.mappings.push(mapping);
    }

    /// Everything added from now on is in memory, and messages call it `name`.
    pub(crate) fn add_memory(&mut self, name: &Path, metadata: ContainerMetadata) {
        self.metadata = metadata;
        self.name = name.to_path_buf();
    }

    fn add_tensor(&mut self, tensor: Tensor) -> Result<(), CheckpointError> {
        self.place(&tensor.name, Item::Weight(self.tensors.len()))?;
        self.tensors.push(tensor);
        Ok(())
    }

    /// A validated tensor of the current file, of which these are the bytes: listed only where its type cannot be a weight's.
    pub(crate) fn add_stored(&mut self, stored: StoredTensor, file: &Bytes) -> Result<(), CheckpointError> {
        let StoredTensor { name, dtype, weight, shape, range } = stored;
        match weight {
            Some(dtype) => self.add_tensor(Tensor { name, dtype, shape, data: file.slice(range) }),
            None => self.add_other(OtherTensor { name, dtype, shape, bytes: range.len() }),
        }
    }

    fn add_other(&mut self, tensor: OtherTensor) -> Result<(), CheckpointError> {
        self.place(&tensor.name, Item::Other(self.others.len()))?;
        self.others.push(tensor);
        Ok(())
    }

    fn place(&mut self, name: &str, item: Item) -> Result<(), CheckpointError> {
        let file = self.files.len().saturating_sub(1);
        match self.places.insert(name.to_owned(), Place { file, item }) {
            None => Ok(()),
            Some(before) => Err(CheckpointError::DuplicateTensor {
                name: name.to_owned(),
                first: self.file(before.file),
                second: self.file(file),
            }),
        }
    }
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoint")
            .field("files", &self.files)
            .field("tensors", &self.tensors.len())
            .field("others", &self.others.len())
            .finish()
    }
}
