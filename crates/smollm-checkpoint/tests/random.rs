//! Random tensors and metadata come back as they were written; random bytes and damaged files give errors of one line.

use proptest::collection::vec;
use proptest::prelude::*;
use smollm_checkpoint::adapter::AdapterConfig;
use smollm_checkpoint::gguf::{self, GgufArray, GgufMetadata, GgufValue};
use smollm_checkpoint::safetensors::{self, parse_header, parse_index};
use smollm_checkpoint::{Checkpoint, Tensor};
use smollm_kernels::{Bytes, Dtype};

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}(\\.[a-z0-9]{1,6}){0,3}",
        "\\PC{0,10}",
        any::<String>().prop_map(|s| s.chars().take(10).collect())
    ]
}

/// Up to eight tensors of the given types with different names.
fn tensors(dtypes: &'static [Dtype]) -> impl Strategy<Value = Vec<Tensor>> {
    let one = (name(), proptest::sample::select(dtypes), vec(0_usize..4, 0..4), any::<u64>());
    vec(one, 0..8).prop_map(|items| {
        let mut tensors: Vec<Tensor> = Vec::new();
        for (name, dtype, mut shape, seed) in items {
            if tensors.iter().any(|tensor| tensor.name == name) || name == "__metadata__" {
                continue;
            }
            match shape.last_mut() {
                Some(row) => *row *= dtype.block_len(),
                None if dtype.block_len() > 1 => shape.push(dtype.block_len()),
                None => {}
            }
            let len = dtype.bytes_for(shape.iter().product()).expect("whole blocks");
            let data: Vec<u8> = (0..len as u64).map(|i| (seed.wrapping_mul(i | 1) >> 32) as u8).collect();
            tensors.push(Tensor { name, dtype, shape, data: Bytes::from(data) });
        }
        tensors
    })
}

fn array(depth: u32) -> BoxedStrategy<GgufArray> {
    let plain = prop_oneof![
        vec(any::<u8>(), 0..5).prop_map(GgufArray::U8),
        vec(any::<i8>(), 0..5).prop_map(GgufArray::I8),
        vec(any::<u16>(), 0..5).prop_map(GgufArray::U16),
        vec(any::<i16>(), 0..5).prop_map(GgufArray::I16),
        vec(any::<u32>(), 0..5).prop_map(GgufArray::U32),
        vec(any::<i32>(), 0..5).prop_map(GgufArray::I32),
        vec(-1e30_f32..1e30, 0..5).prop_map(GgufArray::F32),
        vec(any::<bool>(), 0..5).prop_map(GgufArray::Bool),
        vec(any::<String>(), 0..5).prop_map(GgufArray::String),
        vec(any::<u64>(), 0..5).prop_map(GgufArray::U64),
        vec(any::<i64>(), 0..5).prop_map(GgufArray::I64),
        vec(-1e300_f64..1e300, 0..5).prop_map(GgufArray::F64),
    ];
    if depth == 0 {
        return plain.boxed();
    }
    prop_oneof![plain, vec(array(depth - 1), 0..3).prop_map(GgufArray::Array)].boxed()
}

fn value() -> impl Strategy<Value = GgufValue> {
    prop_oneof![
        any::<u8>().prop_map(GgufValue::U8),
        any::<i8>().prop_map(GgufValue::I8),
        any::<u16>().prop_map(GgufValue::U16),
        any::<i16>().prop_map(GgufValue::I16),
        any::<u32>().prop_map(GgufValue::U32),
        any::<i32>().prop_map(GgufValue::I32),
        (-1e30_f32..1e30).prop_map(GgufValue::F32),
        any::<bool>().prop_map(GgufValue::Bool),
        any::<String>().prop_map(GgufValue::String),
        array(2).prop_map(GgufValue::Array),
        any::<u64>().prop_map(GgufValue::U64),
        any::<i64>().prop_map(GgufValue::I64),
        (-1e300_f64..1e300).prop_map(GgufValue::F64),
    ]
}

fn metadata() -> impl Strategy<Value = GgufMetadata> {
    vec((name(), value()), 0..8).prop_map(|pairs| {
        let mut metadata = GgufMetadata::new();
        for (key, value) in pairs.into_iter().filter(|(key, _)| key != "general.alignment") {
            metadata.set(key, value);
        }
        metadata
    })
}

/// What identifies a tensor.
fn facts(tensor: &Tensor) -> (String, Dtype, Vec<usize>, Vec<u8>) {
    (tensor.name.clone(), tensor.dtype, tensor.shape.clone(), tensor.data.as_slice().to_vec())
}

/// An error of any parser: one line, not longer than a screen.
fn assert_readable(error: &dyn std::fmt::Display) {
    let text = error.to_string();
    assert!(!text.contains(['\n', '\r', '\x1b']) && text.len() < 1000, "{text:?}");
}

