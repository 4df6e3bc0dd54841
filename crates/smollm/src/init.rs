//! A fresh random checkpoint with the shape of a released model.

use crate::error::Error;
use crate::model::read_json;
use crate::outputs::{CARD, json_file, small_files, write_model};
use serde_json::Value;
use smollm_checkpoint::{Progress, TensorSpec, safetensors};
use smollm_kernels::{Bytes, Dtype, Matrix};
use smollm_model::init::initial_values;
use smollm_model::{ConfigError, ModelConfig, Shape, params, preset, preset_names};
use std::path::{Path, PathBuf};

/// What to make.
#[derive(Debug, Clone, Default)]
pub struct InitOptions {
    /// Every weight is a function of it.
    pub seed: u64,
    /// Take tokenizer files from this directory; without it the checkpoint works with token ids only.
    pub tokenizer: Option<PathBuf>,
    /// `config.json` keys that differ from the preset.
    pub set: Vec<(String, Value)>,
}

/// Elements made at a time: 4 MB of f32.
const PIECE: usize = 1 << 20;

/// Writes a random-initialised checkpoint of `shape` (a preset's name or a config.json) to the directory `out`;
/// `progress` hears of bytes and may stop it with an error.
///
/// # Errors
/// An unknown shape, an impossible override, or the file system.
pub fn init(
    shape: &str,
    out: &Path,
    options: &InitOptions,
    mut progress: impl FnMut(Progress) -> Result<(), Error>,
) -> Result<ModelConfig, Error> {
    let config = configuration(shape, &options.set)?;
    let dtype = config.dtype.unwrap_or(Dtype::BF16);
    let mut beside = match &options.tokenizer {
        Some(directory) if !directory.join("tokenizer.json").is_file() => {
            return Err(Error::NotAModel { path: directory.clone(), problem: "has no tokenizer.json".into() });
        }
        // their card says nothing about these weights
        Some(directory) => small_files(directory)?.into_iter().filter(|(name, _)| *name != CARD).collect(),
        None => Vec::new(),
    };
    beside.push(json_file("config.json", &config.to_json()));
    let table = params(&config);
    let specs = table.iter().map(|p| TensorSpec { name: p.hf_name.clone(), dtype, shape: p.shape.dims() }).collect();
    let metadata = [("format".to_owned(), "pt".to_owned())];
    let data = |spec: &TensorSpec| {
        // the specs are made from the table, so the name is in it
        let param = table.iter().find(|p| p.hf_name == spec.name).expect("the tensor is in the parameter table");
        let mut values = vec![0.0; param.shape.elements()];
        for (i, piece) in values.chunks_mut(PIECE).enumerate() {
            initial_values(&config, param, options.seed, i * PIECE, piece);
        }
        let (rows, cols) = match param.shape {
            Shape::Vector(n) => (1, n),
            Shape::Matrix(rows, cols) => (rows, cols),
        };
        Ok::<Bytes, Error>(Matrix::from_f32(rows, cols, values).to_dtype(dtype).bytes().clone())
    };
    write_model(out, &beside, |path| safetensors::write(path, specs, &metadata, data, &mut progress))?;
    Ok(config)
}

/// The preset or file with the overrides laid over it, checked as any config.json is.
pub(crate) fn configuration(shape: &str, set: &[(String, Value)]) -> Result<ModelConfig, Error> {
    let mut json = match preset(shape) {
        Some(config) => config.to_json(),
        None => read_json(Path::new(shape))?
            .ok_or_else(|| Error::UnknownShape { shape: shape.into(), known: preset_names().join(", ") })?,
    };
    if json.is_object() {
        for (key, _) in set {
            // what was worked out from these is worked out again, unless it is set too
            match key.as_str() {
                "hidden_size" | "num_attention_heads" => json["head_dim"] = Value::Null,
                "num_hidden_layers" => json["no_rope_layers"] = Value::Null,
                known if ModelConfig::JSON_KEYS.contains(&known) => {}
                unknown => return Err(unknown_key(unknown)),
            }
        }
        for (key, value) in set {
            let key = if key == "dtype" { "torch_dtype" } else { key };
            json[key] = value.clone();
        }
    }
    let config = ModelConfig::from_json(json.to_string().as_bytes(), shape)?;
    match json.get("torch_dtype").or(json.get("dtype")).filter(|dtype| !dtype.is_null()) {
        Some(dtype) if config.dtype.is_none() => Err(ConfigError::Unsupported {
            file: shape.into(),
            field: "torch_dtype".into(),
            found: dtype.to_string(),
            hint: "float32, float16 and bfloat16 can be written".into(),
        }
        .into()),
        _ => Ok(config),
    }
}

/// Most likely a slip of the pen, which must not be passed over.
fn unknown_key(key: &str) -> Error {
    let known = ModelConfig::JSON_KEYS;
    let nearest = known.iter().min_by_key(|known| strsim::damerau_levenshtein(key, known));
    Error::UnknownKey { key: key.into(), nearest: nearest.copied().unwrap_or_default() }
}
