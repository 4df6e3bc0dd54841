//! One decoder layer backwards: the steps of `block_forward` in reverse.

use crate::lora::{Inner, LayerPairs};
use crate::tensors::Tensors;
use crate::turned::Turned;
use smollm_kernels::ops::{self, AttentionGradients, CausalPlan, Product, Qkv};
use smollm_kernels::{Cpu, Dtype, Matrix, View};
use smollm_model::{Activations, Angles, LayerSlot, LayerWeights, ModelConfig, Slot};

/// What the way back through a layer is given beside gradients.
pub(crate) struct Given<'a> {
    pub(crate) cpu: &'a Cpu,
    pub(crate) config: &'a ModelConfig,
    pub(crate) dtype: Dtype,
    pub(crate) index: usize,
    pub(crate) weights: &'a LayerWeights,
    pub(crate) turned: &'a Turned,
    /// Those of the layer, and what they made on the way there.
    pub(crate) pairs: Option<LayerPairs<'a>>,
    pub(crate) inner: &'a Inner,
    /// `None` for a layer without rotary embedding.
    pub(crate) angles: Option<&'a Angles>,
    pub(crate) plan: &'a CausalPlan<'a>,
}

/// Turns the gradient of a layer's output, `dx` (N x C), into that of its input, and adds those of its weights that are learnt
/// to `gradients`.
pub(crate) fn block_backward(given: &Given<'_>, kept: &Activations, dx: &mut [f32], gradients: &mut Tensors) {
    let Given { cpu, config, index, weights, .. } = *given;
    let eps = config.rms_norm_eps;

    let dinner = given.products(&[(LayerSlot::DownProj, dx)], &kept.inner, gradients);
    let (mut dgate, mut dup) = (vec![0.0; dinner.len()], vec![0.0; dinner.len()]);
    ops::swiglu_backward(cpu, &kept.gate, &kept.up, &dinner, &mut dgate, &mut dup);
    let gate_up = [(LayerSlot::GateProj, &dgate[..]), (LayerSlot::UpProj, &dup)];
    let dnormed = given.products(&gate_up, &kept.mid_normed, gradients);
    let dweight = gradients.get_mut(Slot::Layer(index, LayerSlot::PostAttentionLayernorm));
    norm_backward(cpu, (&kept.mid, &weights.post_attention_layernorm, eps), &dnormed, dx, dweight);

    let dattended = given.products(&[(LayerSlot::OProj, dx)], &kept.attended, gradients);
    let [mut dq, mut dk, mut dv] = [&kept.q, &kept.k, &kept.v].map(|x| vec![0.0; x.len()]);
    let inputs = Qkv { q: &kept.q, k: &kept.k, v: &kept.v };
    let to = AttentionGradients { dq: &mut dq, dk: &mut dk, dv: &mut dv };
    ops::causal_attention_backward(cpu, inputs, given.plan, [&kept.attended, &kept.log_sums], &dattended, to);
    if let Some(angles) = given.angles {
        ops::rope_backward(cpu, &mut dq, config.head_dim, &angles.cos, &angles.sin);
        ops::rope_backward(cpu, &mut dk, config.head_dim, &angles.cos, &angles.sin);
    }
    let qkv = [(LayerSlot::QProj, &dq[..]), (LayerSlot::KProj, &dk), (LayerSlot::VProj, &dv)];
    let dnormed = given.products(&qkv, &kept.normed, gradients);
    let dweight = gradients.get_mut(Slot::Layer(index, LayerSlot::InputLayernorm));
    norm_backward(cpu, (&kept.x, &weights.input_layernorm, eps), &dnormed, dx, dweight);
}

impl Given<'_> {
    /// The way back through products of the same inputs x, and the pairs beside them, for the gradient of each product: that of x; those
    /// of what is learnt are added to `gradients`.
    fn products(&self, products: &[(LayerSlot, &[f32])], x: &[f32], gradients: &mut Tensors) -> Vec<f32> {
        let mut dx = self.inputs(products);
        self.weights(products, x, gradients);
        if let Some(pairs) = &self.pairs {
            pairs.backward(self.cpu, products, (x, self.inner), &mut dx, gradients);
        }
        dx
    }

    /// The gradient of what some matrices are multiplied by, for the gradients of the products: the sum of dy W.
    fn inputs(&self, products: &[(LayerSlot, &[f32])]) -> Vec<f32> {
        let mut sum = Vec::new();
        for (slot, dy) in products {
            let weight = self.turned.layer(self.index, *slot);
            let mut out = vec![0.0; dy.len() / weight.cols() * weight.rows()];
            ops::matmul(self.cpu, dy, &mut [Product { weight, out: &mut out }]);
            if sum.is_empty() { sum = out } else { ops::add(self.cpu, &mut sum, &out) }
        }
        sum
    }

    /// Adds dy^T x to the gradient of each matrix that was multiplied by x, if it is learnt.
    fn weights(&self, products: &[(LayerSlot, &[f32])], x: &[f32], gradients: &mut Tensors) {
        let mut operand = None;
        for (slot, dy) in products {
            let Some(out) = gradients.get_mut(Slot::Layer(self.index, *slot)) else { continue };
            let turned = self.turned.layer(self.index, *slot);
            let x =
                operand.get_or_insert_with(|| Matrix::of(self.cpu, View::new(x, turned.rows()).turned(), self.dtype));
            let dy = View::new(dy, turned.cols()).turned();
            ops::matmul_added(self.cpu, dy, &mut [Product { weight: x, out }]);
        }
    }
}

/// [`ops::rms_norm_backward`] of x, weight and eps, where the weight may be frozen.
pub(crate) fn norm_backward(
    cpu: &Cpu,
    (x, weight, eps): (&[f32], &[f32], f32),
    dout: &[f32],
    dx: &mut [f32],
    dweight: Option<&mut [f32]>,
) {
    let mut nobodys = Vec::new();
    let dweight = dweight.unwrap_or_else(|| {
        nobodys.resize(weight.len(), 0.0);
        &mut nobodys
    });
    ops::rms_norm_backward(cpu, x, weight, eps, dout, dx, dweight);
}
