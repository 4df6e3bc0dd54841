//! One container to another: safetensors directories and GGUF files, with the row order and names each expects.

use crate::error::Error;
use crate::files::ModelFiles;
use crate::gguf_vocab::write_vocab;
use crate::info::licence_of_card;
use crate::model::{Parts, stop_ids};
use crate::outputs::{json_file, small_files, write_model};
use crate::tokenizer_files;
use smollm_checkpoint::gguf::GgufMetadata;
use smollm_checkpoint::{Progress, Tensor, TensorSpec, gguf, safetensors};
use smollm_kernels::{Bytes, Dtype, Matrix};
use smollm_model::permute::to_pairs;
use smollm_model::{ModelConfig, Param, RopeConfig, RopeScaling, Shape, Slot, load_matrix, params};
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
    if let RopeScaling::Divisors(_) = parts.config.rope.scaling {
        let problem = "has a rope_freqs.weight tensor, which config.json cannot express".into();
        return Err(Error::NotAModel { path: from.path().into(), problem });
    }
    let table = params(&parts.config);
    let stored = match (dtype, quantized_matrix(parts, &table)) {
        (None, Some(tensor)) => {
            let (path, tensor, dtype) = (from.path().into(), tensor.name.clone(), tensor.dtype.name());
            return Err(Error::QuantizedSource { path, tensor, dtype });
        }
        (dtype, _) => dtype.unwrap_or_else(|| matrix_dtype(parts, &table)),
    };
    let specs = table.iter().map(|p| TensorSpec { name: p.hf_name.clone(), dtype: stored, shape: p.shape.dims() });
    let mut beside = match from {
        ModelFiles::Directory(directory) => small_files(directory)?,
        ModelFiles::Gguf(_) => tokenizer_files::made_from(&parts.text)?,
    };
    let config = ModelConfig { dtype: Some(stored), ..parts.config.clone() };
    beside.push(json_file("config.json", &config.to_json()));
    let data = |spec: &TensorSpec| {
        let param = row(&table, |p| p.hf_name == spec.name);
        Ok(load_as(parts, param, stored)?.bytes().clone())
    };
    let metadata = [("format".to_owned(), "pt".to_owned())];
    let mut checked = |at: Progress| {
        parts.checkpoint.still_intact()?;
        progress(at)
    };
    write_model(to, &beside, |path| safetensors::write(path, specs.collect(), &metadata, data, &mut checked))
}

fn to_gguf(
    parts: &Parts,
    from: &ModelFiles,
    to: &Path,
    dtype: Option<Dtype>,
    mut progress: impl FnMut(Progress) -> Result<(), Error>,
) -> Result<(), Error> {
    let config = &parts.config;
    let mut table = params(config);
    table.sort_by_cached_key(llama_cpp_order);
    // a file with quantised matrices is a mix of types on purpose
    let stored = match (dtype, quantized_matrix(parts, &table)) {
        (None, Some(_)) => None,
        (dtype, _) => Some(dtype.unwrap_or_else(|| matrix_dtype(parts, &table))),
    };
    let metadata = metadata(parts, from, to, stored)?;
    let divisors = rope_divisors(&config.rope, config);
    let mut specs: Vec<TensorSpec> = Vec::new();
    if let Some(divisors) = &divisors {
        specs.push(TensorSpec { name: ROPE_FREQS.into(), dtype: Dtype::F32, shape: vec![divisors.len()] });
    }
    specs.extend(table.iter().map(|p| TensorSpec {
        name: p.gguf_name.clone(),
        dtype: gguf_dtype(parts, p, stored),
        shape: p.shape.dims(),
    }));
    let data = |spec: &TensorSpec| {
        if let Some(divisors) = divisors.as_ref().filter(|_| spec.name == ROPE_FREQS) {
            return Ok(Matrix::from_f32(1, divisors.len(), divisors.clone()).bytes().clone());
        }
        let param = row(&table, |p| p.gguf_name == spec.name);
        let matrix = load_as(parts, param, spec.dtype)?;
        Ok(match param.permuted_heads {
            Some(heads) => Bytes::from(to_pairs(matrix.bytes().as_slice(), heads, matrix.rows())),
            None => matrix.bytes().clone(),
        })
    };
    let mut checked = |at: Progress| {
        parts.checkpoint.still_intact()?;
        progress(at)
    };
    gguf::write(to, &metadata, &specs, data, &mut checked)
}

/// The tensor that carries frequency divisors in GGUF files.
const ROPE_FREQS: &str = "rope_freqs.weight";

/// The order in which llama.cpp's converter writes tensors: by name, layer after layer, the final norm last.
fn llama_cpp_order(param: &Param) -> (usize, usize, String) {
    let (part, layer) = match param.slot {
        Slot::LmHead | Slot::EmbedTokens => (0, 0),
        Slot::Layer(layer, _) => (1, layer),
        Slot::Norm => (2, 0),
    };
    (part, layer, param.hf_name.clone())
}

/// The row of the table that a tensor was made from.
fn row(table: &[Param], is: impl Fn(&Param) -> bool) -> &Param {
    // the specs are made from the table, so the row is there
    table.iter().find(|p| is(p)).expect("the tensor is in the parameter table")
}

