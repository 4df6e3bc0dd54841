//! Asking for tensors: the ones that are there, the ones that are not, and the ones that cannot be weights.

use std::path::Path;

use smollm_kernels::{Bytes, Dtype};

use super::*;

fn tensor(name: &str, dtype: Dtype, shape: &[usize], len: usize) -> Tensor {
    Tensor { name: name.to_owned(), dtype, shape: shape.to_vec(), data: Bytes::from(vec![7; len]) }
}

#[test]
fn a_checkpoint_in_memory_is_as_good_as_one_on_disk() {
    let tensors = [tensor("b", Dtype::BF16, &[2, 3], 12), tensor("a", Dtype::Q8_0, &[2, 64], 136)];
    let checkpoint = Checkpoint::from_tensors(tensors).expect("valid");
    assert_eq!(checkpoint.tensors().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(checkpoint.tensor("b").expect("there").shape, [2, 3]);
    assert!(checkpoint.contains("a") && checkpoint.get("c").is_none());
    assert!(checkpoint.files().is_empty() && checkpoint.file_of("a").is_none());
    assert!(checkpoint.gguf_metadata().is_none() && checkpoint.safetensors_metadata().is_empty());
    checkpoint.still_intact().expect("nothing is mapped");
    assert_eq!(
        checkpoint.tensor("model.norm.weight").expect_err("absent").to_string(),
        r#"(in memory): tensor "model.norm.weight" is missing (2 tensors are there)"#
    );
}

#[test]
fn threads_may_share_a_checkpoint() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Checkpoint>();
    shared::<crate::adapter::Adapter>();
}

#[test]
fn tensors_that_do_not_fit_are_refused() {
    let refused = |tensors: Vec<Tensor>| Checkpoint::from_tensors(tensors).expect_err("refused").to_string();
    assert_eq!(
        refused(vec![tensor("a", Dtype::F32, &[2], 7)]),
        r#"(in memory): tensor "a" of type F32 and shape [2] needs 8 bytes, but 7 are given"#
    );
    assert_eq!(
        refused(vec![tensor("a", Dtype::Q8_0, &[32, 2], 68)]),
        r#"(in memory): tensor "a" of type Q8_0 and shape [32, 2] is too large, or its rows are not whole blocks of 32 elements"#
    );
    assert_eq!(
        refused(vec![tensor("a", Dtype::F32, &[1], 4), tensor("a", Dtype::F32, &[1], 4)]),
        r#"tensor "a" is in both (in memory) and (in memory)"#
    );
}

#[test]
fn a_type_that_no_weight_has_is_listed_and_refused_when_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("steps.safetensors");
    let header = r#"{"steps":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}}"#;
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 16]].concat();
    std::fs::write(&path, bytes).expect("written");
    let checkpoint = Checkpoint::open_safetensors(&path).expect("a valid file");
    assert_eq!(checkpoint.tensors().len(), 0);
    assert!(checkpoint.contains("steps") && checkpoint.get("steps").is_none());
    let listed = OtherTensor { name: "steps".to_owned(), dtype: "I64", shape: vec![2], bytes: 16 };
    assert_eq!(checkpoint.other_tensors(), [listed]);
    assert_eq!(
        checkpoint.tensor("steps").expect_err("refused").to_string(),
        format!("{}: tensor \"steps\" has type I64, which cannot be used as a weight", path.display())
    );
}

#[test]
fn a_path_cannot_break_the_message() {
    let path = Path::new("no\nsuch\x1b[31m.safetensors");
    let error = Checkpoint::open_safetensors(path).expect_err("absent").to_string();
    assert!(error.starts_with(r"no\nsuch\u{1b}[31m.safetensors: cannot open: "), "{error}");
}
