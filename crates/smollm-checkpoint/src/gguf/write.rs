//! Writes GGUF version 3 tensor by tensor, so that a model never has to be in memory whole.

use std::collections::HashSet;
use std::path::Path;

use smollm_kernels::Bytes;

use super::metadata::GgufMetadata;
use super::types::{GgmlType, ggml_type_of};
use super::value::{GgufArray, GgufValue};
use super::{ALIGNMENT_KEY, DEFAULT_ALIGNMENT, MAGIC, MOST_DIMENSIONS};
use crate::error::{CheckpointError, quote};
use crate::progress::Progress;
use crate::replace_file::ReplaceFile;
use crate::tensor::{Tensor, TensorSpec};

/// The version written.
const VERSION: u32 = 3;
/// Longest tensor name that ggml reads (`GGML_MAX_NAME`, which counts a closing zero).
const LONGEST_NAME: usize = 63;

/// Writes `path`, asking `data` for one tensor at a time.
///
/// Metadata and tensors keep the order given; `data` is called once per tensor in that order. The data is aligned to
/// `general.alignment` if the metadata sets it, else to 32 bytes, and padded with zeros, also after the last tensor.
/// `progress` is called after every tensor and once more when all is on its way, before the file gets its name: what it
/// refuses there leaves no file (a conversion checks there that its source is [still intact](crate::Checkpoint::still_intact)).
/// The file is built beside `path`, synced, and renamed, so an existing one is replaced whole or not at all.
///
/// # Errors
/// Equal or too long names, more than four dimensions, bytes that do not fit the shape, an impossible alignment, or the
/// file system; and whatever `data` and `progress` return.
pub fn write<E: From<CheckpointError>>(
    path: &Path,
    metadata: &GgufMetadata,
    specs: &[TensorSpec],
    mut data: impl FnMut(&TensorSpec) -> Result<Bytes, E>,
    mut progress: impl FnMut(Progress) -> Result<(), E>,
) -> Result<(), E> {
    let alignment = alignment(path, metadata)?;
    let (header, data_len) = header(path, metadata, specs, alignment)?;
    let total = (header.len() as u64).next_multiple_of(alignment) + data_len;

    let mut file = ReplaceFile::create(path)?;
    file.append(&header)?;
    file.pad_to(alignment)?;
    for spec in specs {
        let bytes = data(spec)?;
        spec.check_len(path, bytes.len())?;
        file.append(bytes.as_slice())?;
        file.pad_to(alignment)?;
        progress(Progress { written: file.written(), total })?;
    }
    progress(Progress { written: total, total })?;
    Ok(file.finish()?)
}

/// [`write()`] for tensors that are there already.
///
/// # Errors
/// As [`write()`].
pub fn write_tensors(path: &Path, metadata: &GgufMetadata, tensors: &[&Tensor]) -> Result<(), CheckpointError> {
    let specs: Vec<TensorSpec> = tensors.iter().map(|tensor| tensor.spec()).collect();
    let mut next = tensors.iter();
    let data = |spec: &TensorSpec| {
        let tensor = next.next().filter(|tensor| tensor.name == spec.name);
        tensor.map(|tensor| tensor.data.clone()).ok_or_else(|| refuse_tensor(path, &spec.name, "its turn is past"))
    };
    write(path, metadata, &specs, data, |_| Ok(()))
}

fn refuse_tensor(path: &Path, name: &str, problem: &str) -> CheckpointError {
    CheckpointError::CannotWrite {
        file: path.to_path_buf(),
        what: format!("tensor {}", quote(name)),
        problem: problem.to_owned(),
    }
}

fn alignment(path: &Path, metadata: &GgufMetadata) -> Result<u64, CheckpointError> {
    match metadata.get(ALIGNMENT_KEY) {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(GgufValue::U32(alignment)) if alignment.is_power_of_two() => Ok(u64::from(*alignment)),
        Some(other) => Err(CheckpointError::CannotWrite {
            file: path.to_path_buf(),
            what: format!("metadata key {ALIGNMENT_KEY:?}"),
            problem: format!("it is {}, but must be a u32 that is a power of two", other.describe()),
        }),
    }
}

