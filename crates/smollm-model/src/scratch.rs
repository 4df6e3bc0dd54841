//! The intermediate results of a forward pass, one buffer each, reused from layer to layer and call to call.

use crate::config::ModelConfig;

/// Buffers for N tokens; shapes are N x the size named.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// C, the residual stream.
    pub(crate) x: Vec<f32>,
    /// C.
    pub(crate) normed: Vec<f32>,
    /// H x D.
    pub(crate) q: Vec<f32>,
    /// G x D.
    pub(crate) k: Vec<f32>,
    /// G x D.
    pub(crate) v: Vec<f32>,
    /// H x D.
    pub(crate) attended: Vec<f32>,
    /// C.
    pub(crate) projected: Vec<f32>,
    /// F.
    pub(crate) gate: Vec<f32>,
    /// F.
    pub(crate) up: Vec<f32>,
    /// F.
    pub(crate) inner: Vec<f32>,
}

impl Scratch {
    /// Gives every buffer the length for `tokens` tokens; memory only ever grows.
    pub(crate) fn resize(&mut self, config: &ModelConfig, tokens: usize) {
        let (c, f) = (config.hidden_size, config.intermediate_size);
        let (q, kv) = (config.query_size(), config.kv_size());
        let sized = [
            (&mut self.x, c),
            (&mut self.normed, c),
            (&mut self.q, q),
            (&mut self.k, kv),
            (&mut self.v, kv),
            (&mut self.attended, q),
            (&mut self.projected, c),
            (&mut self.gate, f),
            (&mut self.up, f),
            (&mut self.inner, f),
        ];
        for (buffer, width) in sized {
            buffer.resize(tokens * width, 0.0);
        }
    }
}
