//! The decoder: configuration, one parameter table, one forward pass and KV memory.
//!
//! Letters used for shapes: N tokens in the batch, C hidden, H query heads, G key/value heads, D head dim, F
//! feed-forward, V vocabulary, L layers.
//!
//! SmolLM, SmolLM2 and SmolLM3 are one model with different configuration. The forward pass ends at hidden states;
//! [`lm_head`] is a second step, so that only the rows somebody asks for meet the vocabulary.

#![forbid(unsafe_code)]

mod adapter;
mod batch;
mod block;
mod config;
mod forward;
pub mod init;
mod kv;
mod learn;
mod linear;
pub mod merge;
mod mix;
mod model;
mod params;
pub mod permute;
mod presets;
mod rope;
mod scratch;
mod weights;

pub use adapter::{AdapterError, LoraWeights, low_ranks};
pub use batch::{Batch, Span};
pub use config::{Architecture, ConfigError, GgufConfigError, ModelConfig};
pub use forward::{Runner, lm_head};
pub use kv::{BLOCK_TOKENS, KvLayer, KvPool};
pub use learn::{Activations, Add, Documents, LearnRunner, causal_plan};
pub use linear::{Linear, LowRank};
pub use mix::{Mix, NotFinite, store};
pub use model::{Model, ModelError};
pub use params::{LayerSlot, Param, Shape, Slot, parameter_count, params};
pub use presets::{preset, preset_names};
pub use rope::{Angles, RopeConfig, RopeScaling, Rotary};
/// What [`Model::still_intact`] reports; re-exported for crates that run models and read no files.
pub use smollm_checkpoint::CheckpointError;
pub use weights::{LayerWeights, Storage, Weights, WeightsError, load_matrix};
