//! The weights of a model in memory, filled from a checkpoint by walking the parameter table.

use crate::config::ModelConfig;
use crate::linear::Linear;
use crate::mix::{Mix, NotFinite, store};
use crate::params::{LayerSlot, Param, Shape, Slot, params};
use crate::permute::to_halves;
use smollm_checkpoint::{Checkpoint, CheckpointError};
use smollm_kernels::{Bytes, Cpu, Dtype, Matrix, MatrixError};
use std::collections::{HashMap, HashSet};

/// Everything the forward pass multiplies with.
#[derive(Debug, Clone)]
pub struct Weights {
    /// V x C.
    pub embed_tokens: Matrix,
    /// L layers.
    pub layers: Vec<LayerWeights>,
    /// C.
    pub norm: Vec<f32>,
    /// V x C, or `None` where the head is the embedding.
    pub lm_head: Option<Matrix>,
}

/// The weights of one decoder layer.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names are the field's own; shapes stand in `params.rs`")]
pub struct LayerWeights {
    pub input_layernorm: Vec<f32>,
    pub q_proj: Linear,
    pub k_proj: Linear,
    pub v_proj: Linear,
    pub o_proj: Linear,
    pub post_attention_layernorm: Vec<f32>,
    pub gate_proj: Linear,
    pub up_proj: Linear,
    pub down_proj: Linear,
}

/// A checkpoint whose tensors do not make this model; each message names the tensor.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file itself: a tensor is missing, or its bytes are not there.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A tensor has another shape than the configuration says.
    #[error("{file}: tensor `{}` has shape {found:?}, but the configuration asks for {expected:?}", tensor.escape_debug())]
    Shape {
        /// The checkpoint.
        file: String,
        /// The tensor.
        tensor: String,
        /// Its shape, [outputs, inputs].
        found: Vec<usize>,
        /// The shape by the configuration.
        expected: Vec<usize>,
    },
    /// A tensor's rows are not whole blocks of its type, or its bytes do not fit.
    #[error("{file}: tensor `{}`: {source}", tensor.escape_debug())]
    Matrix {
        /// The checkpoint.
        file: String,
        /// The tensor.
        tensor: String,
        /// What does not fit.
        source: MatrixError,
    },
    /// A tensor that was to be quantised is already.
    #[error("{file}: tensor `{tensor}` is already quantised ({dtype}); quantise the model that it was made from")]
    AlreadyQuantized {
        /// The checkpoint.
        file: String,
        /// The tensor.
        tensor: String,
        /// Its type.
        dtype: &'static str,
    },
    /// A tensor that was to be quantised has elements that no block can hold.
    #[error("{file}: tensor `{tensor}`: {source}")]
    NotFinite {
        /// The checkpoint.
        file: String,
        /// The tensor.
        tensor: String,
        /// How many.
        source: NotFinite,
    },
    /// A tensor that the architecture does not know: ignoring it would give a wrong answer.
    #[error("{file}: tensor `{}` is not part of a {architecture} model; refusing to ignore it", tensor.escape_debug())]
    Unknown {
        /// The checkpoint.
        file: String,
        /// The tensor.
        tensor: String,
        /// The model's architecture.
        architecture: &'static str,
    },
}

/// What the matrices of a checkpoint become in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Storage {
    /// What they are in the file, used where they lie.
    #[default]
    AsInFile,
    /// One plain type, rounded to nearest even.
    Plain(Dtype),
    /// Quantised.
    Quantized(&'static Mix),
}

/// What messages call a checkpoint: its first file, or its name in memory.
pub(crate) fn name_of(checkpoint: &Checkpoint) -> String {
    checkpoint.name().display().to_string()
}

impl Weights {
    /// Takes the tensors of `checkpoint` without copying them, but for q and k of GGUF files (see [`crate::permute`])
    /// and where `storage` asks for something else, which `cpu` then makes of them.
    ///
    /// # Errors
    /// A tensor is missing, unknown, of the wrong shape or type, or cannot be quantised.
    pub fn load(
        cpu: &Cpu,
        checkpoint: &Checkpoint,
        config: &ModelConfig,
        storage: Storage,
    ) -> Result<Self, WeightsError> {
        let table = params(config);
        refuse_unknown(checkpoint, config, &table)?;
        Self::from_params(&table, |param| {
            let matrix = load_matrix(checkpoint, param)?;
            let file = || (name_of(checkpoint), param.name_in(checkpoint).to_owned());
            let matrix = match (storage, param.shape) {
                (Storage::AsInFile, _) | (_, Shape::Vector(_)) => matrix,
                (Storage::Plain(dtype), _) => matrix.to_dtype(dtype),
                (Storage::Quantized(_), _) if matrix.dtype().is_quantized() => {
                    let ((file, tensor), dtype) = (file(), matrix.dtype().name());
                    return Err(WeightsError::AlreadyQuantized { file, tensor, dtype });
                }
                (Storage::Quantized(mix), _) => {
                    store(cpu, &matrix, mix.dtype(config, param, false), None).map_err(|source| {
                        let (file, tensor) = file();
                        WeightsError::NotFinite { file, tensor, source }
                    })?
                }
            };
            checkpoint.release_pages(); // what was read has been copied, and need not be in memory twice
            Ok(matrix)
        })
    }

