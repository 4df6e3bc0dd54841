//! The files of one state.

use super::{Progress, SaveError, sync_folder};
use crate::optimizer::MomentTensors;
use crate::tensors::{Learnt, Tensors};
use crate::trainer::State;
use serde::{Deserialize, Serialize};
use smollm_checkpoint::{Checkpoint, CheckpointError, TensorSpec, safetensors};
use smollm_kernels::{Bytes, Dtype, Matrix};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

const WEIGHTS: &str = "weights.safetensors";
const MOMENTS: &str = "moments.safetensors";
const STATE: &str = "state.json";
const FORMAT: u32 = 1;
/// Names of moments begin with these.
const FIRST: &str = "first.";
const SECOND: &str = "second.";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateFile {
    format: u32,
    progress: Progress,
    /// Of what `progress` is as JSON without spaces.
    progress_crc32: u32,
    weights_crc32: u32,
    moments_crc32: u32,
}

/// Writes all files of a state into a folder that is made for it.
pub(super) fn write(folder: &Path, state: &State, progress: &Progress) -> Result<(), SaveError> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|error| SaveError::io(folder, "remove", error))?;
    }
    std::fs::create_dir_all(folder).map_err(|error| SaveError::io(folder, "make", error))?;
    let named = |prefix: &str, tensors: &'_ Tensors| -> Vec<(String, Vec<usize>)> {
        tensors.iter().map(|(learnt, _)| (format!("{prefix}{}", learnt.name), learnt.shape.dims())).collect()
    };
    let by_name = |prefix: &str, tensors| -> HashMap<String, &[f32]> {
        Tensors::iter(tensors).map(|(learnt, values)| (format!("{prefix}{}", learnt.name), values)).collect()
    };
    let weights = write_tensors(&folder.join(WEIGHTS), named("", &state.learnt), &by_name("", &state.learnt))?;
    let MomentTensors { first, second } = &state.moments;
    let mut values = by_name(FIRST, first);
    values.extend(by_name(SECOND, second));
    let names = [named(FIRST, first), named(SECOND, second)].concat();
    let moments = write_tensors(&folder.join(MOMENTS), names, &values)?;
    let path = folder.join(STATE);
    let file = StateFile {
        format: FORMAT,
        progress: progress.clone(),
        progress_crc32: progress_crc(&path, progress)?,
        weights_crc32: weights,
        moments_crc32: moments,
    };
    let json = serde_json::to_vec_pretty(&file).map_err(|error| unreadable(&path, &error))?;
    let mut out = std::fs::File::create(&path).map_err(|error| SaveError::io(&path, "create", error))?;
    out.write_all(&json).and_then(|()| out.sync_all()).map_err(|error| SaveError::io(&path, "write", error))?;
    sync_folder(folder);
    Ok(())
}

/// Gives a folder that is whole its name.
pub(super) fn put_in_place(partial: &Path, target: &Path) -> Result<(), SaveError> {
    if target.exists() {
        // the same step again, after an older state was gone back to: the same state
        std::fs::remove_dir_all(target).map_err(|error| SaveError::io(target, "replace", error))?;
    }
    std::fs::rename(partial, target).map_err(|error| SaveError::io(target, "rename the finished folder to", error))?;
    target.parent().into_iter().for_each(sync_folder);
    Ok(())
}

/// The CRC-32 of what was written.
fn write_tensors(
    path: &Path,
    names: Vec<(String, Vec<usize>)>,
    values: &HashMap<String, &[f32]>,
) -> Result<u32, SaveError> {
    let mut crc = crc32fast::Hasher::new();
    let spec = |(name, shape)| TensorSpec { name, dtype: Dtype::F32, shape };
    let data = |spec: &TensorSpec| -> Result<Bytes, CheckpointError> {
        let values = values[&spec.name];
        let bytes = Matrix::from_f32(1, values.len(), values.to_vec()).bytes().clone();
        crc.update(bytes.as_slice());
        Ok(bytes)
    };
    safetensors::write(path, names.into_iter().map(spec).collect(), &[], data, |_| Ok(()))?;
    Ok(crc.finalize())
}

