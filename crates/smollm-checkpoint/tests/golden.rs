//! Files that the Python packages wrote (`reference/checkpoint_golden.py`): read as they read them, and written byte for byte.
//!
//! A writer that gives the very bytes of `safetensors` and `gguf` for the same input writes what those packages read. For
//! `adapter_config.json`, where every version of PEFT writes other fields, the sha256 of a file that PEFT 0.21.2 was seen to
//! load stands in the test (`cargo run -p smollm-checkpoint --example rewrite_adapter testdata/checkpoint/adapter DIR`, then
//! `checkpoint_golden.py read-adapter DIR`).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};
use smollm_checkpoint::adapter::{Adapter, AdapterConfig, TargetModules};
use smollm_checkpoint::gguf::{self, GgufArray, GgufMetadata, GgufValue};
use smollm_checkpoint::{Checkpoint, Tensor, safetensors};
use smollm_kernels::Bytes;

fn folder() -> PathBuf {
    smollm_testkit::testdata().join("checkpoint")
}

fn golden(part: &str) -> Value {
    let text = fs::read_to_string(folder().join("golden.json")).expect("golden.json");
    serde_json::from_str::<Value>(&text).expect("JSON")[part].take()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One line per tensor: name, type, shape, and the sha256 of the data where we give access to it.
fn described(checkpoint: &Checkpoint) -> Vec<String> {
    let weights = checkpoint
        .tensors()
        .map(|t| format!("{} {} {:?} {}", t.name, t.dtype.name(), t.shape, sha256(t.data.as_slice())));
    let others = checkpoint.other_tensors().iter().map(|t| format!("{} {} {:?}", t.name, t.dtype, t.shape));
    weights.chain(others).collect()
}

/// The same lines out of the golden file; `weights` are the names we give access to.
fn expected(part: &str, checkpoint: &Checkpoint) -> Vec<String> {
    let tensors = golden(part)["tensors"].as_array().expect("a list").clone();
    let is_weight = |tensor: &&Value| checkpoint.get(tensor["name"].as_str().unwrap()).is_some();
    let line = |t: &Value| {
        let shape: Vec<u64> = t["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
        format!("{} {} {shape:?}", t["name"].as_str().unwrap(), t["dtype"].as_str().unwrap())
    };
    let weights = tensors.iter().filter(is_weight).map(|t| format!("{} {}", line(t), t["sha256"].as_str().unwrap()));
    let others = tensors.iter().filter(|t| !is_weight(t)).map(line);
    weights.chain(others).collect()
}

/// `first` written again is byte for byte what Python wrote.
fn assert_same_bytes(first: &Path, written: &Path) {
    let (expected, found) = (fs::read(first).expect("read"), fs::read(written).expect("read"));
    let differs = expected.iter().zip(&found).position(|(a, b)| a != b);
    assert!(
        expected == found,
        "{}: {} and {} bytes, first difference {differs:?}",
        first.display(),
        expected.len(),
        found.len()
    );
}

#[test]
fn safetensors_are_read_and_written_as_by_python() {
    let path = folder().join("weights.safetensors");
    let checkpoint = Checkpoint::open_safetensors(&path).expect("valid");
    assert_eq!(described(&checkpoint), expected("weights.safetensors", &checkpoint));
    assert_eq!(checkpoint.tensors().len(), 8);
    assert_eq!(checkpoint.safetensors_metadata(), [("format".to_owned(), "pt".to_owned())]);

    let out = tempfile::tempdir().expect("a folder");
    let written = out.path().join("weights.safetensors");
    // In another order than the file's: the order written does not depend on it.
    let mut tensors: Vec<&Tensor> = checkpoint.tensors().collect();
    tensors.reverse();
    safetensors::write_tensors(&written, &tensors, checkpoint.safetensors_metadata()).expect("written");
    assert_same_bytes(&path, &written);
}

#[test]
fn other_types_are_listed_beside_weights() {
    let checkpoint = Checkpoint::open_safetensors(folder().join("mixed.safetensors")).expect("valid");
    let (mut found, mut wanted) = (described(&checkpoint), expected("mixed.safetensors", &checkpoint));
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
    assert_eq!(checkpoint.tensors().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["weight"]);
    assert_eq!(checkpoint.other_tensors().len(), 5);

    let checkpoint = Checkpoint::open_gguf(folder().join("mixed.gguf")).expect("valid");
    assert_eq!(described(&checkpoint), expected("mixed.gguf", &checkpoint));
    let others: Vec<_> = checkpoint.other_tensors().iter().map(|t| t.dtype).collect();
    assert_eq!(others, ["IQ2_XXS", "TQ2_0", "Q8_K", "MXFP4", "I8"]);
}

#[test]
fn shards_are_one_model() {
    let checkpoint = Checkpoint::open_safetensors(folder().join("sharded")).expect("valid");
    assert_eq!(described(&checkpoint), expected("sharded", &checkpoint));
    assert_eq!(checkpoint.files().len(), 2);
}

/// A metadata value as JSON, the way Python shows it.
fn shown(value: &GgufValue) -> Value {
    let float = |x: f64| Value::from(x);
    match value {
        GgufValue::U8(n) => (*n).into(),
        GgufValue::I8(n) => (*n).into(),
        GgufValue::U16(n) => (*n).into(),
        GgufValue::I16(n) => (*n).into(),
        GgufValue::U32(n) => (*n).into(),
        GgufValue::I32(n) => (*n).into(),
        GgufValue::U64(n) => (*n).into(),
        GgufValue::I64(n) => (*n).into(),
        GgufValue::F32(x) => float((*x).into()),
        GgufValue::F64(x) => float(*x),
        GgufValue::Bool(b) => (*b).into(),
        GgufValue::String(s) => s.as_str().into(),
        GgufValue::Array(array) => match array {
            GgufArray::U8(v) => v.clone().into(),
            GgufArray::I8(v) => v.clone().into(),
            GgufArray::U16(v) => v.clone().into(),
            GgufArray::I16(v) => v.clone().into(),
            GgufArray::U32(v) => v.clone().into(),
            GgufArray::I32(v) => v.clone().into(),
            GgufArray::U64(v) => v.clone().into(),
            GgufArray::I64(v) => v.clone().into(),
            GgufArray::F32(v) => v.iter().map(|&x| float(x.into())).collect(),
            GgufArray::F64(v) => v.iter().map(|&x| float(x)).collect(),
            GgufArray::Bool(v) => v.clone().into(),
            GgufArray::String(v) => v.clone().into(),
            GgufArray::Array(v) => v.iter().map(|inner| shown(&GgufValue::Array(inner.clone()))).collect(),
        },
    }
}

#[test]
fn gguf_is_read_and_written_as_by_python() {
    let path = folder().join("values.gguf");
    let checkpoint = Checkpoint::open_gguf(&path).expect("valid");
    assert_eq!(described(&checkpoint), expected("values.gguf", &checkpoint));
    assert_eq!(checkpoint.tensors().len(), 16);

    let metadata = checkpoint.gguf_metadata().expect("metadata");
    let nested = metadata.get("array.nested").expect("there");
    assert_eq!(shown(nested), serde_json::json!([[1, 2], [3], [4, 5, 6]]));
    let wanted = golden("values.gguf")["metadata"].as_object().expect("an object").clone();
    let found: Vec<_> = metadata.iter().filter(|(key, _)| *key != "array.nested").collect();
    assert_eq!(found.iter().map(|(key, _)| *key).collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (key, value) in found {
        assert_eq!(shown(value), wanted[key], "{key}");
    }

    let out = tempfile::tempdir().expect("a folder");
    let written = out.path().join("values.gguf");
    gguf::write_tensors(&written, metadata, &checkpoint.tensors().collect::<Vec<_>>()).expect("written");
    assert_same_bytes(&path, &written);
}

#[test]
fn alignments_and_parts_are_written_byte_for_byte() {
    let out = tempfile::tempdir().expect("a folder");
    for name in
        ["aligned64.gguf", "parts-00001-of-00003.gguf", "parts-00002-of-00003.gguf", "parts-00003-of-00003.gguf"]
    {
        let path = folder().join(name);
        let bytes = Bytes::from(fs::read(&path).expect("read"));
        let file = gguf::parse(bytes.as_slice()).expect("valid");
        let tensor = |t: &gguf::GgufTensor| Tensor {
            name: t.name.clone(),
            dtype: t.dtype.weight.expect("a weight"),
            shape: t.shape.clone(),
            data: bytes.slice(t.begin..t.end),
        };
        let tensors: Vec<Tensor> = file.tensors.iter().map(tensor).collect();
        let written = out.path().join(name);
        gguf::write_tensors(&written, &file.metadata, &tensors.iter().collect::<Vec<_>>()).expect("written");
        assert_same_bytes(&path, &written);
    }
}

#[test]
fn alignment_version_2_and_splits_are_read() {
    for name in ["aligned64.gguf", "version2.gguf"] {
        let checkpoint = Checkpoint::open_gguf(folder().join(name)).expect("valid");
        assert_eq!(described(&checkpoint), expected("aligned64.gguf", &checkpoint), "{name}");
    }
    let checkpoint = Checkpoint::open_gguf(folder().join("parts-00002-of-00003.gguf")).expect("valid");
    assert_eq!(described(&checkpoint), expected("parts", &checkpoint));
    let metadata = checkpoint.gguf_metadata().expect("metadata");
    assert_eq!(metadata.require::<&str>("general.architecture").expect("of the first part"), "llama");

    let path = folder().join("big-endian.gguf");
    let error = Checkpoint::open_gguf(&path).expect_err("refused").to_string();
    let expected = "is a big-endian GGUF file; only little-endian ones are read, convert it again";
    assert_eq!(error, format!("{}: {expected}", path.display()));
}

#[test]
fn an_adapter_is_read_as_by_peft_and_written_so_that_it_loads() {
    let path = folder().join("adapter");
    let adapter = Adapter::open(&path).expect("valid");
    let wanted = golden("adapter")["targets"].as_object().expect("an object").clone();
    assert_eq!(adapter.targets().len(), wanted.len());
    for (module, target) in adapter.targets() {
        let wanted = &wanted[module];
        assert_eq!(target.rank() as u64, wanted["rank"].as_u64().unwrap(), "{module}");
        assert_eq!(target.scaling, wanted["scaling"].as_f64().unwrap() as f32, "{module}");
        assert_eq!(sha256(target.a.data.as_slice()), wanted["a"].as_str().unwrap(), "{module}");
        assert_eq!(sha256(target.b.data.as_slice()), wanted["b"].as_str().unwrap(), "{module}");
    }
    assert_eq!(adapter.saved().iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["lm_head.weight"]);

    let out = tempfile::tempdir().expect("a folder");
    adapter.write(out.path()).expect("written");
    assert_same_bytes(&path.join("adapter_model.safetensors"), &out.path().join("adapter_model.safetensors"));
    let config = fs::read(out.path().join("adapter_config.json")).expect("read");
    let seen_by_peft = "a5dceaac07ba7bab6707aa263c737dd06297ccd70e6118cd2de852c762da53e9";
    assert_eq!(sha256(&config), seen_by_peft, "{}", String::from_utf8_lossy(&config));
}

#[test]
fn the_real_adapter_of_the_fixtures_goes_through_unchanged() {
    let Some(fixtures) = smollm_testkit::fixtures() else { return };
    let path = fixtures.join("adapters/peft-smollm-135m-instruct-lora");
    let adapter = Adapter::open(&path).expect("valid");
    let expected = AdapterConfig {
        r: 16,
        alpha: 32.0,
        use_rslora: false,
        target_modules: TargetModules::Names(vec!["v_proj".to_owned(), "q_proj".to_owned()]),
        rank_pattern: vec![],
        alpha_pattern: vec![],
        modules_to_save: vec![],
        dropout: 0.05,
        base_model: Some("HuggingFaceTB/SmolLM-135M-Instruct".to_owned()),
    };
    assert_eq!(adapter.config(), &expected);
    assert_eq!(adapter.targets().len(), 60);
    for layer in 0..30 {
        for (projection, outputs) in [("q_proj", 576), ("v_proj", 192)] {
            let target = adapter.target(&format!("model.layers.{layer}.self_attn.{projection}")).expect("there");
            assert_eq!((target.inputs(), target.outputs(), target.rank(), target.scaling), (576, outputs, 16, 2.0));
        }
    }
    let out = tempfile::tempdir().expect("a folder");
    adapter.write(out.path()).expect("written");
    assert_same_bytes(&path.join("adapter_model.safetensors"), &out.path().join("adapter_model.safetensors"));
}

/// `GgufMetadata` built by hand gives the bytes of `gguf.GGUFWriter` too.
#[test]
fn metadata_built_by_hand_is_written_byte_for_byte() {
    let path = folder().join("aligned64.gguf");
    let checkpoint = Checkpoint::open_gguf(&path).expect("valid");
    let mut metadata = GgufMetadata::new();
    metadata.set("general.architecture", "llama");
    metadata.set("general.alignment", 64_u32);
    let out = tempfile::tempdir().expect("a folder");
    let written = out.path().join("aligned64.gguf");
    gguf::write_tensors(&written, &metadata, &checkpoint.tensors().collect::<Vec<_>>()).expect("written");
    assert_same_bytes(&path, &written);
}
