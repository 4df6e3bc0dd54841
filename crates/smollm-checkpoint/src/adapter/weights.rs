//! The matrices of an adapter: paired, checked against the configuration, and named after the layers they change.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::config::AdapterConfig;
use super::error::AdapterError;
use super::{CONFIG_FILE, WEIGHTS_FILE};
use crate::checkpoint::Checkpoint;
use crate::error::CheckpointError;
use crate::replace_file::ReplaceFile;
use crate::safetensors;
use crate::tensor::Tensor;

/// What PEFT puts before every module name.
const PREFIX: &str = "base_model.model.";
const A_SUFFIX: &str = ".lora_A.weight";
const B_SUFFIX: &str = ".lora_B.weight";

/// The correction of one linear layer: `scaling * B A`.
#[derive(Clone, Debug)]
pub struct LoraTarget {
    /// `[r, in]`.
    pub a: Tensor,
    /// `[out, r]`.
    pub b: Tensor,
    /// `alpha / r`, or `alpha / sqrt(r)` for rank-stabilised LoRA.
    pub scaling: f32,
}

impl LoraTarget {
    /// The rank.
    pub fn rank(&self) -> usize {
        self.a.shape[0]
    }

    /// Inputs of the layer.
    pub fn inputs(&self) -> usize {
        self.a.shape[1]
    }

    /// Outputs of the layer.
    pub fn outputs(&self) -> usize {
        self.b.shape[0]
    }
}

/// A valid adapter: every `A` has its `B`, and the shapes fit each other and the configuration.
#[derive(Debug)]
pub struct Adapter {
    config: AdapterConfig,
    targets: BTreeMap<String, LoraTarget>,
    saved: Vec<Tensor>,
    /// The opened file.
    source: Option<Arc<Checkpoint>>,
}

