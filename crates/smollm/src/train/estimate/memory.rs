//! The memory of a run: what there is of each weight, and what a micro-batch leaves on its way.

use crate::error::Error;
use crate::train::recipe::{Keeping, Objective, Precision, Recipe};
use smollm_model::{ModelConfig, Param, Shape, Slot, params};
use smollm_train::{Lora, Place};

/// Elements of tensors, by what becomes of them.
pub(super) struct Sizes {
    /// All of the base.
    pub(super) base: u64,
    /// Matrices of the base that products take: the table of embeddings counts once for itself and once more as the head.
    pub(super) lying: u64,
    /// Those that the way back takes turned.
    pub(super) turned: u64,
    /// Matrices of layers alone.
    pub(super) layers: u64,
    /// The head's.
    pub(super) head: u64,
    /// Pairs of adapters.
    pub(super) adapters: u64,
    /// What is learnt.
    pub(super) learnt: u64,
}

impl Sizes {
    pub(super) fn new(recipe: &Recipe, config: &ModelConfig) -> Result<Self, Error> {
        let table = params(config);
        let elements = |keep: &dyn Fn(&Param) -> bool| -> u64 {
            table.iter().filter(|param| keep(param)).map(|param| param.shape.elements() as u64).sum()
        };
        let matrix = |param: &Param| matches!(param.shape, Shape::Matrix(..));
        let untied = table.iter().any(|param| param.slot == Slot::LmHead);
        let base = elements(&|_| true);
        let (mut adapters, mut saved) = (0, 0);
        match &recipe.lora {
            None => saved = base,
            Some(lora) => {
                for learnt in Lora::new(lora.adapter(None), config)?.table() {
                    let elements = learnt.shape.elements() as u64;
                    match learnt.place {
                        Place::LoraA(..) | Place::LoraB(..) => adapters += elements,
                        Place::Base(_) => saved += elements,
                    }
                }
            }
        }
        Ok(Self {
            base,
            lying: elements(&matrix),
            turned: elements(&|param| matrix(param) && (param.slot != Slot::EmbedTokens || !untied)),
            layers: elements(&|param| matrix(param) && matches!(param.slot, Slot::Layer(..))),
            head: (config.vocab_size * config.hidden_size) as u64,
            adapters,
            learnt: adapters + saved,
        })
    }
}

/// Bytes by what they are for, as if all were there at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct MemoryNeed {
    /// f32 masters of what is learnt.
    pub weights: u64,
    /// f32.
    pub gradients: u64,
    /// Two of f32.
    pub moments: u64,
    /// Matrices as products take them on the way there.
    pub compute_weights: u64,
    /// The same, turned, for the way back.
    pub turned_weights: u64,
    /// The weights of a reference, lying and turned, where it is not the base of adapters: it is made beside the model that learns, whether
    /// it is asked once or in each step.
    pub reference: u64,
    /// What a micro-batch keeps for the way back.
    pub activations: u64,
    /// Buffers of one layer on the way back.
    pub working: u64,
    /// Logits of the targets that exist together, and their gradient turned.
    pub logits: u64,
}

impl MemoryNeed {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.parts().iter().map(|(_, bytes)| bytes).sum()
    }

    /// Each part with its name.
    pub fn parts(&self) -> [(&'static str, u64); 9] {
        [
            ("weights (f32)", self.weights),
            ("gradients (f32)", self.gradients),
            ("moments (2 x f32)", self.moments),
            ("weights for products", self.compute_weights),
            ("the same, turned", self.turned_weights),
            ("reference", self.reference),
            ("activations", self.activations),
            ("buffers of a layer", self.working),
            ("logits", self.logits),
        ]
    }
}

/// Targets whose logits exist together (`smollm-train/src/head.rs`).
const TARGETS: u64 = 256;
const F32: u64 = 4;

pub(super) fn need(recipe: &Recipe, config: &ModelConfig, sizes: &Sizes) -> MemoryNeed {
    let tokens = recipe.batch.micro_rows * u64::from(recipe.data.sequence_length);
    let element = if recipe.compute.dtype == Precision::Bf16 { 2 } else { F32 };
    let [width, query, kv, inner, heads] = [
        config.hidden_size,
        config.query_size(),
        config.kv_size(),
        config.intermediate_size,
        config.num_attention_heads,
    ]
    .map(|size| size as u64);
    // The fields of `smollm_model::Activations`: x, normed, mid, mid_normed; q, attended; k, v; gate, up, inner; log_sums.
    let layer = 4 * width + 2 * query + 2 * kv + 3 * inner + heads;
    let layers = config.num_hidden_layers as u64;
    let kept = match recipe.compute.activations {
        Keeping::Keep => layers * layer,
        // the inputs of all layers, and all of one
        Keeping::Recompute => layers * width + layer,
    };
    // The scratch of the way there, and on the way back the gradients of what a layer kept, with the widest operand turned.
    let working = layer + 4 * width + 3 * inner + 2 * query + 2 * kv + inner.max(width);
    let second = matches!(recipe.objective, Objective::Preference { .. }) && recipe.lora.is_none();
    MemoryNeed {
        weights: sizes.learnt * F32,
        gradients: sizes.learnt * F32,
        moments: sizes.learnt * 2 * F32,
        compute_weights: (sizes.lying + sizes.adapters) * element,
        turned_weights: (sizes.turned + sizes.adapters) * element,
        reference: if second { (sizes.lying + sizes.turned) * element } else { 0 },
        activations: tokens * kept * F32,
        working: tokens * working * F32,
        logits: 2 * TARGETS * config.vocab_size as u64 * F32,
    }
}
