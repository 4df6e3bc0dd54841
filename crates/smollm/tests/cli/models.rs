//! Every way to name a model gives the same answer, and the first that applies wins.

use crate::world::{COMMIT, World, finished, random_config};
use serde_json::{Value, json};
use smollm_testkit::gguf::{GgufFile, GgufValue, tiny_gguf};
use smollm_testkit::stored::Stored;

const RUN: [&str; 8] = ["generate", "abc", "-n", "12", "--ignore-eos", "--json", "--threads", "1"];

fn answer(world: &World, model: &str) -> Value {
    let mut json = world.run(&[&RUN[..], &["-m", model]].concat()).json();
    json["timings"] = Value::Null;
    json
}

#[test]
fn every_form_gives_the_same_answer() {
    let world = World::new().with_random();
    let gguf = tiny_gguf(&random_config(), "random", Stored::F32).to_bytes();
    world.write("random.gguf", &gguf);
    world.write("UPPER.GGUF", &gguf);
    world.write("folder/any name.gguf", &gguf);
    world.write("folder/notes.txt", "a folder with one GGUF file");
    // a folder with the name of a repository of the hub, and one with a short name
    world.write("org/name/m.gguf", &gguf);
    world.write("smollm2/m.gguf", &gguf);
    let expected = answer(&world, "random");
    let absolute = world.path("random").display().to_string();
    for model in [
        "random/",
        "./random",
        &absolute,
        "random/model.safetensors",
        "random.gguf",
        "UPPER.GGUF",
        "folder",
        "org/name",
        "smollm2",
    ] {
        assert_eq!(answer(&world, model), expected, "{model}");
    }
}

#[test]
fn shards_are_one_model() {
    let world = World::new().with_random();
    let expected = answer(&world, "random");
    // the same file under the names that an index gives
    let bytes = world.read("random/model.safetensors");
    let header: Value =
        serde_json::from_slice(&bytes[8..8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize]).unwrap();
    let names = header.as_object().unwrap().keys().filter(|name| *name != "__metadata__");
    let map: serde_json::Map<_, _> =
        names.map(|name| (name.clone(), json!("model-00001-of-00001.safetensors"))).collect();
    std::fs::rename(world.path("random/model.safetensors"), world.path("random/model-00001-of-00001.safetensors"))
        .unwrap();
    world.write("random/model.safetensors.index.json", json!({ "metadata": {}, "weight_map": map }).to_string());
    assert_eq!(answer(&world, "random"), expected);
    assert_eq!(answer(&world, "random/model-00001-of-00001.safetensors"), expected);
}

/// llama.cpp's split files: the metadata in the first part, the tensors in all of them; any part names the model.
#[test]
fn a_split_file_is_one_model() {
    let world = World::new();
    let whole = tiny_gguf(&random_config(), "random", Stored::F32);
    world.write("whole.gguf", whole.to_bytes());
    let expected = answer(&world, "whole.gguf");
    let (first, rest) = whole.tensors.split_at(3);
    for (i, tensors) in [first, rest].into_iter().enumerate() {
        let split = [("no", i), ("count", 2), ("tensors.count", whole.tensors.len())];
        let mut metadata = if i == 0 { whole.metadata.clone() } else { Vec::new() };
        metadata.extend(split.map(|(key, n)| (format!("split.{key}"), GgufValue::U32(n as u32))));
        let part = GgufFile { metadata, tensors: tensors.to_vec(), stored: whole.stored };
        world.write(&format!("split/m-{:05}-of-00002.gguf", i + 1), part.to_bytes());
    }
    for name in ["split", "split/m-00001-of-00002.gguf", "split/m-00002-of-00002.gguf"] {
        assert_eq!(answer(&world, name), expected, "{name}");
    }
    std::fs::remove_file(world.path("split/m-00002-of-00002.gguf")).unwrap();
    let done = world.run(&["info", "split"]);
    assert!(done.error(1).contains("m-00002-of-00002.gguf"), "{done:?}");
}

#[test]
fn a_cached_model_needs_no_network() {
    let world = World::new().with_random();
    let expected = answer(&world, "random");
    let world = world.with_cached();
    for model in ["org/name".into(), "org/name@main".into(), format!("org/name@{COMMIT}")] {
        assert_eq!(answer(&world, &model), expected, "{model}");
    }
    let listed = world.run(&["list"]).text();
    assert!(listed.lines().nth(1).unwrap().starts_with("org/name  01234567  "), "{listed}");
    // a path that exists beats the repository
    world.write("org/name/config.json", "{}");
    let done = world.run(&["info", "org/name"]);
    assert!(done.error(1).starts_with("error: org/name/config.json: "), "{done:?}");
}

