//! `smollm merge`: models that answer as with their adapters beside them, averages, and what cannot be merged.

use crate::lora::write_adapter;
use crate::world::{World, random_config};
use serde_json::{Value, json};
use smollm::{Model, OpenOptions};
use smollm_checkpoint::Checkpoint;
use smollm_testkit::golden::lora_goldens;
use smollm_testkit::stored::{Stored, safetensors_bytes};
use smollm_testkit::tiny::{self, TinyTensor};
use std::collections::BTreeMap;

fn merge(world: &World, arguments: &[&str]) {
    assert_eq!(world.run(&[&["merge"], arguments].concat()).text(), "");
}

/// The numbers of every tensor, by name.
fn numbers(world: &World, name: &str) -> BTreeMap<String, Vec<f32>> {
    let checkpoint = Checkpoint::open_safetensors(world.path(name)).unwrap();
    let widened = |tensor: &smollm_checkpoint::Tensor| {
        let bytes = tensor.data.as_slice();
        let values = match tensor.dtype.name() {
            "F32" => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            "BF16" => {
                bytes.as_chunks().0.iter().map(|b| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16)).collect()
            }
            other => panic!("{other}"),
        };
        (tensor.name.clone(), values)
    };
    checkpoint.tensors().map(widened).collect()
}

/// An adapter with a pair of rank 2 beside q_proj of layer 0 of `random`, and what else it has learnt whole.
fn write_small_adapter(world: &World, name: &str, whole: &[TinyTensor]) {
    let config = json!({"peft_type": "LORA", "r": 2, "lora_alpha": 3, "target_modules": ["q_proj"],
                        "modules_to_save": ["whatever"], "base_model_name_or_path": "some/base"});
    world.write(&format!("{name}/adapter_config.json"), config.to_string());
    let module = "base_model.model.model.layers.0.self_attn.q_proj";
    let mut tensors = vec![
        tiny::tensor(&format!("{module}.lora_A.weight"), &[2, 32]),
        tiny::tensor(&format!("{module}.lora_B.weight"), &[32, 2]),
    ];
    tensors.extend(whole.iter().map(|tensor| {
        let name = format!("base_model.model.{}", tensor.name);
        TinyTensor { name, ..tensor.clone() }
    }));
    world.write(&format!("{name}/adapter_model.safetensors"), safetensors_bytes(&tensors, Stored::F32));
}

/// A tensor with other numbers than the model has under this name.
fn other(name: &str, shape: &[usize]) -> TinyTensor {
    TinyTensor { name: name.into(), ..tiny::tensor(&format!("another {name}"), shape) }
}

#[test]
fn a_merged_model_answers_as_with_the_adapter_beside_it() {
    for golden in lora_goldens() {
        let world = World::new().with_golden(&golden.base);
        write_adapter(&world, &golden);
        merge(&world, &[&golden.base, "--adapter", &golden.name, "-o", "merged", "--dtype", "f32"]);
        let open = |name: &str, lora: Option<&str>| {
            let options =
                OpenOptions { lora: lora.map(|name| world.path(name)), threads: Some(2), ..OpenOptions::default() };
            Model::open_with(world.path(name).to_str().unwrap(), &options, &smollm_hub::Silent).unwrap()
        };
        let (beside, merged) = (open(&golden.base, Some(&golden.name)), open("merged", None));
        let vocab = merged.decoder().config.vocab_size;
        for prompt in &golden.prompts {
            let logits = [&beside, &merged].map(|model| model.session().logits(&prompt.ids).unwrap());
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 2e-5 * golden.range;
            assert!(logits[0].iter().zip(&logits[1]).all(near), "{}", golden.name);
            for (&position, row) in prompt.f32.positions.iter().zip(&prompt.f32.rows) {
                assert!(logits[1][position * vocab..][..vocab].iter().zip(row).all(near), "{} of peft", golden.name);
            }
        }
        // nothing else has changed
        let (before, after) = (numbers(&world, &golden.base), numbers(&world, "merged"));
        let adapted = |name: &str| golden.tensors.iter().any(|(own, _)| own.contains(name.trim_end_matches(".weight")));
        for (name, values) in &after {
            assert_eq!(before[name] == *values, !adapted(name), "{name}");
        }
    }
}

