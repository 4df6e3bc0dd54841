//! A whole safetensors model: one file, or the shards that `model.safetensors.index.json` lists.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::header::parse_header;
use crate::checkpoint::{Checkpoint, ContainerMetadata, StoredTensor};
use crate::error::{CheckpointError, quote};
use crate::json::{self, Members};
use crate::mmap::Mapping;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// Longest index accepted, in bytes; real ones take about 100 bytes a tensor.
const LONGEST_INDEX: u64 = 100_000_000;

/// What is wrong with an index, by itself or against its shards.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The index is longer than any real one.
    #[error("the index has {len} bytes, more than the {LONGEST_INDEX} allowed")]
    TooLong {
        /// Its length.
        len: u64,
    },
    /// The index is not UTF-8.
    #[error("the index is not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// Offset in the file.
        offset: usize,
    },
    /// The index is not the JSON it should be.
    #[error("the index is not valid at byte {offset}: {reason}")]
    Json {
        /// Offset in the file.
        offset: usize,
        /// The JSON parser's reason.
        reason: String,
    },
    /// The index lists no tensor.
    #[error("the index has an empty weight_map")]
    Empty,
    /// A shard that is not the name of a file in the same folder.
    #[error(
        "weight_map places tensor {} in {}, which is not the name of a file beside the index",
        quote(tensor),
        quote(shard)
    )]
    BadShardName {
        /// The tensor.
        tensor: String,
        /// The shard as written.
        shard: String,
    },
    /// A shard that is not there.
    #[error("shard {}, which weight_map names, is missing; fetch it", quote(shard))]
    MissingShard {
        /// The shard.
        shard: String,
    },
    /// A tensor that is not in its shard.
    #[error("weight_map places tensor {} in shard {}, but it is {}", quote(tensor), quote(shard), found_in(found))]
    Misplaced {
        /// The tensor.
        tensor: String,
        /// The shard the index names.
        shard: String,
        /// The file that has it, if one does.
        found: Option<String>,
    },
}

fn found_in(found: &Option<String>) -> String {
    found.as_ref().map_or_else(|| "in none".to_owned(), |file| format!("in {}", quote(file)))
}

/// The index file; members other than these (`metadata` with the total size) say nothing a loader needs.
#[derive(Deserialize)]
struct Index<'a> {
    #[serde(borrow)]
    weight_map: Members<'a, String>,
}

/// Parses an index: every tensor with the file name of its shard, in file order. Shard names are plain file names.
///
/// # Errors
/// If the JSON is broken, a tensor is listed twice, or a shard name would lead out of the folder.
pub fn parse_index(bytes: &[u8]) -> Result<Vec<(String, String)>, IndexError> {
    let text = std::str::from_utf8(bytes).map_err(|error| IndexError::NotUtf8 { offset: error.valid_up_to() })?;
    let index: Index<'_> =
        json::parse(text).map_err(|problem| IndexError::Json { offset: problem.offset, reason: problem.reason })?;
    let mut placed = Vec::with_capacity(index.weight_map.0.len());
    for (tensor, shard) in index.weight_map.0 {
        let mut parts = Path::new(&shard).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        // A backslash or a colon is an ordinary character here and leads elsewhere on another system.
        if !plain || shard.contains(['/', '\\', ':', '\0']) {
            return Err(IndexError::BadShardName { tensor: tensor.into_owned(), shard });
        }
        placed.push((tensor.into_owned(), shard));
    }
    if placed.is_empty() { Err(IndexError::Empty) } else { Ok(placed) }
}

/// Opens a file, an index file, or a folder that holds `model.safetensors` or an index (in this order, as transformers).
pub(crate) fn open(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let index = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".index.json"));
    if !path.is_dir() {
        return if index(path) { open_index(path) } else { open_files(&[path.to_path_buf()]) };
    }
    if path.join(SINGLE).is_file() {
        return open_files(&[path.join(SINGLE)]);
    }
    if path.join(INDEX).is_file() {
        return open_index(&path.join(INDEX));
    }
    let hint = [
        ("adapter_model.safetensors", "; it holds a LoRA adapter, which needs its base model"),
        ("pytorch_model.bin", "; it holds a PyTorch pickle, save the model as safetensors first"),
        ("pytorch_model.bin.index.json", "; it holds PyTorch pickles, save the model as safetensors first"),
    ];
    let hint = hint.iter().find(|(name, _)| path.join(name).exists()).map_or("", |(_, hint)| hint);
    Err(CheckpointError::not_a_checkpoint(path, format!("holds neither {SINGLE} nor {INDEX}{hint}")))
}

fn open_files(files: &[PathBuf]) -> Result<Checkpoint, CheckpointError> {
    let mut checkpoint = Checkpoint::empty();
    for file in files {
        add_file(&mut checkpoint, file)?;
    }
    Ok(checkpoint)
}

/// Maps one file, checks it whole, and adds its tensors.
fn add_file(checkpoint: &mut Checkpoint, path: &Path) -> Result<(), CheckpointError> {
    let mapping = Mapping::open(path)?;
    let bytes = mapping.bytes();
    let header = parse_header(bytes.as_slice(), bytes.len() as u64)
        .map_err(|error| CheckpointError::Safetensors { file: path.to_path_buf(), error })?;
    checkpoint.add_file(path, mapping, ContainerMetadata::Safetensors(header.metadata));
    for tensor in header.tensors {
        checkpoint.add_stored(
            StoredTensor {
                name: tensor.name,
                dtype: tensor.dtype.name,
                weight: tensor.dtype.weight,
                shape: tensor.shape,
                // Both ends are inside the mapped file, so they fit `usize`.
                range: tensor.begin as usize..tensor.end as usize,
            },
            &bytes,
        )?;
    }
    Ok(())
}

fn open_index(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let bad = |error| CheckpointError::Index { file: path.to_path_buf(), error };
    let io = |error| CheckpointError::io(path, "read", error);
    let len = std::fs::metadata(path).map_err(io)?.len();
    if len > LONGEST_INDEX {
        return Err(bad(IndexError::TooLong { len }));
    }
    let placed = parse_index(&std::fs::read(path).map_err(io)?).map_err(bad)?;
    let shards: BTreeSet<&str> = placed.iter().map(|(_, shard)| shard.as_str()).collect();
    let files: Vec<PathBuf> = shards.iter().map(|shard| path.with_file_name(shard)).collect();
    if let Some((shard, _)) = shards.iter().zip(&files).find(|(_, file)| !file.exists()) {
        return Err(bad(IndexError::MissingShard { shard: (*shard).to_owned() }));
    }
    let checkpoint = open_files(&files)?;
    for (tensor, shard) in &placed {
        let file = checkpoint.file_of(tensor).and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        if file.as_ref() != Some(shard) {
            return Err(bad(IndexError::Misplaced { tensor: tensor.clone(), shard: shard.clone(), found: file }));
        }
    }
    Ok(checkpoint)
}
