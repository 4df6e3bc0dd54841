//! One tensor of f32 for each row of the parameter table: weights, their gradients or their moments.

use smollm_model::{LayerSlot, ModelConfig, Param, Slot, params};
use std::collections::HashMap;

/// Tensors in the order of the parameter table.
#[derive(Debug, Clone)]
pub struct Tensors {
    table: Vec<Param>,
    places: HashMap<Slot, usize>,
    values: Vec<Vec<f32>>,
}

impl Tensors {
    /// What `fill` makes of each row of the table; it is given as many zeros as the tensor has elements.
    pub fn new(config: &ModelConfig, mut fill: impl FnMut(&Param, &mut [f32])) -> Self {
        let table = params(config);
        let places = table.iter().enumerate().map(|(place, param)| (param.slot, place)).collect();
        let tensor = |param: &Param| {
            let mut values = vec![0.0; param.shape.elements()];
            fill(param, &mut values);
            values
        };
        let values = table.iter().map(tensor).collect();
        Self { table, places, values }
    }

    /// Zeros.
    pub fn zeros(config: &ModelConfig) -> Self {
        Self::new(config, |_, _| {})
    }

    /// The rows of the table.
    pub fn table(&self) -> &[Param] {
        &self.table
    }

    /// The tensor of a place in the model, if it has that place.
    pub fn get(&self, slot: Slot) -> Option<&[f32]> {
        self.places.get(&slot).map(|&place| &self.values[place][..])
    }

    /// Every tensor with its row of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&Param, &[f32])> {
        self.table.iter().zip(self.values.iter().map(Vec::as_slice))
    }

    /// Every tensor with its row of the table, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Param, &mut [f32])> {
        self.table.iter().zip(self.values.iter_mut().map(Vec::as_mut_slice))
    }

    /// Makes every element zero.
    pub fn clear(&mut self) {
        self.values.iter_mut().for_each(|values| values.fill(0.0));
    }

    /// A tensor of a layer, to be changed.
    ///
    /// # Panics
    /// If the model has no such layer.
    pub(crate) fn layer_mut(&mut self, layer: usize, slot: LayerSlot) -> &mut [f32] {
        self.slot_mut(Slot::Layer(layer, slot))
    }

    /// A tensor, to be changed.
    ///
    /// # Panics
    /// If the model has no such place.
    pub(crate) fn slot_mut(&mut self, slot: Slot) -> &mut [f32] {
        let place = *self.places.get(&slot).unwrap_or_else(|| panic!("the model has no {slot:?}"));
        &mut self.values[place]
    }

    /// The place of the head's weights: the embedding where it is tied.
    pub(crate) fn head(&self) -> Slot {
        if self.places.contains_key(&Slot::LmHead) { Slot::LmHead } else { Slot::EmbedTokens }
    }
}
