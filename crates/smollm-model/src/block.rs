//! One decoder layer, written once: attention and SwiGLU, each behind a norm and added to the residual stream.

use crate::config::ModelConfig;
use crate::kv::KvLayer;
use crate::linear::{Rows, gated_linears, linears};
use crate::params::LayerSlot;
use crate::rope::Angles;
use crate::scratch::Scratch;
use crate::weights::LayerWeights;
use smollm_kernels::ops::{self, AttentionPlan, CausalPlan, Qkv};
use smollm_kernels::{Cpu, KvSlot};

/// Where the tokens of a batch stand: their angles, and how they are computed.
pub(crate) struct Placement<'a> {
    /// `None` for a layer without rotary embedding.
    pub(crate) angles: Option<&'a Angles>,
    pub(crate) rows: Rows<'a>,
    /// Whether gate and up are wanted, not only what is made of them.
    pub(crate) gates: bool,
}

/// Whose keys and values the tokens of a batch see.
pub(crate) enum Kv<'a> {
    /// Those of a cache, to which their own are written first.
    Paged { layer: &'a mut KvLayer, slots: &'a [KvSlot], plan: &'a AttentionPlan<'a> },
    /// Those of the batch, which has whole documents; the logarithms of the denominators (N x H) are written.
    Batch { plan: &'a CausalPlan<'a>, log_sums: &'a mut [f32] },
}

/// What a layer shows on its way.
pub(crate) enum Shown<'a> {
    /// The input of a norm or of products, once for those that share it.
    Input(LayerSlot, &'a [f32]),
    /// A product with its input, which may be added to. Gate and up are shown only where [`Placement::gates`] asks for them.
    Product(LayerSlot, &'a [f32], &'a mut [f32]),
}

/// Runs layer `layer` over the residual stream in `scratch.x` (N x C).
pub(crate) fn block_forward(
    cpu: &Cpu,
    config: &ModelConfig,
    layer: &LayerWeights,
    at: &Placement<'_>,
    kv: Kv<'_>,
    scratch: &mut Scratch,
    show: &mut dyn FnMut(Shown<'_>),
) {
    let Scratch { x, normed, q, k, v, attended, projected, gate, up, inner } = scratch;
    show(Shown::Input(LayerSlot::InputLayernorm, x));
    ops::rms_norm(cpu, x, &layer.input_layernorm, config.rms_norm_eps, normed);
    show(Shown::Input(LayerSlot::QProj, normed));
    let qkv = &mut [
        (LayerSlot::QProj, &layer.q_proj, &mut q[..]),
        (LayerSlot::KProj, &layer.k_proj, k),
        (LayerSlot::VProj, &layer.v_proj, v),
    ];
    linears(cpu, at.rows, normed, qkv);
    qkv.iter_mut().for_each(|(slot, _, out)| show(Shown::Product(*slot, normed, out)));
    if let Some(angles) = at.angles {
        ops::rope(cpu, q, config.head_dim, &angles.cos, &angles.sin);
        ops::rope(cpu, k, config.head_dim, &angles.cos, &angles.sin);
    }
    match kv {
        Kv::Paged { layer, slots, plan } => {
            ops::kv_write(cpu, k, slots, &mut layer.k);
            ops::kv_write(cpu, v, slots, &mut layer.v);
            ops::attention(cpu, q, &layer.k, &layer.v, plan, config.num_attention_heads, attended);
        }
        Kv::Batch { plan, log_sums } => ops::causal_attention(cpu, Qkv { q, k, v }, plan, attended, log_sums),
    }
    show(Shown::Input(LayerSlot::OProj, attended));
    linears(cpu, at.rows, attended, &mut [(LayerSlot::OProj, &layer.o_proj, projected)]);
    show(Shown::Product(LayerSlot::OProj, attended, projected));
    ops::add(cpu, x, projected);

    show(Shown::Input(LayerSlot::PostAttentionLayernorm, x));
    ops::rms_norm(cpu, x, &layer.post_attention_layernorm, config.rms_norm_eps, normed);
    show(Shown::Input(LayerSlot::GateProj, normed));
    let gate_up =
        &mut [(LayerSlot::GateProj, &layer.gate_proj, &mut gate[..]), (LayerSlot::UpProj, &layer.up_proj, up)];
    if at.gates {
        linears(cpu, at.rows, normed, gate_up);
        gate_up.iter_mut().for_each(|(slot, _, out)| show(Shown::Product(*slot, normed, out)));
        ops::swiglu(cpu, gate, up, inner);
    } else {
        gated_linears(cpu, at.rows, normed, gate_up, inner);
    }
    show(Shown::Input(LayerSlot::DownProj, inner));
    linears(cpu, at.rows, inner, &mut [(LayerSlot::DownProj, &layer.down_proj, projected)]);
    show(Shown::Product(LayerSlot::DownProj, inner, projected));
    ops::add(cpu, x, projected);
}