/// Norms are always F32 in GGUF files; a matrix is `stored`, or as it is.
fn gguf_dtype(parts: &Parts, param: &Param, stored: Option<Dtype>) -> Dtype {
    match param.shape {
        Shape::Vector(_) => Dtype::F32,
        Shape::Matrix(..) => stored.or_else(|| Some(tensor(parts, param)?.dtype)).unwrap_or(Dtype::BF16),
    }
}

/// The tensor of a row of the table, if it is there.
fn tensor<'p>(parts: &'p Parts, param: &Param) -> Option<&'p Tensor> {
    let is_gguf = parts.checkpoint.gguf_metadata().is_some();
    parts.checkpoint.get(if is_gguf { &param.gguf_name } else { &param.hf_name })
}

/// The first matrix that is stored in blocks, if there is one.
fn quantized_matrix<'p>(parts: &'p Parts, table: &[Param]) -> Option<&'p Tensor> {
    let matrices = table.iter().filter(|p| matches!(p.shape, Shape::Matrix(..)));
    matrices.filter_map(|p| tensor(parts, p)).find(|t| t.dtype.is_quantized())
}

/// The type of the source's matrices; mixed types follow the first projection.
fn matrix_dtype(parts: &Parts, table: &[Param]) -> Dtype {
    let projection = table.iter().find(|p| p.permuted_heads.is_some());
    projection.and_then(|p| tensor(parts, p)).map_or(Dtype::BF16, |tensor| tensor.dtype)
}

fn load_as(parts: &Parts, param: &Param, dtype: Dtype) -> Result<Matrix, Error> {
    Ok(load_matrix(&parts.checkpoint, param, None).map_err(smollm_model::ModelError::from)?.to_dtype(dtype))
}

/// Frequency divisors, for scalings that llama.cpp takes as a tensor.
fn rope_divisors(rope: &RopeConfig, config: &ModelConfig) -> Option<Vec<f32>> {
    match &rope.scaling {
        RopeScaling::Divisors(divisors) => Some(divisors.clone()),
        RopeScaling::Llama3 { .. } => {
            let plain = RopeConfig { scaling: RopeScaling::None, ..rope.clone() };
            let (plain, _) = plain.frequencies(config.head_dim, config.max_position_embeddings);
            let (scaled, _) = rope.frequencies(config.head_dim, config.max_position_embeddings);
            Some(plain.iter().zip(scaled).map(|(p, s)| p / s).collect())
        }
        RopeScaling::None | RopeScaling::Linear { .. } | RopeScaling::Yarn { .. } => None,
    }
}

/// `stored` is the type of all matrices; `None` where they are as in the source.
fn metadata(parts: &Parts, from: &ModelFiles, to: &Path, stored: Option<Dtype>) -> Result<GgufMetadata, Error> {
    let mut metadata = GgufMetadata::new();
    if let Some(source) = parts.checkpoint.gguf_metadata() {
        // name, licence and the like; what describes this file is set below
        for (key, value) in source.iter().filter(|(key, _)| key.starts_with("general.")) {
            metadata.set(key, value.clone());
        }
    }
    metadata.set("general.architecture", parts.config.architecture.gguf_name());
    metadata.set("general.type", "model");
    if metadata.get("general.name").is_none() {
        metadata.set("general.name", from.model_name());
    }
    if let ModelFiles::Directory(directory) = from
        && let Some(licence) = licence_of_card(directory)
    {
        metadata.set("general.license", licence);
    }
    parts.config.to_gguf(&to.display().to_string(), &mut metadata)?;
    if let Some(stored) = stored {
        metadata.set("general.file_type", file_type(stored));
    }
    metadata.set("general.quantization_version", QUANTIZATION_VERSION);
    match &parts.text.tokenizer {
        Some(tokenizer) => write_vocab(tokenizer.to_gguf()?, parts.config.vocab_size, &mut metadata),
        None => metadata.set("tokenizer.ggml.model", "none"),
    }
    // the configuration knows the roles of a checkpoint whose tokenizer files do not say
    let roles = [
        ("bos", parts.config.bos_token_id),
        ("eos", parts.config.eos_token_ids.first().copied()),
        ("padding", parts.config.pad_token_id),
    ];
    for (role, id) in roles {
        let key = format!("tokenizer.ggml.{role}_token_id");
        if let (Some(id), None) = (id, metadata.get(&key)) {
            metadata.set(key, id);
        }
    }
    // the one other key that llama.cpp has for a token that ends an answer
    let ends = stop_ids(&parts.config, parts.generation_config.as_ref(), None);
    let eos = metadata.optional::<u32>("tokenizer.ggml.eos_token_id")?;
    if let Some(other) = ends.iter().copied().filter(|_| ends.len() > 1).find(|&id| Some(id) != eos) {
        metadata.set("tokenizer.ggml.eot_token_id", other);
    }
    if let Some(template) = &parts.text.template {
        metadata.set("tokenizer.chat_template", template.source());
    }
    Ok(metadata)
}

/// ggml's `GGML_QNT_VERSION`; llama.cpp's converter writes it into every file.
const QUANTIZATION_VERSION: u32 = 2;

/// `general.file_type` (llama.cpp `llama_ftype`).
fn file_type(dtype: Dtype) -> u32 {
    match dtype {
        Dtype::F32 => 0,
        Dtype::F16 => 1,
        _ => 32, // BF16, the only other type that is written here
    }
}
