//! How much memory serving a model takes, said before it is served.

use crate::error::Error;
use crate::model::Model;
use serde::Serialize;
use smollm_engine::{EngineOptions, MemoryPlan};

/// The most that the process of `smollm serve` takes with one model, in bytes: `plan` in the JSON of `smollm info --plan --json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Requests that are answered at once.
    pub parallel: usize,
    /// Weights, with an adapter laid over them.
    pub weight_bytes: usize,
    /// Tokens that the cache holds for all requests together.
    pub kv_tokens: usize,
    /// Their keys and values.
    pub kv_bytes: usize,
    /// What forward passes work in, and logits.
    pub buffer_bytes: usize,
    /// The program itself: an allowance for code, libraries, vocabulary, connections and what the allocator keeps.
    pub program_bytes: usize,
    /// All of it.
    pub total_bytes: usize,
}

/// See [`Plan::program_bytes`]. Measured are 12 MB of code and libraries that are touched (16 in a build for tests), and 8 MB for a
/// vocabulary of 49,152 with its merges, connections and what the allocator keeps (docs/LOG.md).
const PROGRAM_BYTES: usize = 20 << 20;

impl Model {
    /// The options of an engine for this model: its context and the type of its cache, the rest as in `options`.
    pub fn engine_options(&self, options: &EngineOptions) -> EngineOptions {
        EngineOptions { context: Some(self.context()), kv_dtype: Some(self.kv_dtype()), ..options.clone() }
    }

    /// What serving it with such an engine takes.
    ///
    /// # Errors
    /// The memory or the cache that `options` allow is too little.
    pub fn plan(&self, options: &EngineOptions) -> Result<Plan, Error> {
        let options = self.engine_options(options);
        let plan = MemoryPlan::new(self.decoder(), &options)?;
        Ok(Plan {
            parallel: options.max_running,
            weight_bytes: plan.weights,
            kv_tokens: plan.kv_tokens,
            kv_bytes: plan.kv,
            buffer_bytes: plan.buffers,
            program_bytes: PROGRAM_BYTES,
            total_bytes: plan.total().saturating_add(PROGRAM_BYTES),
        })
    }
}
