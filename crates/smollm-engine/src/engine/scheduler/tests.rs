//! How the shares of a step are ordered.

use crate::engine::tests::tiny_model;
use crate::engine::{Engine, EngineOptions};
use crate::request::{Request, Submission};
use smollm_checkpoint::Tensor;
use smollm_checkpoint::adapter::{Adapter, AdapterConfig};
use smollm_kernels::{Bytes, Cpu, Dtype};
use smollm_model::LoraWeights;
use smollm_testkit::golden::{logits_golden, lora_goldens};
use smollm_testkit::stored::Stored;
use smollm_testkit::tiny::tensor;
use std::sync::Arc;

#[test]
fn sequences_with_one_adapter_stand_side_by_side() {
    let golden = &lora_goldens()[0];
    let base = tiny_model::of(&logits_golden(&golden.base), &[], Dtype::F32);
    let config = AdapterConfig::parse(golden.adapter_config.to_string().as_bytes()).unwrap();
    let tensors = golden.tensors.iter().map(|(name, shape)| {
        let data = Bytes::from(Stored::F32.encode(&tensor(name, shape).data));
        Tensor { name: name.clone(), dtype: Dtype::F32, shape: shape.clone(), data }
    });
    let adapter = Adapter::from_tensors(config, tensors).unwrap();
    let loaded = || Some(Arc::new(LoraWeights::new(&base, &adapter).unwrap()));
    let (one, other) = (loaded(), loaded());
    let cpu = Arc::new(Cpu::new(1).unwrap());
    let mut engine = Engine::new(base.clone(), cpu, &EngineOptions::default()).unwrap();
    for adapter in [&one, &other, &None, &one, &None, &other] {
        let submission = Submission::new(vec![5, 6, 7], Request::default());
        engine.submit(Submission { adapter: adapter.clone(), ..submission }).unwrap();
    }
    let shares = engine.scheduler.schedule(&mut engine.pool, 256);
    let order: Vec<usize> = shares.iter().map(|share| share.index).collect();
    assert_eq!(order, [2, 4, 0, 3, 1, 5]);
}
