//! The weights that a run starts from.

use crate::error::Error;
use crate::files::ModelFiles;
use crate::init::configuration;
use crate::model::{Parts, local_files};
use crate::train::recipe::{self, Recipe};
use serde_json::{Value, json};
use smollm_kernels::Matrix;
use smollm_model::init::initial_values;
use smollm_model::{LayerSlot, ModelConfig, Param, Shape, Slot, load_matrix, params};
use smollm_tokenizer::Tokenizer;
use smollm_train::{Learnt, Lora, Tensors};

/// A model at the start of a run.
pub(super) struct Start {
    pub(super) config: ModelConfig,
    pub(super) source: Source,
}

/// Where its tensors come from.
pub(super) enum Source {
    /// A model's files.
    Model {
        /// As the recipe names it.
        name: String,
        files: ModelFiles,
        parts: Box<Parts>,
    },
    /// Chance.
    Init { seed: u64, depth_scaled: bool },
}

impl Start {
    pub(super) fn open(recipe: &Recipe, hub: &dyn smollm_hub::Progress) -> Result<Self, Error> {
        match &recipe.start {
            recipe::Start::Model(name) => {
                let files = local_files(name, hub)?;
                let parts = Box::new(Parts::read(&files)?);
                let config = parts.config.clone();
                Ok(Self { config, source: Source::Model { name: name.clone(), files, parts } })
            }
            recipe::Start::Init(init) => {
                let set: Vec<_> = init.set.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
                let mut config = configuration(&init.shape, &set)?;
                if let Some(std) = init.std {
                    config.initializer_range = std as f32;
                }
                Ok(Self { config, source: Source::Init { seed: init.seed, depth_scaled: init.depth_scaled } })
            }
        }
    }

    /// Whether the recipe's tokens are the model's, and its rows not longer than the model is for.
    pub(super) fn fits(&self, recipe: &Recipe, tokenizer: &Tokenizer) -> Result<(), Error> {
        let (tokens, known) = (tokenizer.vocab_size(), self.config.vocab_size);
        let refused = |problem| Err(Error::Run { path: recipe.output.clone(), problem });
        if tokens > known {
            return refused(format!("the tokenizer has {tokens} tokens and the model knows {known}"));
        }
        let (row, longest) = (recipe.data.sequence_length as usize, self.config.max_position_embeddings);
        if row > longest {
            return refused(format!("data.sequence_length is {row}, and the model has {longest} positions"));
        }
        Ok(())
    }

    /// What tells one start from another: the configuration, and of a model's files the names, shapes and pieces of all tensors.
    pub(super) fn fingerprint(&self) -> Value {
        let digest = match &self.source {
            Source::Model { parts, .. } => {
                let digest = parts.checkpoint.digest();
                digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
            }
            // the recipe has the seed
            Source::Init { .. } => Value::Null,
        };
        json!({ "config": self.config.to_json(), "tensors": digest })
    }

    /// A tensor, as it is at the start.
    pub(super) fn tensor(&self, param: &Param) -> Result<Matrix, Error> {
        match &self.source {
            Source::Model { parts, .. } => {
                parts.checkpoint.still_intact()?;
                load_matrix(&parts.checkpoint, param).map_err(|error| smollm_model::ModelError::from(error).into())
            }
            Source::Init { seed, depth_scaled } => {
                let (rows, cols) = match param.shape {
                    Shape::Vector(len) => (1, len),
                    Shape::Matrix(rows, cols) => (rows, cols),
                };
                let mut values = vec![0.0; rows * cols];
                initial_values(&self.config, param, *seed, 0, &mut values);
                if *depth_scaled && matches!(param.slot, Slot::Layer(_, LayerSlot::OProj | LayerSlot::DownProj)) {
                    // nanotron's `scaled_init_method`: they add to the residual stream twice a layer
                    let scale = 1.0 / (2.0 * self.config.num_hidden_layers as f32).sqrt();
                    values.iter_mut().for_each(|value| *value *= scale);
                }
                Ok(Matrix::from_f32(rows, cols, values))
            }
        }
    }

    /// What is learnt.
    pub(super) fn table(&self, lora: Option<&Lora>) -> Vec<Learnt> {
        match lora {
            Some(lora) => lora.table(),
            None => params(&self.config).iter().map(Learnt::from).collect(),
        }
    }

    /// That, as it is before the first step.
    pub(super) fn learnt(&self, lora: Option<&Lora>, seed: u64) -> Result<Tensors, Error> {
        if let Some(lora) = lora {
            return lora.start(seed, |param| self.tensor(param));
        }
        let mut failed = None;
        let tensors = Tensors::new(&self.config, |param, values| match self.tensor(param) {
            Ok(matrix) => {
                let cols = matrix.cols();
                values.chunks_exact_mut(cols).enumerate().for_each(|(row, to)| matrix.row_to_f32(row, to));
            }
            Err(error) => failed = failed.take().or(Some(error)),
        });
        failed.map_or(Ok(tensors), Err)
    }
}