#[test]
fn the_environment_names_a_model_that_the_command_line_beats() {
    let world = World::new().with_random();
    let expected = answer(&world, "random");
    let run = |value: &str, more: &[&str]| {
        let mut command = world.command(&[&RUN[..], more].concat());
        let mut json = finished(command.env("SMOLLM_MODEL", value).spawn().unwrap(), b"").json();
        json["timings"] = Value::Null;
        json
    };
    assert_eq!(run("random", &[]), expected);
    assert_eq!(run("nowhere", &["-m", "random"]), expected);
    let info = |arguments: &[&str]| {
        let mut command = world.command(&[&["info", "--json"], arguments].concat());
        finished(command.env("SMOLLM_MODEL", "nowhere").spawn().unwrap(), b"")
    };
    assert_eq!(info(&["random"]).json()["name"], "random");
    assert!(info(&["random", "-m", "random"]).error(2).contains("--model"));
    assert!(info(&[]).error(1).contains("nowhere"));
}

/// The names in the list are those that `-m` takes: each GGUF file, each revision, and what was cut.
#[test]
fn the_list_names_what_can_be_run() {
    let world = World::new().with_cached();
    let snapshot = |commit: &str| format!("hub-home/hub/models--org--many/snapshots/{commit}");
    let (tagged, left) = ("b".repeat(40), "c".repeat(40));
    world.write("hub-home/hub/models--org--many/refs/v1", &tagged);
    world.write(&format!("{}/m-Q8_0.gguf", snapshot(&tagged)), "x".repeat(2048));
    world.write(&format!("{}/m-F16.gguf", snapshot(&tagged)), "x".repeat(4096));
    world.write(&format!("{}/README.md", snapshot(&left)), "x");
    world.write("hub-home/hub/models--org--many/blobs/abc.incomplete", "x".repeat(1024));
    let rows = world.run(&["list"]).text();
    let names: Vec<_> = rows.lines().map(|row| row.split_whitespace().collect::<Vec<_>>()).collect();
    let expected = [
        "model commit size",
        "org/many@v1:m-F16.gguf bbbbbbbb 4.00",
        "org/many@v1:m-Q8_0.gguf bbbbbbbb 2.00",
        &format!("org/many@{left} cccccccc 1"),
        "org/many - 1.00",
        "org/name 01234567 ",
    ];
    assert_eq!(names.len(), expected.len(), "{rows}");
    for expected in expected {
        assert!(names.iter().any(|name| name.join(" ").starts_with(expected)), "{expected}: {rows}");
    }
    assert!(rows.contains("resume"), "{rows}");
}

#[test]
fn info_says_what_a_model_is() {
    let world = World::new().with_random();
    world.write("random/README.md", "---\nlicense: apache-2.0\nlanguage: en\n---\n# A model\n");
    let table = world.run(&["info", "random", "--ctx", "100"]).text();
    for part in [
        "LlamaForCausalLM",
        "2 layers, hidden 32",
        "F32: 20 tensors",
        "apache-2.0",
        "at 100 tokens",
        "none (base model)",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let json = world.run(&["info", "-m", "random", "--json"]).json();
    assert_eq!((&json["licence"], json.get("check")), (&json!("apache-2.0"), None));
    world.write("random.gguf", tiny_gguf(&random_config(), "random", Stored::F16).to_bytes());
    let json = world.run(&["info", "random.gguf", "--json"]).json();
    assert_eq!((&json["format"], &json["parameters"]), (&json!("gguf"), &json!(smollm_parameters())));
    let tensors = |dtype: &str| json["dtypes"][dtype]["tensors"].as_u64();
    assert_eq!((tensors("F16"), tensors("F32")), (Some(15), Some(5)));
}

/// Of `random`: a tied embedding, two layers, the final norm.
fn smollm_parameters() -> usize {
    let (c, f, v) = (32, 48, 320);
    v * c + 2 * (2 * c * c + 2 * c * c / 2 + 3 * c * f + 2 * c) + c
}

#[test]
fn a_check_finds_damage() {
    let world = World::new().with_random();
    let clean = world.run(&["info", "random", "--check"]).text();
    assert!(clean.ends_with("every weight is finite and no row is all zero\n"), "{clean}");
    // the last tensor is the final norm: 32 numbers
    let mut bytes = world.read("random/model.safetensors");
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    bytes[end - 8..end - 4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    world.write("random/model.safetensors", &bytes);
    let done = world.run(&["info", "random", "--check", "--json"]);
    assert_eq!(done.error(1), "error: 1 tensors have NaN or infinite weights");
    let json: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(json["check"], json!({ "not_finite": [["model.norm.weight", 2]], "dead": [] }));
    let done = world.run(&["generate", "-m", "random", "abc"]);
    assert!(done.error(1).contains("--check"), "{done:?}");
    // rows of zeros are odd, but no damage: ten of this model's tensors have nothing else
    let world = World::new().with_scripted();
    let done = world.run(&["info", "scripted", "--check"]);
    assert!(done.out.contains("dead           model.layers.0.mlp.down_proj.weight: 320 rows are all zero"), "{done:?}");
    assert_eq!(done.code, Some(0));
}