    /// Builds the weights from one matrix per row of the table; vectors are matrices of one row.
    ///
    /// # Errors
    /// Whatever `matrix` returns.
    pub fn from_params<E>(table: &[Param], mut matrix: impl FnMut(&Param) -> Result<Matrix, E>) -> Result<Self, E> {
        let mut slots = HashMap::new();
        for param in table {
            slots.insert(param.slot, matrix(param)?);
        }
        let layers = slots.keys().filter(|slot| matches!(slot, Slot::Layer(_, LayerSlot::QProj))).count();
        // the table has every slot exactly once, so none of these can be absent
        let mut take = |slot: Slot| slots.remove(&slot).expect("the parameter table is complete");
        let layer = |i: usize, take: &mut dyn FnMut(Slot) -> Matrix| {
            let mut part = |slot| take(Slot::Layer(i, slot));
            LayerWeights {
                input_layernorm: vector(&part(LayerSlot::InputLayernorm)),
                q_proj: part(LayerSlot::QProj).into(),
                k_proj: part(LayerSlot::KProj).into(),
                v_proj: part(LayerSlot::VProj).into(),
                o_proj: part(LayerSlot::OProj).into(),
                post_attention_layernorm: vector(&part(LayerSlot::PostAttentionLayernorm)),
                gate_proj: part(LayerSlot::GateProj).into(),
                up_proj: part(LayerSlot::UpProj).into(),
                down_proj: part(LayerSlot::DownProj).into(),
            }
        };
        Ok(Self {
            embed_tokens: take(Slot::EmbedTokens),
            layers: (0..layers).map(|i| layer(i, &mut take)).collect(),
            norm: vector(&take(Slot::Norm)),
            lm_head: table.iter().any(|p| p.slot == Slot::LmHead).then(|| take(Slot::LmHead)),
        })
    }

    /// The tensor of a place; a vector is a matrix of one row.
    ///
    /// # Panics
    /// If there is no such place.
    pub fn tensor(&self, slot: Slot) -> Matrix {
        let vector = |values: &[f32]| Matrix::from_f32(1, values.len(), values.to_vec());
        match slot {
            Slot::EmbedTokens => self.embed_tokens.clone(),
            Slot::LmHead => self.lm_head.clone().expect("the head is tied"),
            Slot::Norm => vector(&self.norm),
            Slot::Layer(layer, LayerSlot::InputLayernorm) => vector(&self.layers[layer].input_layernorm),
            Slot::Layer(layer, LayerSlot::PostAttentionLayernorm) => {
                vector(&self.layers[layer].post_attention_layernorm)
            }
            Slot::Layer(layer, slot) => {
                let found = self.layers[layer].linears().into_iter().find(|(own, _)| *own == slot);
                found.expect("what is no norm is a matrix").1.weight.clone()
            }
        }
    }

    /// Puts another tensor, of the same shape, in a place; a vector is a matrix of one row.
    ///
    /// # Panics
    /// If there is no such place, or the shapes differ.
    pub fn set(&mut self, slot: Slot, tensor: Matrix) {
        match slot {
            Slot::Norm => set_vector(&mut self.norm, &tensor),
            Slot::Layer(layer, LayerSlot::InputLayernorm) => {
                set_vector(&mut self.layers[layer].input_layernorm, &tensor);
            }
            Slot::Layer(layer, LayerSlot::PostAttentionLayernorm) => {
                set_vector(&mut self.layers[layer].post_attention_layernorm, &tensor);
            }
            _ => {
                let own = self.matrix_mut(slot);
                assert_eq!((own.rows(), own.cols()), (tensor.rows(), tensor.cols()), "{slot:?} has another shape");
                *own = tensor;
            }
        }
    }

    /// The matrix of a place, to be changed to another of the same shape.
    ///
    /// # Panics
    /// If there is no such place, or a vector is there.
    pub fn matrix_mut(&mut self, slot: Slot) -> &mut Matrix {
        match slot {
            Slot::EmbedTokens => &mut self.embed_tokens,
            Slot::LmHead => self.lm_head.as_mut().expect("the head is tied"),
            Slot::Norm => panic!("{slot:?} is a vector"),
            Slot::Layer(layer, own) => {
                let found = self.layers[layer].linears_mut().into_iter().find(|(slot, _)| *slot == own);
                &mut found.unwrap_or_else(|| panic!("{slot:?} is a vector")).1.weight
            }
        }
    }

    /// The output matrix, V x C: the embedding where the head is tied.
    pub fn head(&self) -> &Matrix {
        self.lm_head.as_ref().unwrap_or(&self.embed_tokens)
    }

