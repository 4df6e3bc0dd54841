//! config.json as the released models have it, and every way in which it can be wrong.

use super::*;
use crate::rope::RopeScaling;
use serde_json::{Value, json};

/// A small valid configuration, changed by `edit`.
fn parse(edit: impl FnOnce(&mut Value)) -> Result<ModelConfig, ConfigError> {
    let mut value = json!({
        "architectures": ["LlamaForCausalLM"], "hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2,
        "num_attention_heads": 3, "num_key_value_heads": 1, "vocab_size": 100, "max_position_embeddings": 64,
        "rope_theta": 10000.0, "rms_norm_eps": 1e-5, "tie_word_embeddings": true,
    });
    edit(&mut value);
    ModelConfig::from_json(value.to_string().as_bytes(), "config.json")
}

/// The message for a key set to `value`.
fn message(key: &str, value: Value) -> String {
    parse(|v| v[key] = value).unwrap_err().to_string()
}

#[test]
fn absent_keys_take_the_defaults_of_the_reference() {
    let config = parse(|v| {
        for key in
            ["num_key_value_heads", "rope_theta", "rms_norm_eps", "tie_word_embeddings", "max_position_embeddings"]
        {
            v.as_object_mut().unwrap().remove(key);
        }
    })
    .unwrap();
    assert_eq!((config.num_key_value_heads, config.head_dim, config.max_position_embeddings), (3, 4, 2048));
    assert_eq!((config.rope.theta, config.rms_norm_eps, config.tie_word_embeddings), (10_000.0, 1e-6, false));
    assert_eq!(config.notes.len(), 2, "{:?}", config.notes);
}

#[test]
fn ids_may_be_one_or_many_or_none() {
    let ids = |v: Value| parse(|c| c["eos_token_id"] = v).unwrap().eos_token_ids;
    assert_eq!(ids(json!(2)), [2]);
    assert_eq!(ids(json!([2, 0])), [2, 0]);
    assert!(ids(json!(null)).is_empty());
    assert!(ids(json!(-1)).is_empty());
}

#[test]
fn rope_parameters_of_transformers_5_are_read() {
    let config = parse(|v| {
        v.as_object_mut().unwrap().remove("rope_theta");
        v["rope_parameters"] = json!({"rope_type": "default", "rope_theta": 130000});
    });
    assert_eq!(config.unwrap().rope.theta, 130_000.0);
}

