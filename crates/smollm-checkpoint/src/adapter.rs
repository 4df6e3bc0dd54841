//! LoRA adapters in PEFT form: `adapter_config.json` and `adapter_model.safetensors`, read, checked, and written.
//!
//! For every adapted linear layer `W` the file holds `A` of shape `[r, in]` and `B` of shape `[out, r]`; the layer computes
//! `W x + scaling * B (A x)` with `scaling = alpha / r`, or `alpha / sqrt(r)` for rank-stabilised LoRA (Hu et al. 2021,
//! <https://arxiv.org/abs/2106.09685>, section 4.1; Kalajdzievski 2023, <https://arxiv.org/abs/2312.03732>).

mod config;
mod error;
mod weights;

#[cfg(test)]
mod tests;

pub use config::{AdapterConfig, TargetModules};
pub use error::AdapterError;
pub use weights::{Adapter, LoraTarget};

/// The file names PEFT uses (`peft/utils/constants.py`).
const CONFIG_FILE: &str = "adapter_config.json";
const WEIGHTS_FILE: &str = "adapter_model.safetensors";
