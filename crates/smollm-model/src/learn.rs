//! The forward pass of training: whole documents that see themselves, layer by layer, with what the way back wants to know.

use crate::block::{Kv, Placement, Shown, block_forward};
use crate::config::ModelConfig;
use crate::linear::Rows;
use crate::model::Model;
use crate::params::LayerSlot;
use crate::rope::Angles;
use crate::scratch::Scratch;
use smollm_kernels::numbers::fit;
use smollm_kernels::ops::{self, CausalPlan};
use smollm_kernels::{Cpu, Dtype};
use std::ops::Range;

/// Packed documents: N tokens, each of which sees those of its document before it, and itself. Positions count from the beginning
/// of a document.
#[derive(Debug, Clone, Copy)]
pub struct Documents<'a> {
    /// N token ids, document after document.
    pub tokens: &'a [u32],
    /// Which tokens are whose, without gaps.
    pub documents: &'a [Range<usize>],
}

/// What a layer made of its input, for N tokens; shapes are N x the size named.
#[derive(Debug, Default)]
pub struct Activations {
    /// C, the residual stream that came in.
    pub x: Vec<f32>,
    /// H x D, rotated.
    pub q: Vec<f32>,
    /// G x D, rotated.
    pub k: Vec<f32>,
    /// G x D.
    pub v: Vec<f32>,
    /// H, logarithms of the denominators of attention.
    pub log_sums: Vec<f32>,
    /// H x D, what attention gave.
    pub attended: Vec<f32>,
    /// C, the residual stream between attention and feed-forward.
    pub mid: Vec<f32>,
    /// F.
    pub gate: Vec<f32>,
    /// F.
    pub up: Vec<f32>,
    /// F, silu(gate) up.
    pub inner: Vec<f32>,
}

/// Adds to a product of a layer, given its input: N x inputs, N x outputs.
pub type Add<'a> = dyn FnMut(LayerSlot, &[f32], &mut [f32]) + 'a;

/// A batch on its way through the layers.
#[derive(Debug, Default)]
pub struct LearnRunner {
    scratch: Scratch,
    angles: Angles,
    log_sums: Vec<f32>,
}

impl LearnRunner {
    /// Puts the embeddings of the tokens into the residual stream.
    ///
    /// # Panics
    /// A token id >= V, or documents that do not follow each other.
    pub fn begin(&mut self, cpu: &Cpu, model: &Model, batch: &Documents<'_>) {
        self.scratch.resize(&model.config, batch.tokens.len());
        self.log_sums.resize(batch.tokens.len() * model.config.num_attention_heads, 0.0);
        model.rotary.fill(batch.documents.iter().flat_map(|document| 0..document.len()), &mut self.angles);
        ops::embed(cpu, &model.weights.embed_tokens, batch.tokens, &mut self.scratch.x);
    }

    /// The residual stream, N x C: before the first layer, or after the last one that was run.
    pub fn stream(&self) -> &[f32] {
        &self.scratch.x
    }

    /// Puts a residual stream (N x C) in the place of the present one, to run a layer again.
    pub fn set_stream(&mut self, x: &[f32]) {
        self.scratch.x.copy_from_slice(x);
    }

    /// Cosines and sines of the positions, N x D/2, which a layer without rotary embedding has none of.
    pub fn angles(&self, config: &ModelConfig, layer: usize) -> Option<&Angles> {
        config.rope_layers[layer].then_some(&self.angles)
    }

    /// Runs a layer; what it makes of its input is written to `kept`. `add` is given each product as soon as it is done.
    pub fn layer(
        &mut self,
        cpu: &Cpu,
        model: &Model,
        layer: usize,
        batch: &Documents<'_>,
        mut kept: Option<&mut Activations>,
        mut add: Option<&mut Add<'_>>,
    ) {
        let config = &model.config;
        let rows = Rows { of_prompt: 0, adapted: &[], layer };
        let angles = config.rope_layers[layer].then_some(&self.angles);
        let at = Placement { angles, rows, gates: kept.is_some() || add.is_some() };
        let plan = causal_plan(config, batch, model.weights.embed_tokens.dtype());
        let kv = Kv::Batch { plan: &plan, log_sums: &mut self.log_sums };
        let weights = &model.weights.layers[layer];
        block_forward(cpu, config, weights, &at, kv, &mut self.scratch, &mut |shown| match shown {
            Shown::Input(slot, inputs) => {
                let Some(kept) = &mut kept else { return };
                let to = match slot {
                    LayerSlot::InputLayernorm => &mut kept.x,
                    LayerSlot::PostAttentionLayernorm => &mut kept.mid,
                    _ => return, // outlasts the layer, or is made of these in one go
                };
                ops::copy(cpu, inputs, to);
            }
            Shown::Product(slot, x, out) => {
                if let Some(add) = &mut add {
                    add(slot, x, out);
                }
            }
        });
        let Some(kept) = kept else { return };
        // these are written anew by the next layer, whatever they hold
        let scratch = &mut self.scratch;
        for (own, kept) in [
            (&mut scratch.q, &mut kept.q),
            (&mut scratch.k, &mut kept.k),
            (&mut scratch.v, &mut kept.v),
            (&mut scratch.attended, &mut kept.attended),
            (&mut scratch.gate, &mut kept.gate),
            (&mut scratch.up, &mut kept.up),
            (&mut scratch.inner, &mut kept.inner),
            (&mut self.log_sums, &mut kept.log_sums),
        ] {
            let len = own.len();
            std::mem::swap(own, kept);
            fit(own, len);
        }
    }
}

/// Who sees whom in attention over a batch, with products of f32 or bf16.
pub fn causal_plan<'a>(config: &ModelConfig, batch: &Documents<'a>, dtype: Dtype) -> CausalPlan<'a> {
    CausalPlan {
        documents: batch.documents,
        heads: config.num_attention_heads,
        kv_heads: config.num_key_value_heads,
        head_dim: config.head_dim,
        dtype,
    }
}
