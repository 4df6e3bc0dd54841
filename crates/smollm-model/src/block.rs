//! One decoder layer, written once: attention and SwiGLU, each behind a norm and added to the residual stream.

use crate::config::ModelConfig;
use crate::kv::KvLayer;
use crate::linear::{Rows, gated_linears, linears};
use crate::params::LayerSlot;
use crate::rope::Angles;
use crate::scratch::Scratch;
use crate::weights::LayerWeights;
use smollm_kernels::ops::{self, AttentionPlan};
use smollm_kernels::{Cpu, KvSlot};

/// Where the tokens of a batch stand: their angles, their cache slots, which keys each of them sees, and how they are computed.
pub(crate) struct Placement<'a> {
    /// `None` for a layer without rotary embedding.
    pub(crate) angles: Option<&'a Angles>,
    pub(crate) slots: &'a [KvSlot],
    pub(crate) plan: &'a AttentionPlan<'a>,
    pub(crate) rows: Rows<'a>,
}

/// Runs layer `layer` over the residual stream in `scratch.x` (N x C), writing its K/V to `kv`. `see` is shown the inputs of
/// the products, once for those that share them.
pub(crate) fn block_forward(
    cpu: &Cpu,
    config: &ModelConfig,
    layer: &LayerWeights,
    at: &Placement<'_>,
    kv: &mut KvLayer,
    scratch: &mut Scratch,
    see: &mut dyn FnMut(LayerSlot, &[f32]),
) {
    let Scratch { x, normed, q, k, v, attended, projected, gate, up, inner } = scratch;
    ops::rms_norm(cpu, x, &layer.input_layernorm, config.rms_norm_eps, normed);
    see(LayerSlot::QProj, normed);
    let qkv = &mut [
        (LayerSlot::QProj, &layer.q_proj, &mut q[..]),
        (LayerSlot::KProj, &layer.k_proj, k),
        (LayerSlot::VProj, &layer.v_proj, v),
    ];
    linears(cpu, at.rows, normed, qkv);
    if let Some(angles) = at.angles {
        ops::rope(cpu, q, config.head_dim, &angles.cos, &angles.sin);
        ops::rope(cpu, k, config.head_dim, &angles.cos, &angles.sin);
    }
    ops::kv_write(cpu, k, at.slots, &mut kv.k);
    ops::kv_write(cpu, v, at.slots, &mut kv.v);
    ops::attention(cpu, q, &kv.k, &kv.v, at.plan, config.num_attention_heads, attended);
    see(LayerSlot::OProj, attended);
    linears(cpu, at.rows, attended, &mut [(LayerSlot::OProj, &layer.o_proj, projected)]);
    ops::add(cpu, x, projected);

    ops::rms_norm(cpu, x, &layer.post_attention_layernorm, config.rms_norm_eps, normed);
    see(LayerSlot::GateProj, normed);
    let gate_up =
        &mut [(LayerSlot::GateProj, &layer.gate_proj, &mut gate[..]), (LayerSlot::UpProj, &layer.up_proj, up)];
    gated_linears(cpu, at.rows, normed, gate_up, inner);
    see(LayerSlot::DownProj, inner);
    linears(cpu, at.rows, inner, &mut [(LayerSlot::DownProj, &layer.down_proj, projected)]);
    ops::add(cpu, x, projected);
}
