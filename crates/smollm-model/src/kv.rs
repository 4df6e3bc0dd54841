//! K/V memory: for each layer two paged buffers. Memory only; which block belongs to whom is the engine's decision.

use crate::config::ModelConfig;
use smollm_kernels::{KvBuffer, KvDtype, KvRole};

/// Tokens per block. 32 keeps the waste of a sequence's last block small, and a block of one head (32 x 64 elements)
/// long enough to stream.
pub const BLOCK_TOKENS: usize = 32;

/// The K and V buffers of every layer, all with the same blocks.
#[derive(Debug)]
pub struct KvPool {
    layers: Vec<KvLayer>,
    blocks: usize,
    dtype: KvDtype,
}

/// K and V of one layer.
#[derive(Debug)]
pub struct KvLayer {
    /// Keys, rotated.
    pub k: KvBuffer,
    /// Values.
    pub v: KvBuffer,
}

impl KvPool {
    /// Room for `tokens` tokens, rounded up to whole blocks. Pages are touched only when written.
    pub fn new(config: &ModelConfig, dtype: KvDtype, tokens: usize) -> Self {
        let blocks = tokens.div_ceil(BLOCK_TOKENS);
        let buffer =
            |role| KvBuffer::new(role, dtype, blocks, BLOCK_TOKENS, config.num_key_value_heads, config.head_dim);
        let layer = || KvLayer { k: buffer(KvRole::Keys), v: buffer(KvRole::Values) };
        let layers = (0..config.num_hidden_layers).map(|_| layer()).collect();
        Self { layers, blocks, dtype }
    }

    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// Number of tokens that fit.
    pub fn capacity(&self) -> usize {
        self.blocks * BLOCK_TOKENS
    }

    /// Element type of the cache.
    pub fn dtype(&self) -> KvDtype {
        self.dtype
    }

    /// Makes block `to` hold what block `from` does, in every layer.
    ///
    /// # Panics
    /// If there is no such block.
    pub fn copy_block(&mut self, from: u32, to: u32) {
        for layer in &mut self.layers {
            layer.k.copy_block(from, to);
            layer.v.copy_block(from, to);
        }
    }

    pub(crate) fn layer_mut(&mut self, layer: usize) -> &mut KvLayer {
        &mut self.layers[layer]
    }
}
