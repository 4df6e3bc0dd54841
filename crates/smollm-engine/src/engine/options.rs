//! How an engine is set up.

use crate::error::EngineError;
use smollm_kernels::KvDtype;
use smollm_model::{BLOCK_TOKENS, Model};

/// The settings of an engine. None of them changes an answer, but for `context`, where an answer ends at the latest, and the type
/// of the cache.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Element type of the cache; the one that loses nothing where absent.
    pub kv_dtype: Option<KvDtype>,
    /// Tokens of prompt and answer of one sequence; the model's own maximum where absent, and never more than the cache holds.
    pub context: Option<usize>,
    /// Tokens that the cache holds for all sequences together, rounded down to blocks; room for four contexts where absent.
    /// Address space is claimed at once, memory as tokens are written.
    pub kv_tokens: Option<usize>,
    /// Tokens of a forward pass: what the prompts in it slow the answers down by.
    pub token_budget: usize,
    /// Sequences that run at once; a request for n choices is n.
    pub max_running: usize,
    /// Sequences that may wait.
    pub max_waiting: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { kv_dtype: None, context: None, kv_tokens: None, token_budget: 256, max_running: 64, max_waiting: 512 }
    }
}

impl EngineOptions {
    /// Blocks of the cache.
    pub(super) fn blocks(&self, model: &Model) -> Result<usize, EngineError> {
        let context = self.context.unwrap_or(model.config.max_position_embeddings);
        let blocks = match self.kv_tokens {
            Some(tokens) => tokens / BLOCK_TOKENS,
            None => 4 * context.div_ceil(BLOCK_TOKENS),
        };
        if blocks == 0 {
            return Err(EngineError::NoCache { tokens: self.kv_tokens.unwrap_or(0), block_tokens: BLOCK_TOKENS });
        }
        Ok(blocks)
    }
}
