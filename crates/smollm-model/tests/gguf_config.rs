//! What a GGUF file's metadata means for the rotary embedding: as llama.cpp reads it, or a refusal.

use smollm_checkpoint::Checkpoint;
use smollm_model::{ModelConfig, RopeScaling};
use smollm_testkit::gguf::GgufValue::{F32, Text, U32};
use smollm_testkit::gguf::{GgufFile, GgufValue, tiny_gguf};
use smollm_testkit::golden::logits_golden;
use smollm_testkit::stored::Stored;
use smollm_testkit::tiny;

/// The scaling that a tiny model's file says once these keys are added, or why it is refused.
fn scaling(keys: &[(&str, GgufValue)], change: impl FnOnce(&mut GgufFile)) -> Result<RopeScaling, String> {
    let mut file = tiny_gguf(&logits_golden("gqa-9-3").config, "m", Stored::F32);
    file.metadata.extend(keys.iter().map(|(key, value)| (format!("llama.{key}"), value.clone())));
    change(&mut file);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.gguf");
    std::fs::write(&path, file.to_bytes()).unwrap();
    let checkpoint = Checkpoint::open_gguf(&path).unwrap();
    let said = |error: smollm_model::GgufConfigError| error.to_string().replace(&path.display().to_string(), "FILE");
    Ok(ModelConfig::from_gguf(&checkpoint).map_err(said)?.rope.scaling)
}

fn text(text: &str) -> GgufValue {
    Text(text.to_owned())
}

/// The divisors of Llama 3's scaling, for heads of 8 elements.
fn with_divisors(file: &mut GgufFile) {
    file.tensors.insert(0, tiny::TinyTensor { name: "rope_freqs.weight".into(), shape: vec![4], data: vec![2.0; 4] });
}

#[test]
fn scalings_are_those_of_llama_cpp() {
    let check = |keys: &[(&str, GgufValue)], expected| assert_eq!(scaling(keys, |_| ()), Ok(expected), "{keys:?}");
    check(&[], RopeScaling::None);
    // a factor without a type is linear, by its older name too
    check(&[("rope.scaling.factor", F32(4.0))], RopeScaling::Linear { factor: 4.0 });
    check(&[("rope.scale_linear", F32(2.0))], RopeScaling::Linear { factor: 2.0 });
    check(&[("rope.scaling.factor", F32(0.0))], RopeScaling::None);
    check(&[("rope.scaling.type", text("none")), ("rope.scaling.factor", F32(4.0))], RopeScaling::None);
    check(&[("rope.scaling.attn_factor", F32(1.0))], RopeScaling::None);
    let yarn = [
        ("rope.scaling.type", text("yarn")),
        ("rope.scaling.factor", F32(2.0)),
        ("rope.scaling.original_context_length", U32(64)),
    ];
    let expected = RopeScaling::Yarn {
        factor: 2.0,
        original_context: Some(64),
        beta_fast: 32.0,
        beta_slow: 1.0,
        attention_factor: None,
    };
    check(&yarn, expected);
    assert_eq!(scaling(&[], with_divisors), Ok(RopeScaling::Divisors(vec![2.0; 4])));
}

#[test]
fn what_is_not_computed_is_refused_with_its_key() {
    let refused = |keys: &[(&str, GgufValue)], expected: &str| {
        assert_eq!(scaling(keys, |_| ()), Err(expected.to_owned()), "{keys:?}");
    };
    refused(
        &[("rope.scaling.type", text("longrope"))],
        "FILE: `llama.rope.scaling.type` is `longrope`, which is not supported; supported are none, linear and yarn",
    );
    refused(
        &[("rope.scaling.attn_factor", F32(1.5))],
        "FILE: `llama.rope.scaling.attn_factor` is 1.5, which is not supported; only 1 is computed",
    );
    refused(
        &[("rope.scaling.type", text("linear"))],
        "FILE: metadata key \"llama.rope.scaling.factor\" is missing; it should hold a float",
    );
    assert_eq!(
        scaling(&[("rope.scaling.factor", F32(4.0))], with_divisors),
        Err("FILE: `rope_freqs.weight` is there, which is not supported; it is computed only without the scaling of \
             llama.rope.scaling.type"
            .to_owned())
    );
}
