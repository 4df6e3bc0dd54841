//! The file of an adapter is watched as the model's own is.

use smollm_checkpoint::adapter::Adapter;
use smollm_checkpoint::{Checkpoint, Tensor};
use smollm_kernels::{Bytes, Cpu, Dtype};
use smollm_model::{Model, ModelConfig, Storage};
use smollm_testkit::golden::{logits_golden, lora_goldens};
use smollm_testkit::stored::{Stored, safetensors_bytes};
use smollm_testkit::tiny;
use std::fs::{self, File};
use std::sync::Arc;

#[test]
fn a_cut_adapter_is_noticed() {
    let golden = &lora_goldens()[0];
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("adapter_model.safetensors");
    let tensors: Vec<_> = golden.tensors.iter().map(|(name, shape)| tiny::tensor(name, shape)).collect();
    fs::write(&weights, safetensors_bytes(&tensors, Stored::F32)).unwrap();
    fs::write(folder.path().join("adapter_config.json"), golden.adapter_config.to_string()).unwrap();

    let base = logits_golden(&golden.base);
    let config = ModelConfig::from_json(base.config.to_string().as_bytes(), "config.json").unwrap();
    let in_memory = tiny::weights(&base.config).into_iter().map(|t| Tensor {
        name: t.name,
        dtype: Dtype::F32,
        shape: t.shape,
        data: Bytes::from(Stored::F32.encode(&t.data)),
    });
    let checkpoint = Arc::new(Checkpoint::from_tensors(in_memory).unwrap());
    let mut model = Model::load(&Cpu::new(1).unwrap(), checkpoint, config, Storage::AsInFile).unwrap();
    model.apply_adapter(&Adapter::open(folder.path()).unwrap()).unwrap();
    model.still_intact().unwrap();

    let length = fs::metadata(&weights).unwrap().len();
    File::options().write(true).open(&weights).unwrap().set_len(length - 1).unwrap();
    let said = model.still_intact().unwrap_err().to_string();
    assert!(said.contains("adapter_model.safetensors") && said.contains("was truncated from"), "{said}");
}
