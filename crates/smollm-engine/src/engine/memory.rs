//! How much memory an engine takes: predicted before anything is claimed, so that a budget is kept or refused.

use super::EngineOptions;
use crate::error::EngineError;
use crate::score::LOGIT_ROWS;
use smollm_model::{BLOCK_TOKENS, Model, ModelConfig};

/// What an engine takes at most, in bytes, besides the program itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPlan {
    /// The model's matrices and vectors.
    pub weights: usize,
    /// Keys and values of `kv_tokens` tokens.
    pub kv: usize,
    /// Tokens that the cache holds, whole blocks of them.
    pub kv_tokens: usize,
    /// Intermediate results of the largest forward pass, and logits.
    pub buffers: usize,
}

/// Contexts that the cache holds where neither its size nor a budget is given.
const CONTEXTS: usize = 4;

impl MemoryPlan {
    /// The plan of an engine with these options: with a budget, the cache gets what weights and buffers leave.
    ///
    /// # Errors
    /// The budget or the cache is too small for a single block, or the cache type does not suit the model's heads.
    pub fn new(model: &Model, options: &EngineOptions) -> Result<Self, EngineError> {
        let config = &model.config;
        let dtype = options.kv_dtype.unwrap_or_else(|| model.natural_kv_dtype());
        let per_token = config
            .kv_bytes_per_token(dtype)
            .ok_or(EngineError::CacheType { dtype: dtype.name(), head_dim: config.head_dim })?;
        let (weights, buffers) = (model.weights.bytes(), buffers(config, options));
        let per_block = per_token * BLOCK_TOKENS;
        let context = options.context.unwrap_or(config.max_position_embeddings);
        // More than every running sequence can fill is of use to the prefix cache only, which is not worth reserving for.
        let most = || context.saturating_mul(options.max_running.max(1)).div_ceil(BLOCK_TOKENS);
        let wanted = options.kv_tokens.map(|tokens| tokens / BLOCK_TOKENS);
        let blocks = match options.memory {
            None => wanted.unwrap_or_else(|| context.div_ceil(BLOCK_TOKENS).saturating_mul(CONTEXTS)),
            Some(memory) => {
                let needed = weights.saturating_add(buffers).saturating_add(per_block);
                let left = memory.checked_sub(needed).ok_or(EngineError::OverBudget { needed, memory })?;
                (1 + left / per_block).min(wanted.unwrap_or_else(most))
            }
        };
        if blocks == 0 {
            return Err(EngineError::NoCache {
                tokens: options.kv_tokens.unwrap_or(context),
                block_tokens: BLOCK_TOKENS,
            });
        }
        match (blocks.checked_mul(per_block), blocks.checked_mul(BLOCK_TOKENS)) {
            (Some(kv), Some(kv_tokens)) => Ok(Self { weights, kv, kv_tokens, buffers }),
            _ => Err(EngineError::NoMemory { tokens: blocks.saturating_mul(BLOCK_TOKENS) }),
        }
    }

    /// All of it.
    pub fn total(&self) -> usize {
        self.weights.saturating_add(self.kv).saturating_add(self.buffers)
    }

    /// Asks the system for address space as large as the cache, and gives it back: where a cache cannot be, that is said here, and
    /// not by the end of the program.
    pub(super) fn probe(&self) -> Result<(), EngineError> {
        let mut space: Vec<u8> = Vec::new();
        let given = space.try_reserve_exact(self.kv);
        std::hint::black_box(&space); // or the compiler takes it for granted
        given.map_err(|_| EngineError::NoMemory { tokens: self.kv_tokens })
    }
}

/// Bytes that forward passes of the engine work in.
fn buffers(config: &ModelConfig, options: &EngineOptions) -> usize {
    let (c, f) = (config.hidden_size, config.intermediate_size);
    let rows = options.step_rows();
    // The residual stream with its norm and its update, hidden states, the seven results of products (q and the attended values, k,
    // v, gate, up and their product), angles, and the widest activations once more as products take them.
    let row = 4 * c + 2 * config.query_size() + 2 * config.kv_size() + 3 * f + config.head_dim + c.max(f);
    // Logits; of one row also a copy, and a list of candidates twice as wide.
    let logits = (LOGIT_ROWS + 4) * config.vocab_size;
    rows.saturating_mul(row).saturating_add(logits).saturating_mul(size_of::<f32>())
}