#[test]
fn scalings_are_read() {
    let scaling = |v: Value| parse(|c| c["rope_scaling"] = v).unwrap().rope.scaling;
    assert_eq!(scaling(json!({"type": "linear", "factor": 2})), RopeScaling::Linear { factor: 2.0 });
    assert!(matches!(
        scaling(json!({"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 65536})),
        RopeScaling::Yarn { original_context: Some(65536), .. }
    ));
    // the quotient of _compute_yarn_parameters in transformers 5.24: (0.1 m ln 4 + 1) over the same of mscale_all_dim
    let scaled = json!({"type": "yarn", "factor": 4.0, "mscale": 1.0, "mscale_all_dim": 0.5});
    let RopeScaling::Yarn { attention_factor, .. } = scaling(scaled) else { panic!("a yarn") };
    assert!((attention_factor.unwrap() - 1.138_629_436 / 1.069_314_718).abs() < 1e-9);
    let scaled = json!({"type": "yarn", "factor": 4.0, "attention_factor": 1.25, "mscale": 1.0, "mscale_all_dim": 0.5});
    assert!(matches!(scaling(scaled), RopeScaling::Yarn { attention_factor: Some(1.25), .. }));
}

/// What would change the frequencies and is not computed.
#[test]
fn scalings_that_are_not_computed_are_refused() {
    let cases = [
        (json!({"rope_type": "longrope", "factor": 2}), "`rope_scaling.rope_type` is `longrope`"),
        (json!({"rope_type": "yarn"}), "`rope_scaling.factor` is missing"),
        (json!({"rope_type": "yarn", "factor": 2, "truncate": false}), "`truncate` is false, which is not supported"),
        (json!({"rope_type": "default", "partial_rotary_factor": 0.5}), "`partial_rotary_factor` is 0.5"),
        (json!({"rope_type": 3}), "`rope_type` is 3; it must be the name of a scaling"),
        (json!("yarn"), "is \"yarn\"; it must be an object"),
        (json!({"full_attention": {"rope_type": "default"}}), "`full_attention` is {"),
    ];
    for (value, expected) in cases {
        for key in ["rope_scaling", "rope_parameters"] {
            let found = message(key, value.clone());
            assert!(found.contains(expected), "{key}: {found}");
        }
    }
}

#[test]
fn smollm3_skips_rotation_in_every_fourth_layer() {
    let config = parse(|v| {
        v["architectures"] = json!(["SmolLM3ForCausalLM"]);
        v["num_hidden_layers"] = json!(8);
    });
    let skipped: Vec<usize> =
        config.unwrap().rope_layers.iter().enumerate().filter(|(_, r)| !**r).map(|(i, _)| i).collect();
    assert_eq!(skipped, [3, 7]);
}

#[test]
fn what_is_wrong_is_named_with_file_and_field() {
    let cases = [
        ("architectures", json!(["GPT2LMHeadModel"]), "`architectures` is `GPT2LMHeadModel`, which is not supported"),
        ("hidden_size", json!("many"), "`hidden_size` is \"many\"; it must be a whole number"),
        ("hidden_size", json!(-3), "`hidden_size` is -3"),
        ("hidden_size", json!(1e30), "`hidden_size` is 1e+30"),
        ("hidden_size", json!(0), "`hidden_size` is 0; it must lie between"),
        ("hidden_size", json!(13), "`hidden_size` is 13; it must be a multiple of num_attention_heads"),
        ("head_dim", json!(5), "`head_dim` is 5; it must be even"),
        ("num_hidden_layers", json!(4_000_000_000_u64), "`num_hidden_layers` is 4000000000"),
        ("vocab_size", json!(u64::MAX), "`vocab_size` is 18446744073709551615"),
        ("num_key_value_heads", json!(2), "it must divide num_attention_heads (3)"),
        ("rms_norm_eps", json!(-1.0), "`rms_norm_eps` is -1"),
        ("attention_bias", json!(true), "`attention_bias` is true, which is not supported"),
        ("hidden_act", json!("gelu"), "`hidden_act` is \"gelu\", which is not supported"),
        ("tie_word_embeddings", json!("yes"), "it must be true or false"),
        ("eos_token_id", json!(100), "must be below vocab_size (100)"),
        ("eos_token_id", json!("x"), "it must be a token id"),
        ("hidden_act", json!(7), "`hidden_act` is 7, which is not supported"),
        ("layer_types", json!(["sliding_attention", "full_attention"]), "`layer_types` is [\"sliding_attention\""),
        ("layer_types", json!("full_attention"), "`layer_types` is \"full_attention\""),
        ("quantization_config", json!({"bits": 4}), "quantization_config"),
    ];
    for (key, value, expected) in cases {
        let found = message(key, value);
        assert!(found.starts_with("config.json: ") && found.contains(expected), "{found}");
        assert!(!found.contains('\n'), "{found}");
    }
    assert!(ModelConfig::from_json(b"[]", "c").unwrap_err().to_string().contains("not an object"));
    assert!(ModelConfig::from_json(b"{", "c").unwrap_err().to_string().contains("line 1 column 1"));
    assert!(ModelConfig::from_json(b"{}", "c").unwrap_err().to_string().contains("`architectures` is missing"));
}

/// Every kind of configuration of the golden files, as text.
fn golden_configs() -> impl Iterator<Item = Value> {
    smollm_testkit::golden::logits_goldens().into_iter().map(|golden| golden.config)
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for config in golden_configs() {
        let text = config.to_string();
        assert!(ModelConfig::from_json(text.as_bytes(), "config.json").is_ok());
        for end in 0..text.len() {
            let error = ModelConfig::from_json(&text.as_bytes()[..end], "config.json").unwrap_err().to_string();
            assert!(error.starts_with("config.json: not valid JSON: ") && !error.contains('\n'), "{end}: {error}");
        }
    }
}

#[test]
fn any_value_of_any_key_is_read_or_refused_in_one_line() {
    let strange = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("a\nb\u{1b}[2J"),
        json!([]),
        json!([0, 7, "x"]),
        json!({}),
        json!({"rope_type": "yarn", "factor": 1e-300, "original_max_position_embeddings": u64::MAX}),
    ];
    for config in golden_configs() {
        for key in config.as_object().unwrap().keys() {
            for value in &strange {
                let mut changed = config.clone();
                changed[key] = value.clone();
                if let Err(error) = ModelConfig::from_json(changed.to_string().as_bytes(), "config.json") {
                    let error = error.to_string();
                    assert!(error.starts_with("config.json: ") && !error.contains(['\n', '\x1b']), "{error:?}");
                }
            }
        }
    }
}