impl Adapter {
    /// Opens a folder as PEFT's `save_pretrained` writes it.
    ///
    /// # Errors
    /// Missing or broken files, options that are not supported, tensors that do not fit together.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let folder = folder.as_ref();
        let config_file = folder.join(CONFIG_FILE);
        let weights_file = folder.join(WEIGHTS_FILE);
        for file in [&config_file, &weights_file] {
            if !file.is_file() {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let hint =
                    if folder.join("adapter_model.bin").exists() { "; save it as safetensors with PEFT" } else { "" };
                return Err(CheckpointError::not_a_checkpoint(
                    folder,
                    format!("is not a LoRA adapter folder: {name} is missing{hint}"),
                ));
            }
        }
        let bytes = std::fs::read(&config_file).map_err(|error| CheckpointError::io(&config_file, "read", error))?;
        let config = AdapterConfig::parse(&bytes)
            .map_err(|error| CheckpointError::Adapter { file: config_file.clone(), error })?;
        let source = Checkpoint::open_safetensors(&weights_file)?;
        if let Some(other) = source.other_tensors().first() {
            source.tensor(&other.name)?;
        }
        let mut adapter = Self::from_tensors(config, source.tensors().cloned())
            .map_err(|error| CheckpointError::Adapter { file: weights_file, error })?;
        adapter.source = Some(Arc::new(source));
        Ok(adapter)
    }

    /// An adapter of tensors named as in PEFT's file (`base_model.model.<module>.lora_A.weight`), in any order.
    ///
    /// # Errors
    /// Tensors that are no part of an adapter, or do not fit together or the configuration.
    pub fn from_tensors(
        config: AdapterConfig,
        tensors: impl IntoIterator<Item = Tensor>,
    ) -> Result<Self, AdapterError> {
        let mut halves: BTreeMap<String, (Option<Tensor>, Option<Tensor>)> = BTreeMap::new();
        let mut saved = Vec::new();
        for mut tensor in tensors {
            let full = tensor.name.clone();
            let unknown = |expected| AdapterError::UnknownTensor { name: full.clone(), expected };
            let name = full.strip_prefix(PREFIX);
            let name = name.ok_or_else(|| unknown("its name does not begin with \"base_model.model.\""))?;
            if let Some(module) = name.strip_suffix(A_SUFFIX) {
                halves.entry(module.to_owned()).or_default().0 = Some(tensor);
            } else if let Some(module) = name.strip_suffix(B_SUFFIX) {
                halves.entry(module.to_owned()).or_default().1 = Some(tensor);
            } else if name.contains("lora_") || !name.ends_with(".weight") {
                return Err(unknown("it is neither lora_A.weight, lora_B.weight nor a whole weight"));
            } else {
                tensor.name = name.to_owned();
                saved.push(tensor);
            }
        }
        let mut targets = BTreeMap::new();
        for (module, halves) in halves {
            let target = pair(&config, &module, halves)?;
            targets.insert(module, target);
        }
        if targets.is_empty() && saved.is_empty() {
            return Err(AdapterError::Empty);
        }
        Ok(Self { config, targets, saved, source: None })
    }

    /// The configuration.
    pub fn config(&self) -> &AdapterConfig {
        &self.config
    }

    /// Every adapted layer by its name in the model (`model.layers.0.self_attn.q_proj`), in the order of names.
    pub fn targets(&self) -> impl ExactSizeIterator<Item = (&str, &LoraTarget)> {
        self.targets.iter().map(|(module, target)| (module.as_str(), target))
    }

    /// The correction of one layer.
    pub fn target(&self, module: &str) -> Option<&LoraTarget> {
        self.targets.get(module)
    }

    /// Weights that were trained whole (`modules_to_save`, resized embeddings) and replace the model's of the same name.
    pub fn saved(&self) -> &[Tensor] {
        &self.saved
    }

    /// The opened file, whose bytes the tensors share: whoever computes with them asks it whether it is
    /// [still intact](Checkpoint::still_intact). `None` where the tensors were in memory.
    pub fn source(&self) -> Option<&Arc<Checkpoint>> {
        self.source.as_ref()
    }

    /// Writes the folder that PEFT's `from_pretrained` reads; it is created if it is not there. Each file is replaced whole or not at
    /// all, and where there was a configuration that says something else, it goes first: no reader ever sees it with the new matrices.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn write(&self, folder: impl AsRef<Path>) -> Result<(), CheckpointError> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(|error| CheckpointError::io(folder, "create", error))?;
        let pairs = self.targets.values().flat_map(|target| [target.a.clone(), target.b.clone()]);
        let saved = self.saved.iter().map(|t| Tensor { name: format!("{PREFIX}{}", t.name), ..t.clone() });
        let tensors: Vec<Tensor> = pairs.chain(saved).collect();
        let tensors: Vec<&Tensor> = tensors.iter().collect();
        let (config_file, json) = (folder.join(CONFIG_FILE), self.config.to_json());
        if std::fs::read(&config_file).is_ok_and(|before| before != json.as_bytes()) {
            std::fs::remove_file(&config_file).map_err(|error| CheckpointError::io(&config_file, "replace", error))?;
        }
        safetensors::write_tensors(&folder.join(WEIGHTS_FILE), &tensors, &[("format".to_owned(), "pt".to_owned())])?;
        let mut config = ReplaceFile::create(&config_file)?;
        config.append(json.as_bytes())?;
        config.finish()
    }
}

/// Joins the halves of one layer.
fn pair(
    config: &AdapterConfig,
    module: &str,
    halves: (Option<Tensor>, Option<Tensor>),
) -> Result<LoraTarget, AdapterError> {
    let full = |suffix: &str| format!("{PREFIX}{module}{suffix}");
    let (a, b) = match halves {
        (Some(a), Some(b)) => (a, b),
        (a, _) => {
            let (present, missing) = if a.is_some() { (A_SUFFIX, B_SUFFIX) } else { (B_SUFFIX, A_SUFFIX) };
            return Err(AdapterError::NoPartner { present: full(present), missing: full(missing) });
        }
    };
    let rank = config.rank(module)?;
    let shape_error = |tensor: &Tensor, expected: String| AdapterError::Shape {
        name: tensor.name.clone(),
        shape: tensor.shape.clone(),
        expected,
    };
    if a.shape.len() != 2 || a.shape[0] != rank {
        return Err(shape_error(&a, format!("[{rank}, inputs] (r of the configuration is {rank})")));
    }
    if b.shape.len() != 2 || b.shape[1] != rank {
        return Err(shape_error(&b, format!("[outputs, {rank}] (A has {rank} rows)")));
    }
    let scaling = config.scaling(module, rank)?;
    Ok(LoraTarget { a, b, scaling })
}
