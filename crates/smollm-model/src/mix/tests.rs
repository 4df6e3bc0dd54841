//! Mixes against the choices of llama.cpp's own program (`testdata/quant/mixes.json`).

use super::Mix;
use crate::config::ModelConfig;
use crate::params::{Shape, Slot, params};
use serde_json::{Value, json};

/// The shapes of the file, each with what llama.cpp chose.
fn recorded() -> Vec<(String, ModelConfig, Value)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/quant/mixes.json");
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let Ok(Value::Object(models)) = serde_json::from_str(&text) else { panic!("{path} is no JSON object") };
    models.into_iter().map(|(name, model)| (name, config(&model["shape"]), model["mixes"].clone())).collect()
}

fn config(shape: &Value) -> ModelConfig {
    let smollm3 = shape["architecture"] == "smollm3";
    let json = json!({
        "architectures": [if smollm3 { "SmolLM3ForCausalLM" } else { "LlamaForCausalLM" }],
        "model_type": shape["architecture"], "hidden_act": "silu", "hidden_size": shape["hidden"],
        "intermediate_size": shape["feed_forward"], "num_hidden_layers": shape["layers"],
        "num_attention_heads": shape["heads"], "num_key_value_heads": shape["kv_heads"], "head_dim": shape["head_dim"],
        "vocab_size": shape["vocabulary"], "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
        "tie_word_embeddings": shape["tied"],
    });
    ModelConfig::from_json(json.to_string().as_bytes(), "recorded").unwrap()
}

/// The type of layer `layer` in a list of runs `[type, layers]`.
fn at(runs: &Value, layer: usize) -> &str {
    let mut runs = runs.as_array().unwrap().iter().map(|run| (run[0].as_str().unwrap(), run[1].as_u64().unwrap()));
    let mut left = layer as u64;
    let found = runs.find(|(_, layers)| {
        let here = left < *layers;
        left = left.saturating_sub(*layers);
        here
    });
    found.unwrap_or_else(|| panic!("no layer {layer}")).0
}

#[test]
fn every_matrix_has_the_type_that_llama_cpp_gives_it() {
    for (model, config, mixes) in recorded() {
        for name in Mix::names() {
            let mix = Mix::named(name).unwrap();
            for importance in [false, true] {
                let choices = mixes[name].get("imatrix").filter(|_| importance).unwrap_or(&mixes[name]["plain"]);
                let mut bytes = 0;
                for param in params(&config) {
                    let dtype = mix.dtype(&config, &param, importance);
                    bytes += dtype.bytes_for(param.shape.elements()).unwrap();
                    if matches!(param.shape, Shape::Matrix(..)) {
                        let mut parts = param.gguf_name.split('.');
                        let (kind, layer) = match param.slot {
                            Slot::Layer(layer, _) => (parts.nth(2).unwrap(), layer),
                            _ => (parts.next().unwrap(), 0),
                        };
                        let expected = at(&choices[kind], layer);
                        assert_eq!(dtype.name(), expected, "{model} {name} {} ({importance})", param.gguf_name);
                    }
                }
                assert_eq!(choices["bytes"], bytes, "{model} {name} ({importance})");
            }
        }
    }
}

/// Bytes of all tensors; that of the 1.7B is what the log of the official file says (1005.01 MiB).
#[test]
fn published_files_have_these_sizes() {
    let bytes = |model: &str| {
        let (_, config, _) = recorded().into_iter().find(|(name, ..)| name == model).unwrap();
        let mix = Mix::named("q4_k_m").unwrap();
        let sizes = params(&config).into_iter().map(|p| mix.dtype(&config, &p, false).bytes_for(p.shape.elements()));
        sizes.map(Option::unwrap).sum::<usize>()
    };
    assert_eq!(bytes("smollm2-135m"), 103_668_480);
    assert_eq!(bytes("smollm2-360m"), 268_803_840);
    assert_eq!(bytes("smollm2-1.7b"), 1_053_827_072);
    assert_eq!(bytes("smollm3-3b"), 1_907_462_144);
}

#[test]
fn names_and_numbers_are_those_of_llama_cpp() {
    let numbers: Vec<_> = ["q4_0", "q8_0", "q4_k_s", "q4_k_m", "q5_k_m", "q6_k", "q3_k_m", "q2_k", "iq4_nl"]
        .map(|name| Mix::named(name).unwrap().file_type())
        .into();
    assert_eq!(numbers, [2, 7, 14, 15, 17, 18, 12, 10, 25]);
    assert_eq!(Mix::named("q4_k_m").unwrap().name(), "q4_k_m");
    assert!(Mix::named("Q4_K_M").is_none() && Mix::named("f16").is_none());
}
