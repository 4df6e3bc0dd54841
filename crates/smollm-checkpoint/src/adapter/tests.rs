//! Which adapters are refused and why, and how ranks and scalings follow from the configuration.

use std::fs;

use smollm_kernels::{Bytes, Dtype};

use super::*;
use crate::Tensor;

const PLAIN: &str = r#"{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["q_proj"]}"#;

/// `PLAIN` with members added.
fn with(members: &str) -> String {
    format!("{},{members}}}", &PLAIN[..PLAIN.len() - 1])
}

fn refused(json: &str) -> String {
    AdapterConfig::parse(json.as_bytes()).expect_err("refused").to_string()
}

#[test]
fn a_plain_configuration_is_read_with_the_defaults_of_peft() {
    let config = AdapterConfig::parse(PLAIN.as_bytes()).expect("valid");
    let expected = AdapterConfig {
        r: 2,
        alpha: 4.0,
        use_rslora: false,
        target_modules: TargetModules::Names(vec!["q_proj".to_owned()]),
        rank_pattern: vec![],
        alpha_pattern: vec![],
        modules_to_save: vec![],
        dropout: 0.0,
        base_model: None,
    };
    assert_eq!(config, expected);
    // What PEFT writes for options that are off.
    let off = r#""use_dora":false,"bias":"none","fan_in_fan_out":false,"init_lora_weights":"gaussian","loftq_config":{},
        "layer_replication":null,"megatron_config":null,"target_parameters":[],"trainable_token_indices":null"#;
    assert_eq!(AdapterConfig::parse(with(off).as_bytes()).expect("valid"), expected);
    let pattern = PLAIN.replace(r#"["q_proj"]"#, r#""all-linear""#);
    let config = AdapterConfig::parse(pattern.as_bytes()).expect("valid");
    assert_eq!(config.target_modules, TargetModules::Pattern("all-linear".to_owned()));
    assert_eq!(AdapterConfig::parse(config.to_json().as_bytes()).expect("our own"), config);
}

#[test]
fn options_that_change_the_result_are_refused_by_name() {
    for (members, expected) in [
        (
            r#""use_dora":true"#,
            r#"field "use_dora" is true: DoRA is not supported; merge it into the base model with PEFT first"#,
        ),
        (r#""bias":"all""#, r#"field "bias" is "all": trained biases are not supported, only "none""#),
        (r#""fan_in_fan_out":true"#, r#"field "fan_in_fan_out" is true: transposed layers are not supported"#),
        (
            r#""init_lora_weights":"pissa_niter_4""#,
            r#"field "init_lora_weights" is "pissa_niter_4": this start changes the base weights; convert to a plain LoRA with PEFT"#,
        ),
        (
            r#""layer_replication":[[0,4],[2,5]]"#,
            r#"field "layer_replication" is [[0,4],[2,5]]: replicated layers are not supported"#,
        ),
        (r#""lora_bias":true"#, r#"field "lora_bias" is true: biases on B are not supported"#),
        (
            r#""target_parameters":["x"]"#,
            r#"field "target_parameters" is ["x"]: adapted parameters outside linear layers are not supported"#,
        ),
    ] {
        assert_eq!(refused(&with(members)), expected);
    }
    assert_eq!(
        refused(&PLAIN.replace("LORA", "IA3")),
        r#"field "peft_type" is "IA3": only LORA adapters can be applied"#
    );
}

#[test]
fn broken_fields_are_named() {
    for (json, expected) in [
        (PLAIN.replace(r#""r":2"#, r#""r":0"#), r#"field "r" is 0, not a positive integer"#),
        (PLAIN.replace(r#""r":2"#, r#""r":-1"#), r#"field "r" is -1, not a positive integer"#),
        (PLAIN.replace(r#""r":2,"#, ""), r#"field "r" is missing, not a positive integer"#),
        (PLAIN.replace(r#""r":2"#, r#""r":null"#), r#"field "r" is missing, not a positive integer"#),
        (PLAIN.replace(r#":4"#, r#":"4""#), r#"field "lora_alpha" is "4", not a number"#),
        (PLAIN.replace(r#""peft_type":"LORA","#, ""), r#"field "peft_type" is missing, not a string"#),
        (PLAIN.replace(r#"["q_proj"]"#, "[1]"), r#"field "target_modules" is [1], not a list of names or a pattern"#),
        (
            with(r#""rank_pattern":{"q_proj":0}"#),
            r#"field "rank_pattern" is {"q_proj":0}, not an object of positive integers"#,
        ),
        (with(r#""modules_to_save":"lm_head""#), r#"field "modules_to_save" is "lm_head", not a list of names"#),
        (with(r#""r":3"#), r#"not valid at byte 71: the key "r" appears twice"#),
        (PLAIN.replace(":4", ":NaN"), "not valid at byte 39: expected value"),
        (PLAIN.replace(":4", ":1e999"), "not valid at byte 43: number out of range"),
    ] {
        assert_eq!(refused(&json), expected);
    }
    assert_eq!(AdapterConfig::parse(b"{\"\xff").expect_err("bytes").to_string(), "not valid at byte 2: not UTF-8");
}

#[test]
fn rank_and_scaling_follow_the_first_pattern_that_fits() {
    let patterns = r#""alpha_pattern":{"layers.1.self_attn.q_proj":8,"q_proj":6},"rank_pattern":{"^model\\.layers\\.[02]\\..*":3,"v_proj":5}"#;
    let plain = AdapterConfig::parse(with(patterns).as_bytes()).expect("valid");
    let rooted = AdapterConfig { use_rslora: true, ..plain.clone() };
    for (module, rank, alpha) in [
        ("model.layers.0.self_attn.q_proj", 3, 6.0),
        ("model.layers.1.self_attn.q_proj", 2, 8.0),
        ("model.layers.11.self_attn.q_proj", 2, 6.0),
        ("model.layers.1.self_attn.v_proj", 5, 4.0),
        ("model.layers.1.self_attn.my_q_proj", 2, 4.0),
        ("q_proj", 2, 6.0),
    ] {
        assert_eq!(plain.rank(module), Ok(rank), "{module}");
        assert_eq!(plain.scaling(module, rank), Ok((alpha / rank as f64) as f32), "{module}");
        assert_eq!(rooted.scaling(module, rank), Ok((alpha / (rank as f64).sqrt()) as f32), "{module}");
    }
    let broken = AdapterConfig { rank_pattern: vec![("(".to_owned(), 1)], ..plain };
    let said = broken.rank("q_proj").expect_err("a broken pattern").to_string();
    assert!(said.starts_with(r#"field "rank_pattern" has the pattern "(", which cannot be used: "#), "{said}");
}

fn tensor(name: &str, shape: &[usize]) -> Tensor {
    let len = 4 * shape.iter().product::<usize>();
    Tensor { name: name.to_owned(), dtype: Dtype::F32, shape: shape.to_vec(), data: Bytes::from(vec![0; len]) }
}

#[test]
fn halves_that_do_not_fit_are_named() {
    let config = || AdapterConfig::parse(PLAIN.as_bytes()).expect("valid");
    let refused = |tensors: Vec<Tensor>| Adapter::from_tensors(config(), tensors).expect_err("refused").to_string();
    let a = "base_model.model.l.q_proj.lora_A.weight";
    let b = "base_model.model.l.q_proj.lora_B.weight";
    let fitting = || vec![tensor(b, &[6, 2]), tensor(a, &[2, 5])];
    let adapter = Adapter::from_tensors(config(), fitting()).expect("valid");
    let target = adapter.target("l.q_proj").expect("there");
    assert_eq!((target.rank(), target.inputs(), target.outputs(), target.scaling), (2, 5, 6, 2.0));

    assert_eq!(refused(vec![tensor(a, &[2, 5])]), format!("tensor {a:?} is there, but {b:?} is missing"));
    assert_eq!(refused(vec![tensor(b, &[6, 2])]), format!("tensor {b:?} is there, but {a:?} is missing"));
    assert_eq!(
        refused(vec![tensor(a, &[3, 5]), tensor(b, &[6, 3])]),
        format!("tensor {a:?} has shape [3, 5], not [2, inputs] (r of the configuration is 2)")
    );
    assert_eq!(
        refused(vec![tensor(a, &[2, 5]), tensor(b, &[2, 6])]),
        format!("tensor {b:?} has shape [2, 6], not [outputs, 2] (A has 2 rows)")
    );
    assert!(refused(vec![tensor(a, &[2]), tensor(b, &[6, 2])]).contains("has shape [2], not [2, inputs]"));
    assert_eq!(refused(vec![]), "holds no LoRA weights");
    for name in [
        "l.q_proj.lora_A.weight",
        "base_model.model.l.lora_embedding_A",
        "base_model.model.l.q_proj.lora_magnitude_vector",
    ] {
        let mut tensors = fitting();
        tensors.push(tensor(name, &[1]));
        let said = refused(tensors);
        assert!(
            said.starts_with(&format!("tensor {name:?} is not part of a LoRA adapter for linear layers: ")),
            "{said}"
        );
    }
}

#[test]
fn a_written_adapter_opens_again() {
    let mut config =
        AdapterConfig::parse(with(r#""modules_to_save":["lm_head"],"lora_dropout":0.05"#).as_bytes()).expect("valid");
    config.alpha = 4.5;
    config.base_model = Some("HuggingFaceTB/SmolLM2-135M".to_owned());
    let tensors = [
        tensor("base_model.model.l.q_proj.lora_A.weight", &[2, 5]),
        tensor("base_model.model.l.q_proj.lora_B.weight", &[6, 2]),
        tensor("base_model.model.lm_head.weight", &[7, 5]),
    ];
    let adapter = Adapter::from_tensors(config, tensors).expect("valid");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new/adapter");
    adapter.write(&path).expect("written");
    let opened = Adapter::open(&path).expect("our own");
    assert_eq!(opened.config(), adapter.config());
    assert_eq!(opened.targets().map(|(module, _)| module).collect::<Vec<_>>(), ["l.q_proj"]);
    assert_eq!(opened.saved()[0].name, "lm_head.weight");
    opened.source().expect("a file").still_intact().expect("untouched");

    fs::remove_file(path.join("adapter_config.json")).expect("removed");
    assert_eq!(
        Adapter::open(&path).expect_err("half").to_string(),
        format!("{}: is not a LoRA adapter folder: adapter_config.json is missing", path.display())
    );
}