/// Gives `bytes` to every parser.
fn parse_everything(bytes: &[u8]) {
    let _ = parse_header(bytes, bytes.len() as u64).map_err(|error| assert_readable(&error));
    let _ = parse_index(bytes).map_err(|error| assert_readable(&error));
    let _ = gguf::parse(bytes).map_err(|error| assert_readable(&error));
    let _ = AdapterConfig::parse(bytes).map_err(|error| assert_readable(&error));
}

/// One kind of damage: overwrite, insert, delete, cut, or splice a number that breaks counts and offsets.
fn damage(bytes: &mut Vec<u8>, kind: u8, at: usize, value: u8) {
    if bytes.is_empty() {
        return;
    }
    let at = at % bytes.len();
    match kind {
        0 => bytes[at] = value,
        1 => bytes[at] ^= 1 << (value % 8),
        2 => bytes.insert(at, value),
        3 => drop(bytes.remove(at)),
        4 => bytes.truncate(at),
        _ => {
            let number = [0, 1, 1 << 31, u64::MAX, u64::MAX / 4, 1 << 63][usize::from(value) % 6];
            let end = bytes.len().min(at + 8);
            bytes[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
        }
    }
}

/// Valid files to damage: those of testdata, which together hold every type.
fn valid_files() -> Vec<Vec<u8>> {
    let folder = smollm_testkit::testdata().join("checkpoint");
    let names = [
        "weights.safetensors",
        "mixed.safetensors",
        "sharded/model.safetensors.index.json",
        "values.gguf",
        "version2.gguf",
        "adapter/adapter_config.json",
    ];
    names.iter().map(|name| std::fs::read(folder.join(name)).expect("testdata")).collect()
}

proptest! {
    // Every case writes and syncs a file.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn safetensors_come_back(tensors in tensors(&[Dtype::F32, Dtype::F16, Dtype::BF16]), metadata in vec((name(), any::<String>()), 0..3)) {
        let metadata: std::collections::BTreeMap<_, _> = metadata.into_iter().collect();
        let metadata: Vec<_> = metadata.into_iter().collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        safetensors::write_tensors(&path, &tensors.iter().collect::<Vec<_>>(), &metadata).unwrap();
        let opened = Checkpoint::open_safetensors(&path).unwrap();
        prop_assert_eq!(opened.safetensors_metadata(), metadata);
        prop_assert_eq!(opened.tensors().len(), tensors.len());
        for tensor in &tensors {
            prop_assert_eq!(facts(opened.tensor(&tensor.name).unwrap()), facts(tensor));
        }
        prop_assert_eq!(std::fs::metadata(&path).unwrap().len() % 2, 0);
    }

    #[test]
    fn gguf_comes_back(tensors in tensors(&Dtype::ALL), mut metadata in metadata(), alignment in 0_u32..8) {
        metadata.set("general.alignment", 1_u32 << alignment);
        let tensors: Vec<Tensor> = tensors.into_iter().filter(|tensor| tensor.name.len() < 64).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        gguf::write_tensors(&path, &metadata, &tensors.iter().collect::<Vec<_>>()).unwrap();
        let opened = Checkpoint::open_gguf(&path).unwrap();
        prop_assert_eq!(opened.gguf_metadata(), Some(&metadata));
        let found: Vec<_> = opened.tensors().map(facts).collect();
        prop_assert_eq!(found, tensors.iter().map(facts).collect::<Vec<_>>());
    }

}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) })]

    #[test]
    fn random_bytes_are_errors(mut bytes in vec(any::<u8>(), 0..300), start in 0_usize..4) {
        // With a beginning that lets the parser get further.
        let start: &[u8] = [&b""[..], b"GGUF\x03\0\0\0", b"GGUF\x02\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0", b"\x20\0\0\0\0\0\0\0{\""][start];
        bytes.splice(0..0, start.iter().copied());
        parse_everything(&bytes);
    }

    #[test]
    fn random_json_is_an_error(json in "[\\[\\]{}:,\"a-c0-9.eE+\\\\-]{0,60}") {
        let header = [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
        parse_everything(&header);
        parse_everything(json.as_bytes());
    }

    #[test]
    fn damaged_files_are_errors_or_files(which in 0_usize..6, damages in vec((0_u8..6, any::<usize>(), any::<u8>()), 1..4)) {
        let mut bytes = valid_files().swap_remove(which);
        for (kind, at, value) in damages {
            damage(&mut bytes, kind, at, value);
        }
        parse_everything(&bytes);
    }
}

#[test]
fn every_prefix_of_a_valid_file_is_parsed_or_refused() {
    for bytes in valid_files() {
        for len in 0..bytes.len() {
            parse_everything(&bytes[..len]);
        }
    }
}