#[test]
fn a_sum_is_rounded_once_and_the_card_says_what_it_is_made_of() {
    let world = World::new().with_random();
    world.write("random/README.md", "---\nlicense: apache-2.0\n---\n# Of the base\n");
    world.write("random/generation_config.json", r#"{"eos_token_id": [2, 7]}"#);
    write_small_adapter(&world, "one", &[]);
    write_small_adapter(&world, "two", &[]);
    merge(&world, &["random", "--adapter", "one", "--adapter", "two", "-o", "exact"]);
    merge(
        &world,
        &["random", "--adapter", "one", "--adapter", "two", "-o", "Rounded", "--dtype", "bf16", "--threads", "2"],
    );
    let (exact, rounded) = (numbers(&world, "exact"), numbers(&world, "Rounded"));
    for (name, exact) in &exact {
        assert!(Stored::Bf16.round(exact) == rounded[name], "{name}");
    }
    let info = world.run(&["info", "Rounded", "--json"]).json();
    assert_eq!((&info["licence"], &info["stop_ids"]), (&json!("apache-2.0"), &json!([0, 2, 7])));
    let config: Value = serde_json::from_slice(&world.read("Rounded/config.json")).unwrap();
    assert_eq!(config["torch_dtype"], "bfloat16");
    let card = String::from_utf8(world.read("Rounded/README.md")).unwrap();
    let expected = "---\nlibrary_name: transformers\nlicense: apache-2.0\ntags:\n- merge\n---\n\n# Rounded\n\nMade by `smollm merge` (smollm \
                    VERSION) of\n\n- random\n- LoRA adapter one (r 2, alpha 3, matrices: 1, made for some/base)\n- LoRA adapter two (r 2, \
                    alpha 3, matrices: 1, made for some/base)\n\nComputed in f32 and rounded once to BF16: matrices have their adapters' \
                    products added to them, W + s B A, and what an adapter learnt whole is in its place.\n";
    assert_eq!(card, expected.replace("VERSION", env!("CARGO_PKG_VERSION")));
    let text = |model: &str| world.run(&["tokenize", "Hi é", "-m", model]).text();
    assert_eq!(text("Rounded"), text("random"));
    // onto itself
    merge(&world, &["random", "--adapter", "one", "--adapter", "two", "-o", "random", "--quiet"]);
    assert!(numbers(&world, "random") == exact);
}

#[test]
fn what_was_learnt_whole_takes_its_place() {
    let world = World::new().with_random();
    let (norm, head) = (other("model.norm.weight", &[32]), other("lm_head.weight", &[320, 32]));
    let embedding = TinyTensor { name: "model.embed_tokens.weight".into(), ..head.clone() };
    let of_base = numbers(&world, "random");
    let merged = |whole: &[&TinyTensor]| {
        write_small_adapter(&world, "adapter", &whole.iter().map(|tensor| (*tensor).clone()).collect::<Vec<_>>());
        merge(&world, &["random", "--adapter", "adapter", "-o", "merged"]);
        let config: Value = serde_json::from_slice(&world.read("merged/config.json")).unwrap();
        assert_eq!(world.run(&["score", "-m", "merged", "abc"]).code, Some(0));
        (config["tie_word_embeddings"] == true, numbers(&world, "merged"))
    };
    let (tied, numbers) = merged(&[&norm]);
    assert!(tied && numbers["model.norm.weight"] == norm.data);
    // the head is parted from the embedding
    let (tied, numbers) = merged(&[&head]);
    assert!(!tied && numbers["lm_head.weight"] == head.data);
    assert!(numbers["model.embed_tokens.weight"] == of_base["model.embed_tokens.weight"]);
    let (tied, numbers) = merged(&[&embedding]);
    assert!(!tied && numbers["lm_head.weight"] == of_base["model.embed_tokens.weight"]);
    assert!(numbers["model.embed_tokens.weight"] == embedding.data);
    // both are still one
    let (tied, numbers) = merged(&[&embedding, &head]);
    assert!(tied && numbers["model.embed_tokens.weight"] == head.data && !numbers.contains_key("lm_head.weight"));
}

#[test]
fn an_average_is_the_weighted_sum() {
    let world = World::new();
    let config = random_config();
    let kinds = ["first", "second", "third"];
    for kind in kinds {
        let weights: Vec<TinyTensor> = tiny::tensor_list(&config)
            .into_iter()
            .map(|(name, shape)| TinyTensor { name: name.clone(), ..tiny::tensor(&format!("{kind} {name}"), &shape) })
            .collect();
        world.write_model(kind, &config, &weights, kind == "first");
    }
    let all = kinds.map(|kind| numbers(&world, kind));
    let mut runs = vec![(vec!["--weights", "0.5,0.3,0.2"], [0.5, 0.3, 0.2]), (vec![], [1.0 / 3.0; 3])];
    runs.push((vec!["--weights", "1.5,-0.5,0", "--threads", "1"], [1.5, -0.5, 0.0]));
    for (arguments, shares) in runs {
        merge(&world, &[&kinds[..], &arguments, &["-o", "mean"]].concat());
        for (name, values) in numbers(&world, "mean") {
            for (i, value) in values.iter().enumerate() {
                let exact: f64 = all.iter().zip(shares).map(|(own, share)| share * f64::from(own[&name][i])).sum();
                assert_eq!(*value, exact as f32, "{name} {arguments:?}");
            }
        }
    }
    // the tokenizer of the first: it has a template
    let messages = r#"[{"role":"user","content":"x"}]"#;
    let template = |model: &str| world.run(&["template", "-m", model, messages]).text();
    assert_eq!(template("mean"), template("first"));
    let card = String::from_utf8(world.read("mean/README.md")).unwrap();
    assert!(card.contains("\n- 1.5 of first\n- -0.5 of second\n- 0 of third\n"), "{card}");
}

#[test]
fn what_cannot_be_merged_is_refused_and_leaves_nothing() {
    let world = World::new().with_random();
    let edited = |name: &str, key: &str, value: Value| {
        let mut config = random_config();
        config[key] = value;
        world.write_model(name, &config, &tiny::weights(&config), false);
    };
    edited("wider", "intermediate_size", json!(64));
    edited("untied", "tie_word_embeddings", json!(false));
    edited("turned", "rope_theta", json!(500));
    write_small_adapter(&world, "good", &[]);
    write_small_adapter(&world, "whole", &[other("model.norm.weight", &[32])]);
    write_small_adapter(&world, "longer", &[other("model.norm.weight", &[33])]);
    write_small_adapter(&world, "score", &[other("score.weight", &[2, 32])]);
    write_small_adapter(&world, "q", &[other("model.layers.0.self_attn.q_proj.weight", &[32, 32])]);
    write_small_adapter(&world, "again", &[other("model.norm.weight", &[32])]);
    let golden = lora_goldens().into_iter().find(|golden| golden.name == "q-v").unwrap();
    write_adapter(&world, &golden);
    assert_eq!(world.run(&["convert", "random", "m.gguf"]).code, Some(0));
    assert_eq!(world.run(&["quantize", "random", "q8.gguf", "--type", "q8_0"]).code, Some(0));
    let rows: &[(i32, &[&str], &str)] = &[
        (2, &["random"], "nothing to merge"),
        (2, &["random", "wider", "--adapter", "good"], "one model, not several"),
        (2, &["random", "wider", "--weights", "1"], "1 weights for 2 models"),
        (2, &["random", "--adapter", "good", "--weights", "1"], "cannot be used with"),
        (2, &["random", "random", "--weights", "a,b"], "invalid"),
        (1, &["random", "random", "--weights", "0.5,0.4"], "the weights are 0.9 together, not 1"),
        (1, &["random", "random", "--weights", "nan,1"], "together, not 1"),
        (
            1,
            &["random", "wider"],
            "wider: tensor `model.layers.0.mlp.gate_proj.weight` has shape [64, 32], but [48, 32] in random",
        ),
        (1, &["random", "untied"], "untied: there is a tensor `lm_head.weight`, which random lacks"),
        (1, &["untied", "random"], "random: there is no tensor `lm_head.weight`, which untied has"),
        (1, &["random", "m.gguf", "turned"], "turned: rope_theta is 500, but 10000 in random"),
        (1, &["random", "q8.gguf"], "is quantised (Q8_0)"),
        (1, &["random", "nowhere"], "nowhere"),
        (1, &["random", "--adapter", "nowhere"], "nowhere"),
        (1, &["random", "--adapter", "q-v"], "q-v: adapter module `model.layers.0.self_attn."),
        (
            1,
            &["random", "--adapter", "longer"],
            "longer: has learnt `model.norm.weight` whole as [33], but the model has [32]",
        ),
        (1, &["random", "--adapter", "score"], "score: has learnt `score.weight` whole, which the model does not have"),
        (1, &["random", "--adapter", "q"], "and another adapter has a pair beside it"),
        (
            1,
            &["random", "--adapter", "whole", "--adapter", "again"],
            "again: has learnt `model.norm.weight` whole, and so has whole",
        ),
        (1, &["q8.gguf", "--adapter", "good"], "is quantised (Q8_0)"),
    ];
    for (code, arguments, part) in rows {
        let done = world.run(&[&["merge"], *arguments, &["-o", "out"]].concat());
        assert!(done.error(*code).contains(part), "{arguments:?}: {done:?}");
        assert!(!world.path("out").exists(), "{arguments:?}");
    }
    let done = world.run(&["merge", "random", "--adapter", "good", "-o", "out.gguf"]);
    assert!(done.error(2).contains("smollm convert makes a GGUF file"), "{done:?}");
    // other forms of a model do
    merge(&world, &["q8.gguf", "--adapter", "good", "-o", "out", "--dtype", "bf16"]);
    merge(&world, &["random", "m.gguf", "-o", "same"]);
    assert!(numbers(&world, "same") == numbers(&world, "random"));
}
