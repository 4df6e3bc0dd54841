//! The tiny random models that the tests of sessions and engines share. Not every test uses all.
#![allow(dead_code)]

use smollm_kernels::{Cpu, Dtype, Matrix};
use smollm_model::{Model, ModelConfig, Shape, Weights, params, store};
use smollm_testkit::golden::{LogitsGolden, logits_golden};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

/// Nine query heads share three key/value heads; context 2,048; vocabulary 256.
pub(crate) fn golden() -> LogitsGolden {
    logits_golden("gqa-9-3")
}

/// That model with its weights in f32.
pub(crate) fn tiny() -> Arc<Model> {
    changed(&[], Dtype::F32)
}

/// The model with some numbers of its configuration changed, and its matrices in `dtype`.
pub(crate) fn changed(changes: &[(&str, usize)], dtype: Dtype) -> Arc<Model> {
    of(&golden(), changes, dtype)
}

/// The same of another golden file.
pub(crate) fn of(golden: &LogitsGolden, changes: &[(&str, usize)], dtype: Dtype) -> Arc<Model> {
    let mut json = golden.config.clone();
    for &(key, value) in changes {
        json[key] = value.into();
    }
    let cpu = Cpu::new(1).unwrap();
    let config = ModelConfig::from_json(json.to_string().as_bytes(), &golden.name).unwrap();
    let mut tensors: HashMap<_, _> =
        smollm_testkit::tiny::weights(&json).into_iter().map(|t| (t.name, t.data)).collect();
    let weights = Weights::from_params(&params(&config), |param| {
        let data = tensors.remove(&param.hf_name).unwrap();
        Ok::<_, Infallible>(match param.shape {
            Shape::Vector(n) => Matrix::from_f32(1, n, data),
            Shape::Matrix(rows, cols) => store(&cpu, &Matrix::from_f32(rows, cols, data), dtype, None).unwrap(),
        })
    });
    let mut model = Model::new(config, weights.unwrap());
    model.pack(&cpu);
    Arc::new(model)
}

/// Numbers that suit every type of weights and cache: rows and heads of whole blocks of 32.
pub(crate) const WHOLE_BLOCKS: &[(&str, usize)] =
    &[("hidden_size", 96), ("num_attention_heads", 6), ("num_key_value_heads", 2), ("head_dim", 32)];
