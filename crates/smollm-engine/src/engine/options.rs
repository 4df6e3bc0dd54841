//! How an engine is set up.

use crate::mask::MaskTiming;
use smollm_kernels::KvDtype;
use smollm_model::BLOCK_TOKENS;
use std::time::Duration;

/// The settings of an engine. None of them changes an answer, but for `context`, where an answer ends at the latest, and the type
/// of the cache.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Element type of the cache; the one that loses nothing where absent.
    pub kv_dtype: Option<KvDtype>,
    /// Tokens of prompt and answer of one sequence; the model's own maximum where absent, and never more than the cache holds.
    pub context: Option<usize>,
    /// Tokens that the cache holds for all sequences together, rounded down to blocks; where absent, what `memory` leaves, or room
    /// for four contexts. Address space is claimed at once, memory as tokens are written.
    pub kv_tokens: Option<usize>,
    /// Bytes that weights, cache and buffers may take together; see [`MemoryPlan`](crate::MemoryPlan).
    pub memory: Option<usize>,
    /// Tokens of finished sequences that stay in the cache for requests that begin alike; whatever is needed is taken from them, so
    /// the default sets no limit. What running sequences begin with in common is shared in any case.
    pub prefix_cache_tokens: usize,
    /// Tokens of a forward pass: what the prompts in it slow the answers down by.
    pub token_budget: usize,
    /// How long the prompts of a step may hold up answers under way, as far as past steps tell: the budget shrinks for that, down to
    /// a block. `None` leaves it as it is.
    pub max_stall: Option<Duration>,
    /// Tokens of an answer that are guessed and verified in one pass, at most; 0 turns speculation off. Guesses come from
    /// [`PromptLookup`](crate::PromptLookup), or whom [`Engine::set_drafter`](crate::Engine::set_drafter) puts in its place.
    pub draft_tokens: usize,
    /// Whether guesses are verified only where that is expected to save time, by measured costs of steps.
    pub draft_gated: bool,
    /// When the masks of answers are computed.
    pub masks: MaskTiming,
    /// Sequences that run at once; a request for n choices is n.
    pub max_running: usize,
    /// Sequences that may wait.
    pub max_waiting: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            kv_dtype: None,
            context: None,
            kv_tokens: None,
            memory: None,
            prefix_cache_tokens: usize::MAX,
            token_budget: 256,
            max_stall: Some(Duration::from_millis(250)),
            draft_tokens: 8,
            draft_gated: true,
            masks: MaskTiming::default(),
            max_running: 64,
            max_waiting: 512,
        }
    }
}

impl EngineOptions {
    /// Rows of the largest forward pass: every sequence its token and the least share of prompts, or a full budget.
    pub(super) fn step_rows(&self) -> usize {
        self.token_budget.max(self.max_running.saturating_add(BLOCK_TOKENS))
    }
}
