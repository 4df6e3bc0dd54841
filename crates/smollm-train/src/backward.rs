//! One decoder layer backwards: the steps of `block_forward` in reverse.

use crate::lora::{Inner, LayerPairs};
use crate::tensors::Tensors;
use crate::turned::Turned;
use smollm_kernels::numbers::fit;
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

/// Memory of the way back, used again from layer to layer and step to step.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// Gradients: of the hidden states, and of the residual stream.
    pub(crate) hidden: Vec<f32>,
    pub(crate) stream: Vec<f32>,
    inner: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    normed: Vec<f32>,
    /// What came out of a norm on the way there.
    again: Vec<f32>,
    attended: Vec<f32>,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    /// The inputs of products, turned.
    operand: Option<Matrix>,
}

/// So many zeros.
pub(crate) fn zeros(numbers: &mut Vec<f32>, len: usize) -> &mut [f32] {
    fit(numbers, len);
    numbers.fill(0.0);
    numbers
}

/// Turns the gradient of a layer's output, `dx` (N x C), into that of its input, and adds those of its weights that are learnt
/// to `gradients`.
pub(crate) fn block_backward(
    given: &Given<'_>,
    kept: &Activations,
    buffers: &mut Buffers,
    dx: &mut [f32],
    gradients: &mut Tensors,
) {
    let Given { cpu, config, index, weights, .. } = *given;
    let Buffers { inner, gate, up, normed, again, attended, q, k, v, operand, .. } = buffers;
    let eps = config.rms_norm_eps;

    given.products(&[(LayerSlot::DownProj, dx)], (&kept.inner, operand), inner, gradients);
    fit(gate, inner.len());
    fit(up, inner.len());
    ops::swiglu_backward(cpu, &kept.gate, &kept.up, inner, gate, up);
    let gate_up = [(LayerSlot::GateProj, &gate[..]), (LayerSlot::UpProj, &up[..])];
    let norm = &weights.post_attention_layernorm;
    given.products(&gate_up, (given.normed(&kept.mid, norm, again), operand), normed, gradients);
    let dweight = gradients.get_mut(Slot::Layer(index, LayerSlot::PostAttentionLayernorm));
    norm_backward(cpu, (&kept.mid, norm, eps), normed, dx, dweight);

    given.products(&[(LayerSlot::OProj, dx)], (&kept.attended, operand), attended, gradients);
    fit(q, kept.q.len());
    fit(k, kept.k.len());
    fit(v, kept.v.len());
    let inputs = Qkv { q: &kept.q, k: &kept.k, v: &kept.v };
    let to = AttentionGradients { dq: q, dk: k, dv: v };
    ops::causal_attention_backward(cpu, inputs, given.plan, [&kept.attended, &kept.log_sums], attended, to);
    if let Some(angles) = given.angles {
        ops::rope_backward(cpu, q, config.head_dim, &angles.cos, &angles.sin);
        ops::rope_backward(cpu, k, config.head_dim, &angles.cos, &angles.sin);
    }
    let qkv = [(LayerSlot::QProj, &q[..]), (LayerSlot::KProj, &k[..]), (LayerSlot::VProj, &v[..])];
    let norm = &weights.input_layernorm;
    given.products(&qkv, (given.normed(&kept.x, norm, again), operand), normed, gradients);
    let dweight = gradients.get_mut(Slot::Layer(index, LayerSlot::InputLayernorm));
    norm_backward(cpu, (&kept.x, norm, eps), normed, dx, dweight);
}

impl Given<'_> {
    /// What a norm makes of x, once more.
    fn normed<'b>(&self, x: &[f32], weight: &[f32], to: &'b mut Vec<f32>) -> &'b [f32] {
        fit(to, x.len());
        ops::rms_norm(self.cpu, x, weight, self.config.rms_norm_eps, to);
        to
    }

    /// The way back through products of the same inputs x, and the pairs beside them, for the gradient of each product: that of x is
    /// written to `dx`; those of what is learnt are added to `gradients`.
    fn products(
        &self,
        products: &[(LayerSlot, &[f32])],
        (x, operand): (&[f32], &mut Option<Matrix>),
        dx: &mut Vec<f32>,
        gradients: &mut Tensors,
    ) {
        self.inputs(products, dx);
        self.weights(products, (x, operand), gradients);
        if let Some(pairs) = &self.pairs {
            pairs.backward(self.cpu, products, (x, self.inner), dx, gradients);
        }
    }

    /// The gradient of what some matrices are multiplied by, for the gradients of the products: the sum of dy W.
    fn inputs(&self, products: &[(LayerSlot, &[f32])], dx: &mut Vec<f32>) {
        for (place, (slot, dy)) in products.iter().enumerate() {
            let weight = self.turned.layer(self.index, *slot);
            fit(dx, dy.len() / weight.cols() * weight.rows());
            let product = &mut [Product { weight, out: dx }];
            if place == 0 {
                ops::matmul(self.cpu, dy, product);
            } else {
                ops::matmul_added(self.cpu, View::new(dy, weight.cols()), product);
            }
        }
    }

    /// Adds dy^T x to the gradient of each matrix that was multiplied by x, if it is learnt.
    fn weights(
        &self,
        products: &[(LayerSlot, &[f32])],
        (x, operand): (&[f32], &mut Option<Matrix>),
        gradients: &mut Tensors,
    ) {
        let mut laid = false;
        for (slot, dy) in products {
            let Some(out) = gradients.get_mut(Slot::Layer(self.index, *slot)) else { continue };
            let turned = self.turned.layer(self.index, *slot);
            let weight = operand.get_or_insert_with(|| Matrix::from_f32(0, 1, Vec::new()));
            if !laid {
                weight.lay(self.cpu, View::new(x, turned.rows()).turned(), self.dtype);
                laid = true;
            }
            let dy = View::new(dy, turned.cols()).turned();
            ops::matmul_added(self.cpu, dy, &mut [Product { weight, out }]);
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
