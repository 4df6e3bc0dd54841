//! Writes safetensors files tensor by tensor, so that a model never has to be in memory whole.

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Map, Value, json};
use smollm_kernels::{Bytes, Dtype};

use crate::error::{CheckpointError, quote};
use crate::progress::Progress;
use crate::replace_file::ReplaceFile;
use crate::tensor::{Tensor, TensorSpec};

/// Writes `path`, asking `data` for one tensor at a time.
///
/// Tensors are written widest type first, then by name, whatever the order of `specs`: the order of the reference
/// implementation, in which every tensor is aligned to its element. `data` is called once per tensor in that order.
/// `progress` is called after every tensor and once more when all is on its way, before the file gets its name: what it
/// refuses there leaves no file (a conversion checks there that its source is [still intact](crate::Checkpoint::still_intact)).
/// The file is built beside `path`, synced, and renamed, so an existing one is replaced whole or not at all.
///
/// # Errors
/// Equal names, a type that safetensors does not have (quantised blocks), bytes that do not fit the shape, or the file
/// system; and whatever `data` and `progress` return.
pub fn write<E: From<CheckpointError>>(
    path: &Path,
    mut specs: Vec<TensorSpec>,
    metadata: &[(String, String)],
    mut data: impl FnMut(&TensorSpec) -> Result<Bytes, E>,
    mut progress: impl FnMut(Progress) -> Result<(), E>,
) -> Result<(), E> {
    specs.sort_by(|a, b| width_rank(a.dtype).cmp(&width_rank(b.dtype)).then_with(|| a.name.cmp(&b.name)));
    let header = header(path, &specs, metadata)?;
    let total = header.len() as u64 + specs.iter().filter_map(TensorSpec::byte_len).map(|n| n as u64).sum::<u64>();

    let mut file = ReplaceFile::create(path)?;
    file.append(&header)?;
    for spec in &specs {
        let bytes = data(spec)?;
        spec.check_len(path, bytes.len())?;
        file.append(bytes.as_slice())?;
        progress(Progress { written: file.written(), total })?;
    }
    progress(Progress { written: total, total })?;
    Ok(file.finish()?)
}

/// [`write()`] for tensors that are there already.
///
/// # Errors
/// As [`write()`].
pub fn write_tensors(path: &Path, tensors: &[&Tensor], metadata: &[(String, String)]) -> Result<(), CheckpointError> {
    let by_name: std::collections::HashMap<_, _> = tensors.iter().map(|t| (t.name.as_str(), *t)).collect();
    let specs = tensors.iter().map(|tensor| tensor.spec()).collect();
    write(path, specs, metadata, |spec| Ok(by_name[spec.name.as_str()].data.clone()), |_| Ok(()))
}

/// The length field and the JSON, padded to a multiple of eight bytes.
fn header(path: &Path, specs: &[TensorSpec], metadata: &[(String, String)]) -> Result<Vec<u8>, CheckpointError> {
    let refuse = |what: String, problem: &str| CheckpointError::CannotWrite {
        file: path.to_path_buf(),
        what,
        problem: problem.to_owned(),
    };
    let mut members = Map::new();
    if !metadata.is_empty() {
        let mut values = Map::new();
        for (key, value) in metadata {
            if values.insert(key.clone(), Value::from(value.as_str())).is_some() {
                return Err(refuse(format!("metadata key {}", quote(key)), "it is given twice"));
            }
        }
        members.insert("__metadata__".to_owned(), Value::Object(values));
    }
    let mut names = HashSet::new();
    let mut offset = 0_usize;
    for spec in specs {
        let name = || format!("tensor {}", quote(&spec.name));
        if spec.name == "__metadata__" {
            return Err(refuse(name(), "the format keeps this name for itself"));
        }
        if !names.insert(spec.name.as_str()) {
            return Err(refuse(name(), "it is given twice"));
        }
        if width_rank(spec.dtype).is_none() {
            return Err(refuse(name(), &format!("safetensors has no type {}; write F32, F16 or BF16", spec.dtype)));
        }
        let len = spec.checked_byte_len(path)?;
        let end = offset.checked_add(len).ok_or_else(|| refuse(name(), "the file would be too large"))?;
        let entry = json!({"dtype": spec.dtype.name(), "shape": spec.shape, "data_offsets": [offset, end]});
        members.insert(spec.name.clone(), entry);
        offset = end;
    }
    let mut json = Value::Object(members).to_string().into_bytes();
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut header = (json.len() as u64).to_le_bytes().to_vec();
    header.append(&mut json);
    Ok(header)
}

/// The place of a type in the file, widest elements first; `None` sorts first and is refused afterwards.
fn width_rank(dtype: Dtype) -> Option<u8> {
    match dtype {
        Dtype::F32 => Some(0),
        Dtype::BF16 => Some(1),
        Dtype::F16 => Some(2),
        _ => None,
    }
}
