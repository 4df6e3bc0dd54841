//! A whole GGUF model: one file, or the parts of a split one (`NAME-00001-of-00003.gguf`).

use std::path::{Path, PathBuf};

use super::error::GgufError;
use super::parse::{Gguf, GgufTensor, parse};
use crate::checkpoint::{Checkpoint, ContainerMetadata, StoredTensor};
use crate::error::{CheckpointError, OneLine};
use crate::mmap::Mapping;
use smollm_kernels::Bytes;

// Keys that `llama-gguf-split` and the converters write into every part.
const SPLIT_COUNT: &str = "split.count";
const SPLIT_NO: &str = "split.no";
const SPLIT_TENSORS: &str = "split.tensors.count";

/// Opens a GGUF file, and with it all other parts if it is one of a split model; any part may be named.
pub(crate) fn open(path: &Path) -> Result<Checkpoint, CheckpointError> {
    if path.is_dir() {
        return Err(CheckpointError::not_a_checkpoint(path, "is a folder; name the .gguf file"));
    }
    let named = Part::open(path)?;
    let mut checkpoint = Checkpoint::empty();
    let count = named.gguf.metadata.optional::<usize>(SPLIT_COUNT)?.unwrap_or(1);
    if count <= 1 {
        named.add_to(&mut checkpoint)?;
        return Ok(checkpoint);
    }
    let tensors = named.gguf.metadata.optional::<usize>(SPLIT_TENSORS)?;
    let files = part_files(path, count)?;
    for (number, file) in files.iter().enumerate() {
        let part = if file == path { Part { file: file.clone(), ..named.clone() } } else { Part::open(file)? };
        part.check_place(number, count)?;
        part.add_to(&mut checkpoint)?;
    }
    let found = checkpoint.tensors().len() + checkpoint.other_tensors().len();
    match tensors {
        Some(declared) if declared != found => {
            Err(split(path, format!("{SPLIT_TENSORS} is {declared}, but the {count} parts have {found} tensors")))
        }
        _ => Ok(checkpoint),
    }
}

fn split(file: &Path, problem: String) -> CheckpointError {
    CheckpointError::Gguf { file: file.to_path_buf(), error: GgufError::Split { problem } }
}

/// The files of all `count` parts, after checking that each is there.
fn part_files(path: &Path, count: usize) -> Result<Vec<PathBuf>, CheckpointError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(stem) = part_stem(&name, count) else {
        let problem = format!("is one of {count} parts, so its name must end in -00001-of-{count:05}.gguf");
        return Err(split(path, problem));
    };
    let mut files = Vec::new();
    // The count comes out of the file: it is not trusted with memory until every part before was there.
    for number in 1..=count {
        let file = path.with_file_name(format!("{stem}-{number:05}-of-{count:05}.gguf"));
        if !file.exists() {
            let problem = format!("part {number} of {count} is missing: {}; fetch it", OneLine(&file));
            return Err(split(path, problem));
        }
        files.push(file);
    }
    Ok(files)
}

/// `NAME` of `NAME-00002-of-00003.gguf`, if the name is of this form and says this count.
fn part_stem(name: &str, count: usize) -> Option<&str> {
    let stem = name.strip_suffix(&format!("-of-{count:05}.gguf"))?;
    let (stem, number) = stem.rsplit_once('-')?;
    (number.len() == 5 && number.bytes().all(|b| b.is_ascii_digit())).then_some(stem)
}

/// Reads a whole GGUF model that is in memory; `name` stands for a file in messages.
pub(crate) fn read(name: &Path, bytes: Bytes) -> Result<Checkpoint, CheckpointError> {
    let gguf = parsed(name, &bytes)?;
    if gguf.metadata.optional::<usize>(SPLIT_COUNT)?.is_some_and(|count| count > 1) {
        return Err(split(name, "is one of several parts, which only files have".into()));
    }
    let mut checkpoint = Checkpoint::empty();
    checkpoint.add_memory(name, ContainerMetadata::Gguf(gguf.metadata));
    add_tensors(&mut checkpoint, gguf.tensors, &bytes)?;
    Ok(checkpoint)
}

fn parsed(file: &Path, bytes: &Bytes) -> Result<Gguf, CheckpointError> {
    let mut gguf =
        parse(bytes.as_slice()).map_err(|error| CheckpointError::Gguf { file: file.to_path_buf(), error })?;
    gguf.metadata.set_file(file);
    Ok(gguf)
}

fn add_tensors(checkpoint: &mut Checkpoint, tensors: Vec<GgufTensor>, bytes: &Bytes) -> Result<(), CheckpointError> {
    for tensor in tensors {
        let stored = StoredTensor {
            name: tensor.name,
            dtype: tensor.dtype.name,
            weight: tensor.dtype.weight,
            shape: tensor.shape,
            range: tensor.begin..tensor.end,
        };
        checkpoint.add_stored(stored, bytes)?;
    }
    Ok(())
}

/// One mapped, parsed file.
#[derive(Clone)]
struct Part {
    file: PathBuf,
    mapping: std::sync::Arc<Mapping>,
    gguf: Gguf,
}

impl Part {
    fn open(file: &Path) -> Result<Self, CheckpointError> {
        let mapping = Mapping::open(file)?;
        let gguf = parsed(file, &mapping.bytes())?;
        Ok(Self { file: file.to_path_buf(), mapping, gguf })
    }

    /// The part says itself that it is number `number` (from 0) of `count`.
    fn check_place(&self, number: usize, count: usize) -> Result<(), CheckpointError> {
        let found_count: usize = self.gguf.metadata.require(SPLIT_COUNT)?;
        let found_number: usize = self.gguf.metadata.require(SPLIT_NO)?;
        if (found_number, found_count) == (number, count) {
            return Ok(());
        }
        let problem = format!(
            "should be part {} of {count} by its name, but says part {} of {found_count}",
            number + 1,
            found_number.saturating_add(1)
        );
        Err(split(&self.file, problem))
    }

    fn add_to(self, checkpoint: &mut Checkpoint) -> Result<(), CheckpointError> {
        let bytes = self.mapping.bytes();
        checkpoint.add_file(&self.file, self.mapping, ContainerMetadata::Gguf(self.gguf.metadata));
        add_tensors(checkpoint, self.gguf.tensors, &bytes)
    }
}