/// Everything before the data section, unpadded, and the length of that section.
fn header(
    path: &Path,
    metadata: &GgufMetadata,
    specs: &[TensorSpec],
    alignment: u64,
) -> Result<(Vec<u8>, u64), CheckpointError> {
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out.extend((specs.len() as u64).to_le_bytes());
    out.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata.iter() {
        push_string(&mut out, key);
        out.extend(value.type_number().to_le_bytes());
        push_value(&mut out, value);
    }
    let mut names = HashSet::new();
    let mut offset = 0_u64;
    for spec in specs {
        let (dtype, len) = check_spec(path, spec)?;
        if !names.insert(spec.name.as_str()) {
            return Err(refuse_tensor(path, &spec.name, "it is given twice"));
        }
        push_string(&mut out, &spec.name);
        out.extend((spec.shape.len() as u32).to_le_bytes());
        for &dimension in spec.shape.iter().rev() {
            out.extend((dimension as u64).to_le_bytes());
        }
        out.extend(dtype.number.to_le_bytes());
        out.extend(offset.to_le_bytes());
        let next = (len as u64).checked_next_multiple_of(alignment).and_then(|len| offset.checked_add(len));
        offset = next.ok_or_else(|| refuse_tensor(path, &spec.name, "the file would be too large"))?;
    }
    Ok((out, offset))
}

/// The type and size of a tensor that GGUF can hold.
fn check_spec(path: &Path, spec: &TensorSpec) -> Result<(&'static GgmlType, usize), CheckpointError> {
    if spec.name.len() > LONGEST_NAME {
        return Err(refuse_tensor(path, &spec.name, "llama.cpp reads names of at most 63 bytes"));
    }
    if spec.shape.len() > MOST_DIMENSIONS {
        return Err(refuse_tensor(path, &spec.name, "it has more than 4 dimensions"));
    }
    let dtype = ggml_type_of(spec.dtype)
        .ok_or_else(|| refuse_tensor(path, &spec.name, &format!("GGUF has no type {}", spec.dtype)))?;
    Ok((dtype, spec.checked_byte_len(path)?))
}

fn push_string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A value without its type.
fn push_value(out: &mut Vec<u8>, value: &GgufValue) {
    match value {
        GgufValue::U8(n) => out.extend(n.to_le_bytes()),
        GgufValue::I8(n) => out.extend(n.to_le_bytes()),
        GgufValue::U16(n) => out.extend(n.to_le_bytes()),
        GgufValue::I16(n) => out.extend(n.to_le_bytes()),
        GgufValue::U32(n) => out.extend(n.to_le_bytes()),
        GgufValue::I32(n) => out.extend(n.to_le_bytes()),
        GgufValue::F32(x) => out.extend(x.to_le_bytes()),
        GgufValue::Bool(b) => out.push(u8::from(*b)),
        GgufValue::String(s) => push_string(out, s),
        GgufValue::Array(array) => push_array(out, array),
        GgufValue::U64(n) => out.extend(n.to_le_bytes()),
        GgufValue::I64(n) => out.extend(n.to_le_bytes()),
        GgufValue::F64(x) => out.extend(x.to_le_bytes()),
    }
}

/// An array: type of the elements, count, elements without further types.
fn push_array(out: &mut Vec<u8>, array: &GgufArray) {
    out.extend(array.element_type_number().to_le_bytes());
    out.extend((array.len() as u64).to_le_bytes());
    match array {
        GgufArray::U8(v) => out.extend(v),
        GgufArray::I8(v) => v.iter().for_each(|n| out.extend(n.to_le_bytes())),
        GgufArray::U16(v) => v.iter().for_each(|n| out.extend(n.to_le_bytes())),
        GgufArray::I16(v) => v.iter().for_each(|n| out.extend(n.to_le_bytes())),
        GgufArray::U32(v) => v.iter().for_each(|n| out.extend(n.to_le_bytes())),
        GgufArray::I32(v) => v.iter().for_each(|n| out.extend(n.to_le_bytes())),
        GgufArray::F32(v) => v.iter().for_each(|x| out.extend(x.to_le_bytes())),
        GgufArray::Bool(v) => out.extend(v.iter().map(|&b| u8::from(b))),
        GgufArray::String(v) => v.iter().for_each(|s| push_string(out, s)),
        GgufArray::Array(v) => v.iter().for_each(|inner| push_array(out, inner)),
        GgufArray::U64(v) => v.iter().for_each(|n| out.extend(n.to_le_bytes())),
        GgufArray::I64(v) => v.iter().for_each(|n| out.extend(n.to_le_bytes())),
        GgufArray::F64(v) => v.iter().for_each(|x| out.extend(x.to_le_bytes())),
    }
}
