//! The forward pass: tokens in, hidden states out; and the head that turns chosen rows into logits.

use crate::batch::{Batch, ByClass};
use crate::block::{Kv, Placement, Shown, block_forward};
use crate::kv::{BLOCK_TOKENS, KvPool};
use crate::linear::Rows;
use crate::model::Model;
use crate::params::LayerSlot;
use crate::rope::Angles;
use crate::scratch::Scratch;
use smollm_kernels::Cpu;
use smollm_kernels::ops::{self, AttentionPlan, AttentionSpan, Product};

/// A model being run: the buffers that forward passes reuse. One per thread of control, not per sequence.
#[derive(Debug, Default)]
pub struct Runner {
    scratch: Scratch,
    angles: Angles,
    hidden: Vec<f32>,
}

impl Runner {
    /// Runs `batch` through every layer and the final norm; returns the hidden states, N x C.
    ///
    /// Every token's K/V is written to `kv` at the slot its block table names, so earlier tokens of the same sequences
    /// must already be there. The result of a token depends on its sequence and its class alone, bit for bit: not on what shares
    /// the batch, on how its prompt was cut, on where its blocks lie or on the number of threads.
    ///
    /// # Panics
    /// A token id >= V or a block table too short for its positions: the caller checks requests before they get here.
    pub fn forward(&mut self, cpu: &Cpu, model: &Model, batch: &Batch, kv: &mut KvPool) -> &[f32] {
        self.forward_seen(cpu, model, batch, kv, &mut |_, _, _| {})
    }

    /// [`Runner::forward`] that asks before every layer whether to go on, and whether it came to its end; then
    /// [`Runner::hidden`] has the result. If not, the slots of the batch hold K/V of some layers: whoever reads them has to
    /// compute the tokens again.
    pub fn forward_while(
        &mut self,
        cpu: &Cpu,
        model: &Model,
        batch: &Batch,
        kv: &mut KvPool,
        go_on: &mut dyn FnMut() -> bool,
    ) -> bool {
        self.layers(cpu, model, batch, kv, go_on, &mut |_, _, _| {})
    }

    /// The hidden states of the last complete forward pass, N x C.
    pub fn hidden(&self) -> &[f32] {
        &self.hidden
    }

    /// [`Runner::forward`], with what each norm and matrix of a layer is given (N x inputs) shown to `see`: under
    /// [`LayerSlot::QProj`] also for k and v, under [`LayerSlot::GateProj`] also for up. Rows of the prompt class come first.
    pub fn forward_seen(
        &mut self,
        cpu: &Cpu,
        model: &Model,
        batch: &Batch,
        kv: &mut KvPool,
        see: &mut dyn FnMut(usize, LayerSlot, &[f32]),
    ) -> &[f32] {
        self.layers(cpu, model, batch, kv, &mut || true, see);
        &self.hidden
    }

    fn layers(
        &mut self,
        cpu: &Cpu,
        model: &Model,
        batch: &Batch,
        kv: &mut KvPool,
        go_on: &mut dyn FnMut() -> bool,
        see: &mut dyn FnMut(usize, LayerSlot, &[f32]),
    ) -> bool {
        let config = &model.config;
        let ByClass { batch, prompt_rows, rows } = batch.by_class();
        let batch = &*batch;
        self.scratch.resize(config, batch.len());
        self.hidden.resize(batch.len() * config.hidden_size, 0.0);
        model.rotary.fill(batch.positions(), &mut self.angles);
        let slots = batch.slots();
        let adapted = batch.adapted();
        let plan = AttentionPlan::new(attention_spans(batch), BLOCK_TOKENS, config.group());

        ops::embed(cpu, &model.weights.embed_tokens, &batch.tokens, &mut self.scratch.x);
        for (i, layer) in model.weights.layers.iter().enumerate() {
            if !go_on() {
                return false;
            }
            let angles = config.rope_layers[i].then_some(&self.angles);
            let rows = Rows { of_prompt: prompt_rows, adapted: &adapted, layer: i };
            let at = Placement { angles, rows, gates: false };
            let kv = Kv::Paged { layer: kv.layer_mut(i), slots: &slots, plan: &plan };
            block_forward(cpu, config, layer, &at, kv, &mut self.scratch, &mut |shown| {
                if let Shown::Input(slot, inputs) = shown {
                    see(i, slot, inputs);
                }
            });
        }
        let (mut start, width) = (0, config.hidden_size);
        for own in rows {
            let x = &self.scratch.x[start * width..(start + own.len()) * width];
            start += own.len();
            let hidden = &mut self.hidden[own.start * width..own.end * width];
            ops::rms_norm(cpu, x, &model.weights.norm, config.rms_norm_eps, hidden);
        }
        true
    }
}

/// The logits of some hidden states: `hidden` is M x C, `logits` M x V. (Logits are of the generated class whatever token they follow:
/// they are what tokens are generated from.)
pub fn lm_head(cpu: &Cpu, model: &Model, hidden: &[f32], logits: &mut [f32]) {
    ops::matmul(cpu, hidden, &mut [Product { weight: model.weights.head(), out: logits }]);
}

fn attention_spans(batch: &Batch) -> Vec<AttentionSpan<'_>> {
    let mut start = 0;
    let span = |s: &'_ crate::batch::Span| {
        let q_start = start;
        start += s.len;
        (q_start, s.len, s.position)
    };
    let starts: Vec<_> = batch.sequences.iter().map(span).collect();
    starts
        .into_iter()
        .zip(&batch.sequences)
        .map(|((q_start, q_len, position), s)| AttentionSpan { q_start, q_len, position, block_table: &s.block_table })
        .collect()
}
