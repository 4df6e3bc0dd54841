//! What is learnt, and one tensor of f32 for each part of it: weights, their gradients or their moments.

use smollm_kernels::numbers::zeros;
use smollm_model::{LayerSlot, ModelConfig, Param, Shape, Slot, params};
use std::collections::HashMap;

/// Where a tensor that is learnt belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// A tensor of the model itself.
    Base(Slot),
    /// The first matrix (r x inputs) of the pair beside a matrix of a layer.
    LoraA(usize, LayerSlot),
    /// The second one (outputs x r).
    LoraB(usize, LayerSlot),
}

impl From<Slot> for Place {
    fn from(slot: Slot) -> Self {
        Self::Base(slot)
    }
}

/// A tensor that is learnt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnt {
    /// Where it belongs.
    pub place: Place,
    /// Its name in files: in the model's for tensors of the base, in an adapter's for those of pairs.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
}

impl From<&Param> for Learnt {
    fn from(param: &Param) -> Self {
        Self { place: Place::Base(param.slot), name: param.hf_name.clone(), shape: param.shape }
    }
}

/// One tensor for each part of what is learnt, in one order.
#[derive(Debug, Clone)]
pub struct Tensors {
    table: Vec<Learnt>,
    places: HashMap<Place, usize>,
    values: Vec<Vec<f32>>,
}

impl Tensors {
    /// What `fill` makes of each row of `table`; it is given as many zeros as the tensor has elements.
    ///
    /// # Panics
    /// If two rows have one place.
    pub fn of(table: Vec<Learnt>, mut fill: impl FnMut(&Learnt, &mut [f32])) -> Self {
        let places: HashMap<_, _> = table.iter().enumerate().map(|(index, learnt)| (learnt.place, index)).collect();
        assert_eq!(places.len(), table.len(), "a place in a model is learnt twice");
        let tensor = |learnt: &Learnt| {
            let mut values = zeros(learnt.shape.elements());
            fill(learnt, &mut values);
            values
        };
        let values = table.iter().map(tensor).collect();
        Self { table, places, values }
    }

    /// What `fill` makes of each row of the parameter table: all of a model is learnt.
    pub fn new(config: &ModelConfig, mut fill: impl FnMut(&Param, &mut [f32])) -> Self {
        let params = params(config);
        let mut rows = params.iter();
        Self::of(params.iter().map(Learnt::from).collect(), |_, values| {
            rows.next().into_iter().for_each(|param| fill(param, values));
        })
    }

    /// Zeros for all of a model.
    pub fn zeros(config: &ModelConfig) -> Self {
        Self::new(config, |_, _| {})
    }

    /// Zeros in the same places.
    pub fn zeros_like(&self) -> Self {
        Self::of(self.table.clone(), |_, _| {})
    }

    /// What is learnt.
    pub fn table(&self) -> &[Learnt] {
        &self.table
    }

    /// The tensor of a place, if that is learnt.
    pub fn get(&self, place: impl Into<Place>) -> Option<&[f32]> {
        self.places.get(&place.into()).map(|&index| &self.values[index][..])
    }

    /// The tensor of a place, if that is learnt, to be changed.
    pub fn get_mut(&mut self, place: impl Into<Place>) -> Option<&mut [f32]> {
        self.places.get(&place.into()).map(|&index| &mut self.values[index][..])
    }

    /// Every tensor with its row of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&Learnt, &[f32])> {
        self.table.iter().zip(self.values.iter().map(Vec::as_slice))
    }

    /// Every tensor with its row of the table, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Learnt, &mut [f32])> {
        self.table.iter().zip(self.values.iter_mut().map(Vec::as_mut_slice))
    }

    /// Makes every element zero.
    pub fn clear(&mut self) {
        self.values.iter_mut().for_each(|values| values.fill(0.0));
    }
}
