//! The tiny random model that the tests of sessions and engines share.

use smollm_kernels::Matrix;
use smollm_model::{Model, ModelConfig, Shape, Weights, params};
use smollm_testkit::golden::{LogitsGolden, logits_golden};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

/// Nine query heads share three key/value heads; context 2,048; vocabulary 256.
pub(crate) fn golden() -> LogitsGolden {
    logits_golden("gqa-9-3")
}

pub(crate) fn model(golden: &LogitsGolden) -> Arc<Model> {
    let config = ModelConfig::from_json(golden.config.to_string().as_bytes(), &golden.name).unwrap();
    let mut tensors: HashMap<_, _> =
        smollm_testkit::tiny::weights(&golden.config).into_iter().map(|t| (t.name, t.data)).collect();
    let weights = Weights::from_params(&params(&config), |param| {
        let (rows, cols) = match param.shape {
            Shape::Vector(n) => (1, n),
            Shape::Matrix(rows, cols) => (rows, cols),
        };
        Ok::<_, Infallible>(Matrix::from_f32(rows, cols, tensors.remove(&param.hf_name).unwrap()))
    });
    Arc::new(Model::new(config, weights.unwrap()))
}