/// All of a state, checked.
pub(super) fn read(folder: &Path, table: &[Learnt]) -> Result<(Progress, Tensors, MomentTensors), SaveError> {
    let (file, weights) = read_weights(folder, table)?;
    let [first, second] = read_tensors(&folder.join(MOMENTS), table, [FIRST, SECOND], file.moments_crc32)?;
    Ok((file.progress, weights, MomentTensors { first, second }))
}

/// A state without its moments, checked.
pub(super) fn read_weights(folder: &Path, table: &[Learnt]) -> Result<(StateFile, Tensors), SaveError> {
    let path = folder.join(STATE);
    let json = std::fs::read(&path).map_err(|error| SaveError::io(&path, "read", error))?;
    let file: StateFile = serde_json::from_slice(&json).map_err(|error| unreadable(&path, &error))?;
    if file.format != FORMAT {
        let problem = format!("its format is {}; this program writes and reads {FORMAT}", file.format);
        return Err(SaveError::Other { path, problem });
    }
    let (expected, found) = (file.progress_crc32, progress_crc(&path, &file.progress)?);
    if expected != found {
        return Err(SaveError::Checksum { path, expected, found });
    }
    if folder.file_name().is_none_or(|name| name.to_string_lossy() != format!("step-{:08}", file.progress.step)) {
        let problem = format!("it is the state of step {}, which the name of its folder is not", file.progress.step);
        return Err(SaveError::State { path, problem });
    }
    let [weights] = read_tensors(&folder.join(WEIGHTS), table, [""], file.weights_crc32)?;
    Ok((file, weights))
}

/// The tensors of `table` under each prefix, of a file with this checksum and no others.
fn read_tensors<const N: usize>(
    path: &Path,
    table: &[Learnt],
    prefixes: [&str; N],
    expected: u32,
) -> Result<[Tensors; N], SaveError> {
    let checkpoint = Checkpoint::open_safetensors(path)?;
    let mut crc = crc32fast::Hasher::new();
    checkpoint.tensors().for_each(|tensor| crc.update(tensor.data.as_slice()));
    let found = crc.finalize();
    if found != expected {
        return Err(SaveError::Checksum { path: path.into(), expected, found });
    }
    let other = |problem: String| SaveError::Other { path: path.into(), problem };
    if checkpoint.tensors().len() != N * table.len() {
        let (has, wanted) = (checkpoint.tensors().len(), N * table.len());
        return Err(other(format!("it has {has} tensors in place of {wanted}")));
    }
    let mut wrong = None;
    let tensors = prefixes.map(|prefix| {
        Tensors::of(table.to_vec(), |learnt, values| {
            let name = format!("{prefix}{}", learnt.name);
            match checkpoint.tensor(&name).ok().filter(|t| t.shape == learnt.shape.dims() && t.dtype == Dtype::F32) {
                Some(tensor) => {
                    let bytes = tensor.data.as_slice().chunks_exact(size_of::<f32>());
                    for (value, bytes) in values.iter_mut().zip(bytes) {
                        *value = f32::from_le_bytes(bytes.try_into().expect("chunks of four bytes"));
                    }
                }
                None => wrong = wrong.take().or(Some(name)),
            }
        })
    });
    checkpoint.still_intact()?;
    match wrong {
        None => Ok(tensors),
        Some(name) => Err(other(format!("it has no tensor {name} of the shape that is learnt"))),
    }
}

fn progress_crc(path: &Path, progress: &Progress) -> Result<u32, SaveError> {
    serde_json::to_vec(progress).map(|json| crc32fast::hash(&json)).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &serde_json::Error) -> SaveError {
    SaveError::State { path: path.into(), problem: error.to_string() }
}
