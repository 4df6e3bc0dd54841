//! `smollm init`: reproducible checkpoints of any shape.

use crate::world::{World, list, numbers};
use serde_json::{Value, json};
use smollm_testkit::byte_level::write_tokenizer;

/// A shape that takes no time.
const SMALL: [&str; 12] = [
    "--set",
    "hidden_size=32",
    "--set",
    "intermediate_size=48",
    "--set",
    "num_hidden_layers=2",
    "--set",
    "num_attention_heads=2",
    "--set",
    "num_key_value_heads=1",
    "--set",
    "vocab_size=320",
];

/// Standard error.
fn init(world: &World, out: &str, more: &[&str]) -> String {
    let done = world.run(&[&["init", "smollm2-135m", out][..], &SMALL, more].concat());
    assert_eq!((done.code, done.out.as_str()), (Some(0), ""), "{done:?}");
    done.err
}

#[test]
fn every_weight_is_a_function_of_the_seed() {
    let world = World::new();
    // 320 x 32 for the embedding, 7,744 for each layer, 32 for the last norm
    assert_eq!(init(&world, "a", &[]), "a: 25,760 parameters\n");
    assert_eq!(init(&world, "b", &["--seed", "0", "--quiet"]), "");
    init(&world, "c", &["--seed", "1"]);
    let weights = |name: &str| world.read(&format!("{name}/model.safetensors"));
    assert_eq!(weights("a"), weights("b"));
    assert_ne!(weights("a"), weights("c"));
    assert_eq!(weights("a").len(), weights("c").len());
    assert_eq!(world.read("a/config.json"), world.read("c/config.json"));
}

#[test]
fn the_configuration_is_that_of_the_release_with_the_changes() {
    let world = World::new();
    init(&world, "m", &["--quiet", "--set", "torch_dtype=\"float32\""]);
    let config: Value = serde_json::from_slice(&world.read("m/config.json")).unwrap();
    let expected = json!({
        "model_type": "llama", "hidden_size": 32, "num_key_value_heads": 1, "vocab_size": 320, "rope_theta": 100_000,
        "max_position_embeddings": 8192, "tie_word_embeddings": true, "torch_dtype": "float32",
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&config[key], value, "{key}");
    }
    let info = world.run(&["info", "m", "--json"]).json();
    assert_eq!((&info["head_dim"], &info["dtypes"]["F32"]["tensors"]), (&json!(16), &json!(20)));
    // the order of the changes does not matter, and what follows from them follows
    let more = ["--set", "head_dim=8", "--set", "hidden_size=64", "--set", "dtype=\"float16\""];
    init(&world, "o", &more);
    let info = world.run(&["info", "o", "--json"]).json();
    assert_eq!((&info["hidden_size"], &info["head_dim"]), (&json!(64), &json!(8)));
    assert_eq!(info["dtypes"]["F16"]["tensors"], 20);
    let roles = ["--set", "bos_token_id=1", "--set", "eos_token_id=2", "--set", "pad_token_id=2"];
    let layers = ["--set", "num_hidden_layers=5"];
    let done = world.run(&[&["init", "smollm3-3b", "p"][..], &SMALL, &roles, &layers].concat());
    assert_eq!(done.code, Some(0), "{done:?}");
    // the file that it wrote is a shape like any other
    let again = world.run(&["init", "m/config.json", "n"]);
    assert!(again.text().is_empty());
    assert_eq!(world.read("m/model.safetensors"), world.read("n/model.safetensors"));
}

#[test]
fn without_a_tokenizer_it_works_with_ids() {
    let world = World::new();
    init(&world, "m", &[]);
    let answer = world.run(&["generate", "-m", "m", "--ids", "5,6", "-n", "2", "--ignore-eos", "--json"]).json();
    assert_eq!(numbers(&answer["ids"]).len(), 2);
    let done = world.run(&["score", "-m", "m", "text"]);
    assert!(done.error(1).contains("no tokenizer"), "{done:?}");
}

#[test]
fn with_a_tokenizer_it_talks() {
    let world = World::new();
    write_tokenizer(&world.path("tokenizer"), 320, true).unwrap();
    init(&world, "m", &["--tokenizer", "tokenizer"]);
    let ids = list(&crate::world::ids("Hi"));
    assert_eq!(world.run(&["tokenize", "-m", "m", "Hi"]).text(), ids + "\n");
    assert!(!world.run(&["chat", "-m", "m", "Hi", "-n", "4"]).text().is_empty());
}

/// A model is for whom the umask lets, as any file is.
#[cfg(unix)]
#[test]
fn all_its_files_have_the_same_rights() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    write_tokenizer(&world.path("tokenizer"), 320, true).unwrap();
    init(&world, "m", &["--tokenizer", "tokenizer"]);
    world.write("m/plain", "");
    let mode = |name: &str| std::fs::metadata(world.path("m").join(name)).unwrap().permissions().mode();
    for name in ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"] {
        assert_eq!(mode(name), mode("plain"), "{name}");
    }
}

#[test]
fn a_model_in_shards_is_not_mixed_with_another() {
    let world = World::new();
    world.write("m/model.safetensors.index.json", "{}");
    let done = world.run(&[&["init", "smollm2-135m", "m"][..], &SMALL].concat());
    assert!(done.error(1).contains("m holds a model in shards"), "{done:?}");
    assert!(!world.path("m/config.json").exists());
}

#[test]
fn what_cannot_be_made_is_refused() {
    let world = World::new();
    let rows: [(&[&str], i32, &[&str]); 8] = [
        (&["smollm4-9b"], 1, &["smollm4-9b", "smollm2-135m"]),
        (&["smollm2-135m", "--set", "hidden_size=0"], 1, &["hidden_size"]),
        (&["smollm2-135m", "--set", "num_key_value_heads=2"], 1, &["num_key_value_heads", "9"]),
        (&["smollm2-135m", "--set", "hidden_size"], 2, &["--set", "NAME=VALUE"]),
        (&["smollm2-135m", "--set", "hiden_size=64"], 1, &["`hiden_size`", "`hidden_size`"]),
        (&["smollm2-135m", "--set", "torch_dtype=float64"], 1, &["torch_dtype", "float64", "bfloat16"]),
        (&["smollm3-3b", "--set", "no_rope_layers=[1]"], 1, &["no_rope_layers", "36"]),
        (&["smollm2-135m", "--tokenizer", "nowhere"], 1, &["nowhere", "tokenizer.json"]),
    ];
    for (arguments, code, parts) in rows {
        let done = world.run(&[&["init", arguments[0], "out"], &arguments[1..]].concat());
        let line = done.error(code);
        assert!(parts.iter().all(|part| line.contains(part)), "{arguments:?}: {line}");
        assert!(!world.path("out/model.safetensors").exists());
    }
}
