//! A decoder ready to run: configuration, weights, rotary frequencies and the files they are mapped from.

use crate::adapter::{AdapterError, apply};
use crate::config::{ConfigError, ModelConfig};
use crate::kv::BLOCK_TOKENS;
use crate::rope::Rotary;
use crate::weights::{Storage, Weights, WeightsError};
use smollm_checkpoint::adapter::Adapter;
use smollm_checkpoint::{Checkpoint, CheckpointError};
use smollm_kernels::{Cpu, Dtype, KvDtype};
use std::sync::Arc;

/// A loaded model. Weights are mapped from disk, so loading costs almost nothing and memory is shared between processes.
#[derive(Debug, Clone)]
pub struct Model {
    /// Shape and constants.
    pub config: ModelConfig,
    /// The matrices.
    pub weights: Weights,
    pub(crate) rotary: Rotary,
    /// What the weights are mapped from; `None` where they were made in memory.
    checkpoint: Option<Arc<Checkpoint>>,
    /// What the adapters over them are mapped from.
    adapters: Vec<Arc<Checkpoint>>,
}

/// Tokens of the prompt class come in multiples of it, whole blocks of the cache: fewer are not worth expanding weights for.
const PROMPT_GRAIN: usize = 2 * BLOCK_TOKENS;

/// Why a checkpoint did not become a model.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the step it names")]
pub enum ModelError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Adapter(#[from] AdapterError),
}

impl Model {
    /// Builds the model that `config` describes from the tensors of `checkpoint`, whose matrices become what `storage` says.
    ///
    /// # Errors
    /// A tensor is missing, unknown, of the wrong shape or type, or cannot be quantised.
    pub fn load(
        cpu: &Cpu,
        checkpoint: Arc<Checkpoint>,
        config: ModelConfig,
        storage: Storage,
    ) -> Result<Self, ModelError> {
        let weights = Weights::load(cpu, &checkpoint, &config, storage)?;
        Ok(Self { checkpoint: Some(checkpoint), ..Self::new(config, weights) })
    }

    /// A model of weights that are in memory already.
    pub fn new(config: ModelConfig, weights: Weights) -> Self {
        let rotary = Rotary::new(&config.rope, config.head_dim, config.max_position_embeddings);
        Self { config, weights, rotary, checkpoint: None, adapters: Vec::new() }
    }

    /// Brings quantised matrices, and bf16 ones where there is a tile unit, into the form that this machine multiplies fastest, in
    /// memory of their own, and lets the pages go that they were read from: so each matrix is in memory once. The other types are used
    /// as they lie.
    pub fn pack(&mut self, cpu: &Cpu) {
        for matrix in self.weights.matrices_mut() {
            *matrix = matrix.pack(cpu);
            // One after the other, so that not even while loading everything is in memory twice.
            if matrix.is_packed()
                && let Some(checkpoint) = &self.checkpoint
            {
                checkpoint.release_pages();
            }
        }
    }

    /// How many tokens at the beginning of a prompt of `prompt_len` are of the prompt class; all others, and every token that is
    /// generated, are of the generated class. On `cpu`, the one that the model is run on.
    ///
    /// The classes differ in the arithmetic of products with quantised weights, where there are two
    /// ([`Matrix::expands`](smollm_kernels::Matrix::expands)); elsewhere this is 0. Which class a token is of depends on its position
    /// and the length of the prompt alone, so keys and values of a block are of one class, and are not to be used in the place of
    /// those of the other.
    pub fn prompt_end(&self, cpu: &Cpu, prompt_len: usize) -> usize {
        let expands =
            || self.weights.layers.iter().flat_map(|layer| layer.linears()).any(|(_, l)| l.weight.expands(cpu));
        let end = prompt_len / PROMPT_GRAIN * PROMPT_GRAIN;
        if end > 0 && expands() { end } else { 0 }
    }

    /// Lays a LoRA adapter over the weights.
    ///
    /// # Errors
    /// The adapter targets a module that the model does not have, or has the wrong shape.
    pub fn apply_adapter(&mut self, adapter: &Adapter) -> Result<(), ModelError> {
        apply(&mut self.weights, &self.config, adapter)?;
        self.adapters.extend(adapter.source().cloned());
        Ok(())
    }

    /// The files, those of adapters too, still are what was mapped. Called before results are handed out, because a mapped
    /// file that was cut short reads as zeros up to the end of its last page.
    ///
    /// # Errors
    /// A file was truncated or replaced since it was opened.
    pub fn still_intact(&self) -> Result<(), CheckpointError> {
        self.checkpoint.iter().chain(&self.adapters).try_for_each(|checkpoint| checkpoint.still_intact())
    }

    /// The tensors behind the model, if it came from files.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_deref()
    }

    /// The cache type that loses nothing the weights have: f32 for f32 weights, else the weights' own 16-bit type.
    pub fn natural_kv_dtype(&self) -> KvDtype {
        match self.weights.layers.first().map(|l| l.k_proj.weight.dtype()) {
            Some(Dtype::F32) => KvDtype::F32,
            Some(Dtype::F16) => KvDtype::F16,
            _ => KvDtype::BF16,
        }
    }
}
