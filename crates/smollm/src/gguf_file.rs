//! A model as one GGUF file, with the names, the order of tensors and rows, and the metadata that llama.cpp expects.

use crate::error::Error;
use crate::files::ModelFiles;
use crate::gguf_vocab::write_vocab;
use crate::info::licence_of_card;
use crate::model::{Parts, stop_ids};
use smollm_checkpoint::gguf::{GgufMetadata, GgufValue};
use smollm_checkpoint::{Progress, TensorSpec, gguf};
use smollm_kernels::{Bytes, Dtype, Matrix};
use smollm_model::permute::to_pairs;
use smollm_model::{ModelConfig, ModelError, Param, RopeConfig, RopeScaling, Shape, Slot, load_matrix, params};
use std::path::Path;

/// What becomes of a model's matrices. Its norms are always F32.
pub(crate) struct Matrices<'a> {
    /// `general.file_type`; that of the source where absent.
    pub(crate) file_type: Option<u32>,
    /// What else the metadata says.
    pub(crate) extra: Vec<(&'static str, GgufValue)>,
    /// The type of each.
    pub(crate) dtype: &'a dyn Fn(&Param) -> Dtype,
    /// Each as that type, rows in Hugging Face order.
    pub(crate) make: &'a mut dyn FnMut(&Param) -> Result<Matrix, Error>,
}

/// Writes the model in `from` to `to`.
pub(crate) fn write(
    parts: &Parts,
    from: &ModelFiles,
    to: &Path,
    matrices: Matrices<'_>,
    mut progress: impl FnMut(Progress) -> Result<(), Error>,
) -> Result<(), Error> {
    let config = &parts.config;
    let mut table = params(config);
    table.sort_by_cached_key(llama_cpp_order);
    let mut metadata = metadata(parts, from, to, matrices.file_type)?;
    for (key, value) in matrices.extra {
        metadata.set(key, value);
    }
    let divisors = rope_divisors(&config.rope, config);
    let mut specs: Vec<TensorSpec> = Vec::new();
    if let Some(divisors) = &divisors {
        specs.push(TensorSpec { name: ROPE_FREQS.into(), dtype: Dtype::F32, shape: vec![divisors.len()] });
    }
    specs.extend(table.iter().map(|p| TensorSpec {
        name: p.gguf_name.clone(),
        dtype: match p.shape {
            Shape::Vector(_) => Dtype::F32,
            Shape::Matrix(..) => (matrices.dtype)(p),
        },
        shape: p.shape.dims(),
    }));
    let data = |spec: &TensorSpec| {
        if let Some(divisors) = divisors.as_ref().filter(|_| spec.name == ROPE_FREQS) {
            return Ok(Matrix::from_f32(1, divisors.len(), divisors.clone()).bytes().clone());
        }
        // the specs are made from the table, so the row is there
        let param = table.iter().find(|p| p.gguf_name == spec.name).expect("the tensor is in the parameter table");
        if let Shape::Vector(_) = param.shape {
            let vector = load_matrix(&parts.checkpoint, param).map_err(ModelError::from)?;
            return Ok(vector.to_dtype(Dtype::F32).bytes().clone());
        }
        let matrix = (matrices.make)(param)?;
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

/// `file_type` replaces that of the source.
fn metadata(parts: &Parts, from: &ModelFiles, to: &Path, file_type: Option<u32>) -> Result<GgufMetadata, Error> {
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
    if let Some(file_type) = file_type {
        metadata.set("general.file_type", file_type);
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