    /// Every matrix, the base ones under adapters among them.
    pub(crate) fn matrices_mut(&mut self) -> impl Iterator<Item = &mut Matrix> {
        let layers = self.layers.iter_mut().flat_map(|layer| layer.linears_mut()).map(|(_, linear)| &mut linear.weight);
        std::iter::once(&mut self.embed_tokens).chain(self.lm_head.as_mut()).chain(layers)
    }

    /// Bytes of all matrices and vectors, those of adapters laid over them among them; a tied head counts once.
    pub fn bytes(&self) -> usize {
        let linear = |l: &Linear| {
            l.weight.bytes_len() + l.adapter.as_ref().map_or(0, |pair| pair.a.bytes_len() + pair.b.bytes_len())
        };
        let layer = |l: &LayerWeights| {
            l.linears().iter().map(|(_, l)| linear(l)).sum::<usize>()
                + 4 * (l.input_layernorm.len() + l.post_attention_layernorm.len())
        };
        self.embed_tokens.bytes_len()
            + self.lm_head.as_ref().map_or(0, Matrix::bytes_len)
            + 4 * self.norm.len()
            + self.layers.iter().map(layer).sum::<usize>()
    }
}

impl LayerWeights {
    /// The seven matrices with their slots.
    pub fn linears(&self) -> [(LayerSlot, &Linear); 7] {
        [
            (LayerSlot::QProj, &self.q_proj),
            (LayerSlot::KProj, &self.k_proj),
            (LayerSlot::VProj, &self.v_proj),
            (LayerSlot::OProj, &self.o_proj),
            (LayerSlot::GateProj, &self.gate_proj),
            (LayerSlot::UpProj, &self.up_proj),
            (LayerSlot::DownProj, &self.down_proj),
        ]
    }

    /// The seven matrices with their slots, to put adapters on.
    pub(crate) fn linears_mut(&mut self) -> [(LayerSlot, &mut Linear); 7] {
        [
            (LayerSlot::QProj, &mut self.q_proj),
            (LayerSlot::KProj, &mut self.k_proj),
            (LayerSlot::VProj, &mut self.v_proj),
            (LayerSlot::OProj, &mut self.o_proj),
            (LayerSlot::GateProj, &mut self.gate_proj),
            (LayerSlot::UpProj, &mut self.up_proj),
            (LayerSlot::DownProj, &mut self.down_proj),
        ]
    }
}

/// Norm weights are always computed in f32, whatever the file holds.
fn vector(matrix: &Matrix) -> Vec<f32> {
    let mut values = vec![0.0; matrix.cols()];
    matrix.row_to_f32(0, &mut values);
    values
}

fn set_vector(own: &mut [f32], matrix: &Matrix) {
    assert_eq!(matrix.rows(), 1, "a vector is one row");
    matrix.row_to_f32(0, own);
}

/// The tensor of one row of the table in Hugging Face row order, by the name it has in the container.
///
/// # Errors
/// It is missing, or of the wrong shape or type.
pub fn load_matrix(checkpoint: &Checkpoint, param: &Param) -> Result<Matrix, WeightsError> {
    let is_gguf = checkpoint.gguf_metadata().is_some();
    let tensor = checkpoint.tensor(param.name_in(checkpoint))?;
    let expected = param.shape.dims();
    if tensor.shape != expected {
        return Err(WeightsError::Shape {
            file: name_of(checkpoint),
            tensor: tensor.name.clone(),
            found: tensor.shape.clone(),
            expected,
        });
    }
    let (rows, cols) = match param.shape {
        Shape::Vector(n) => (1, n),
        Shape::Matrix(rows, cols) => (rows, cols),
    };
    let data = match param.permuted_heads {
        Some(heads) if is_gguf => Bytes::from(to_halves(tensor.data.as_slice(), heads, rows)),
        _ => tensor.data.clone(),
    };
    Matrix::new(tensor.dtype, rows, cols, data).map_err(|source| WeightsError::Matrix {
        file: name_of(checkpoint),
        tensor: tensor.name.clone(),
        source,
    })
}

/// A tensor that nobody asks for is a sign of another architecture (a bias, a second norm); the exceptions are known to
/// carry nothing.
fn refuse_unknown(checkpoint: &Checkpoint, config: &ModelConfig, table: &[Param]) -> Result<(), WeightsError> {
    let is_gguf = checkpoint.gguf_metadata().is_some();
    let known: HashSet<&str> =
        table.iter().map(|p| if is_gguf { p.gguf_name.as_str() } else { p.hf_name.as_str() }).collect();
    let harmless = |name: &str| {
        name == "rope_freqs.weight" // read with the configuration
            || name.ends_with("rotary_emb.inv_freq") // recomputed from rope_theta
            || (config.tie_word_embeddings && name == "lm_head.weight") // the tied copy some exporters write
    };
    match checkpoint.tensors().find(|t| !known.contains(t.name.as_str()) && !harmless(&t.name)) {
        None => Ok(()),
        Some(tensor) => Err(WeightsError::Unknown {
            file: name_of(checkpoint),
            tensor: tensor.name.clone(),
            architecture: config.architecture.hf_name(),
        }),
    }
}
