//! One container to another: safetensors directories and GGUF files, and everything in them.

use crate::error::Error;
use crate::files::ModelFiles;
use crate::gguf_file;
use crate::model::Parts;
use crate::outputs::{CARD, json_file, small_files, write_model};
use crate::tokenizer_files;
use smollm_checkpoint::{Progress, Tensor, TensorSpec, safetensors};
use smollm_kernels::{Dtype, Matrix};
use smollm_model::{ModelConfig, ModelError, Param, RopeScaling, Shape, load_matrix, params};
use std::path::Path;

/// Converts the model in `from` to `to`: a GGUF file if the name ends in `.gguf`, else a safetensors directory.
///
/// Matrices keep their type unless `dtype`, a plain one, names another. Norms are F32 in GGUF files, as llama.cpp needs
/// them, and of the matrices' type in safetensors, as the released models have them. `progress` hears of bytes and may stop
/// the work with an error; then nothing is left at `to`.
///
/// # Errors
/// The source is damaged or unsupported, or says or holds something that the target cannot.
pub fn convert(
    from: &ModelFiles,
    to: &Path,
    dtype: Option<Dtype>,
    progress: impl FnMut(Progress) -> Result<(), Error>,
) -> Result<(), Error> {
    let parts = Parts::read(from)?;
    if to.extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf")) {
        to_gguf(&parts, from, to, dtype, progress)
    } else {
        to_directory(&parts, from, to, dtype, progress)
    }
}

fn to_directory(
    parts: &Parts,
    from: &ModelFiles,
    to: &Path,
    dtype: Option<Dtype>,
    mut progress: impl FnMut(Progress) -> Result<(), Error>,
) -> Result<(), Error> {
    let dtype = plain_dtype(parts, from, dtype)?;
    write_directory(Directory { parts, from, to, dtype, card: None }, &mut |param| load_as(parts, param, dtype), |at| {
        parts.checkpoint.still_intact()?;
        progress(at)
    })
}

/// A model that is to be written as a safetensors directory.
pub(crate) struct Directory<'a> {
    /// Whose configuration, tokenizer and template it has.
    pub(crate) parts: &'a Parts,
    pub(crate) from: &'a ModelFiles,
    pub(crate) to: &'a Path,
    /// The type of all tensors.
    pub(crate) dtype: Dtype,
    /// What stands in the place of the source's card.
    pub(crate) card: Option<String>,
}

/// Writes a directory of the tensors that `make` makes, each of the type of all. `progress` is asked before anything is final.
///
/// # Errors
/// The configuration says what config.json cannot; what the file system refuses, and what `make` and `progress` do.
pub(crate) fn write_directory(
    directory: Directory<'_>,
    make: &mut dyn FnMut(&Param) -> Result<Matrix, Error>,
    mut progress: impl FnMut(Progress) -> Result<(), Error>,
) -> Result<(), Error> {
    let Directory { parts, from, to, dtype, card } = directory;
    if let RopeScaling::Divisors(_) = parts.config.rope.scaling {
        let problem = "has a rope_freqs.weight tensor, which config.json cannot express".into();
        return Err(Error::NotAModel { path: from.named().into(), problem });
    }
    let table = params(&parts.config);
    let specs = table.iter().map(|p| TensorSpec { name: p.hf_name.clone(), dtype, shape: p.shape.dims() });
    let mut beside = match from {
        ModelFiles::Directory(directory) => small_files(directory)?,
        ModelFiles::Gguf(_) | ModelFiles::BuiltIn => tokenizer_files::made_from(&parts.text)?,
    };
    if let Some(card) = card {
        beside.retain(|(name, _)| *name != CARD);
        beside.push((CARD, card.into_bytes()));
    }
    let config = ModelConfig { dtype: Some(dtype), ..parts.config.clone() };
    beside.push(json_file("config.json", &config.to_json()));
    let data = |spec: &TensorSpec| {
        // the specs are made from the table, so the row is there
        let param = table.iter().find(|p| p.hf_name == spec.name).expect("the tensor is in the parameter table");
        Ok(make(param)?.bytes().clone())
    };
    let metadata = [("format".to_owned(), "pt".to_owned())];
    write_model(to, &beside, |path| safetensors::write(path, specs.collect(), &metadata, data, &mut progress))
}

/// The type of all tensors of a directory: that of the source's matrices unless `dtype` names another.
///
/// # Errors
/// They are quantised, and no other type is named.
pub(crate) fn plain_dtype(parts: &Parts, from: &ModelFiles, dtype: Option<Dtype>) -> Result<Dtype, Error> {
    let table = params(&parts.config);
    match (dtype, quantized_matrix(parts, &table)) {
        (None, Some(tensor)) => {
            let (path, tensor, dtype) = (from.named().into(), tensor.name.clone(), tensor.dtype.name());
            Err(Error::QuantizedSource { path, tensor, dtype })
        }
        (dtype, _) => Ok(dtype.unwrap_or_else(|| matrix_dtype(parts, &table))),
    }
}

fn to_gguf(
    parts: &Parts,
    from: &ModelFiles,
    to: &Path,
    dtype: Option<Dtype>,
    progress: impl FnMut(Progress) -> Result<(), Error>,
) -> Result<(), Error> {
    let table = params(&parts.config);
    // a file with quantised matrices is a mix of types on purpose
    let stored = match (dtype, quantized_matrix(parts, &table)) {
        (None, Some(_)) => None,
        (dtype, _) => Some(dtype.unwrap_or_else(|| matrix_dtype(parts, &table))),
    };
    let dtype = |param: &Param| stored.or_else(|| Some(tensor(parts, param)?.dtype)).unwrap_or(Dtype::BF16);
    let mut make = |param: &Param| load_as(parts, param, dtype(param));
    let file_type = stored.map(file_type);
    let matrices = gguf_file::Matrices { file_type, extra: Vec::new(), dtype: &dtype, make: &mut make };
    gguf_file::write(parts, from, to, matrices, progress)
}

/// The tensor of a row of the table, if it is there.
pub(crate) fn tensor<'p>(parts: &'p Parts, param: &Param) -> Option<&'p Tensor> {
    parts.checkpoint.get(param.name_in(&parts.checkpoint))
}

/// The first matrix that is stored in blocks, if there is one.
pub(crate) fn quantized_matrix<'p>(parts: &'p Parts, table: &[Param]) -> Option<&'p Tensor> {
    let matrices = table.iter().filter(|p| matches!(p.shape, Shape::Matrix(..)));
    matrices.filter_map(|p| tensor(parts, p)).find(|t| t.dtype.is_quantized())
}

/// The type of the source's matrices; mixed types follow the first projection.
fn matrix_dtype(parts: &Parts, table: &[Param]) -> Dtype {
    let projection = table.iter().find(|p| p.permuted_heads.is_some());
    projection.and_then(|p| tensor(parts, p)).map_or(Dtype::BF16, |tensor| tensor.dtype)
}

fn load_as(parts: &Parts, param: &Param, dtype: Dtype) -> Result<Matrix, Error> {
    Ok(load_matrix(&parts.checkpoint, param).map_err(ModelError::from)?.to_dtype(dtype))
}

/// `general.file_type` (llama.cpp `llama_ftype`).
fn file_type(dtype: Dtype) -> u32 {
    match dtype {
        Dtype::F32 => 0,
        Dtype::F16 => 1,
        _ => 32, // BF16, the only other type that is written here
    }
}
