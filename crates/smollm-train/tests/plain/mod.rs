//! The model in plain f64, token by token, and its derivatives by central differences.

pub(crate) mod case;

use smollm_model::{LayerSlot, ModelConfig, Slot, params};
use smollm_train::Target;
use std::collections::HashMap;
use std::ops::Range;

pub(crate) struct Plain {
    config: ModelConfig,
    places: HashMap<Slot, usize>,
    pub(crate) pairs: HashMap<(usize, LayerSlot), PlainPair>,
}

/// A pair beside a matrix: y += scale B (A (mask x)).
pub(crate) struct PlainPair {
    /// Which tensors A and B are.
    pub(crate) tensors: [usize; 2],
    pub(crate) scale: f64,
    /// For all tokens, if anything is dropped.
    pub(crate) mask: Option<Vec<f32>>,
}

impl Plain {
    pub(crate) fn new(config: &ModelConfig) -> Self {
        let places = params(config).into_iter().enumerate().map(|(place, param)| (param.slot, place)).collect();
        Self { config: config.clone(), places, pairs: HashMap::new() }
    }

    /// The log-probability of each target, and log Z.
    pub(crate) fn log_probs(
        &self,
        tensors: &[Vec<f64>],
        tokens: &[u32],
        documents: &[Range<usize>],
        targets: &[Target],
    ) -> Vec<[f64; 2]> {
        let hidden: Vec<Vec<f64>> =
            documents.iter().flat_map(|document| self.hidden(tensors, tokens, document.clone())).collect();
        let head = self.places.get(&Slot::LmHead).unwrap_or(&self.places[&Slot::EmbedTokens]);
        let one = |target: &Target| {
            let logits = times(&tensors[*head], &hidden[target.row]);
            let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let log_z = max + logits.iter().map(|x| (x - max).exp()).sum::<f64>().ln();
            [logits[target.id as usize] - log_z, log_z]
        };
        targets.iter().map(one).collect()
    }

    /// A product of a layer, for a token of the batch.
    fn product(&self, tensors: &[Vec<f64>], layer: usize, slot: LayerSlot, token: usize, x: &[f64]) -> Vec<f64> {
        let mut out = times(&tensors[self.places[&Slot::Layer(layer, slot)]], x);
        if let Some(PlainPair { tensors: [a, b], scale, mask }) = self.pairs.get(&(layer, slot)) {
            let kept = |i: usize| mask.as_ref().map_or(1.0, |mask| f64::from(mask[token * x.len() + i]));
            let x: Vec<f64> = x.iter().enumerate().map(|(i, x)| x * kept(i)).collect();
            let delta = times(&tensors[*b], &times(&tensors[*a], &x));
            out.iter_mut().zip(delta).for_each(|(out, delta)| *out += scale * delta);
        }
        out
    }

    /// The hidden states of one document.
    fn hidden(&self, tensors: &[Vec<f64>], tokens: &[u32], document: Range<usize>) -> Vec<Vec<f64>> {
        let (first, tokens) = (document.start, &tokens[document]);
        let config = &self.config;
        let (c, dim, eps) = (config.hidden_size, config.head_dim, f64::from(config.rms_norm_eps));
        let table = &tensors[self.places[&Slot::EmbedTokens]];
        let mut x: Vec<Vec<f64>> = tokens.iter().map(|&id| table[id as usize * c..][..c].to_vec()).collect();
        let (frequencies, _) = config.rope.frequencies(dim, config.max_position_embeddings);
        for layer in 0..config.num_hidden_layers {
            let weight = |slot| &tensors[self.places[&Slot::Layer(layer, slot)]];
            let normed: Vec<Vec<f64>> = x.iter().map(|x| norm(x, weight(LayerSlot::InputLayernorm), eps)).collect();
            let project = |slot, rotate: bool| -> Vec<Vec<f64>> {
                let one = |(position, normed): (usize, &Vec<f64>)| {
                    let mut out = self.product(tensors, layer, slot, first + position, normed);
                    for head in out.chunks_exact_mut(dim).filter(|_| rotate && config.rope_layers[layer]) {
                        for i in 0..dim / 2 {
                            let (sin, cos) = (position as f64 * f64::from(frequencies[i])).sin_cos();
                            let (a, b) = (head[i], head[i + dim / 2]);
                            (head[i], head[i + dim / 2]) = (a * cos - b * sin, b * cos + a * sin);
                        }
                    }
                    out
                };
                normed.iter().enumerate().map(one).collect()
            };
            let q = project(LayerSlot::QProj, true);
            let k = project(LayerSlot::KProj, true);
            let v = project(LayerSlot::VProj, false);
            for t in 0..x.len() {
                let mut attended = Vec::new();
                for head in 0..config.num_attention_heads {
                    let shared = head / config.group() * dim;
                    let score = |s: usize| {
                        (0..dim).map(|d| q[t][head * dim + d] * k[s][shared + d]).sum::<f64>() / (dim as f64).sqrt()
                    };
                    let scores: Vec<f64> = (0..=t).map(score).collect();
                    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let weights: Vec<f64> = scores.iter().map(|score| (score - max).exp()).collect();
                    let sum: f64 = weights.iter().sum();
                    attended
                        .extend((0..dim).map(|d| (0..=t).map(|s| weights[s] * v[s][shared + d]).sum::<f64>() / sum));
                }
                add(&mut x[t], &self.product(tensors, layer, LayerSlot::OProj, first + t, &attended));
            }
            for (t, x) in x.iter_mut().enumerate() {
                let product = |slot, x: &[f64]| self.product(tensors, layer, slot, first + t, x);
                let normed = norm(x, weight(LayerSlot::PostAttentionLayernorm), eps);
                let gate = product(LayerSlot::GateProj, &normed);
                let up = product(LayerSlot::UpProj, &normed);
                let inner: Vec<f64> =
                    gate.iter().zip(&up).map(|(gate, up)| gate / (1.0 + (-gate).exp()) * up).collect();
                add(x, &product(LayerSlot::DownProj, &inner));
            }
        }
        x.iter().map(|x| norm(x, &tensors[self.places[&Slot::Norm]], eps)).collect()
    }
}

fn norm(x: &[f64], weight: &[f64], eps: f64) -> Vec<f64> {
    let r = 1.0 / (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64 + eps).sqrt();
    x.iter().zip(weight).map(|(x, weight)| x * r * weight).collect()
}

/// weight x
fn times(weight: &[f64], x: &[f64]) -> Vec<f64> {
    weight.chunks_exact(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
}

fn add(x: &mut [f64], y: &[f64]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

/// The gradient of `loss` with respect to each element, by central differences.
pub(crate) fn differences(tensors: &[Vec<f64>], loss: impl Fn(&[Vec<f64>]) -> f64) -> Vec<Vec<f64>> {
    const STEP: f64 = 1e-5;
    let mut moved = tensors.to_vec();
    let mut out = Vec::new();
    for (place, values) in tensors.iter().enumerate() {
        let one = |i: usize| {
            let mut at = |value: f64| {
                moved[place][i] = value;
                loss(&moved)
            };
            let difference = (at(values[i] + STEP) - at(values[i] - STEP)) / (2.0 * STEP);
            moved[place][i] = values[i];
            difference
        };
        out.push((0..values.len()).map(one).collect());
    }
    out
}
