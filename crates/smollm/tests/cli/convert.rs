//! `smollm convert` there and back: the same bits, the same text, the same metadata.

use crate::world::{World, random_config};
use serde_json::{Value, json};
use smollm_checkpoint::Checkpoint;
use smollm_testkit::stored::{Stored, write_model};
use smollm_testkit::tiny;

/// Name, type, shape and bytes of every tensor, by name.
fn tensors(world: &World, name: &str) -> Vec<(String, String, Vec<usize>, Vec<u8>)> {
    let checkpoint = Checkpoint::open_safetensors(world.path(name)).unwrap();
    let mut all: Vec<_> = checkpoint
        .tensors()
        .map(|t| (t.name.clone(), t.dtype.name().to_owned(), t.shape.clone(), t.data.as_slice().to_vec()))
        .collect();
    all.sort();
    all
}

fn convert(world: &World, arguments: &[&str]) {
    assert_eq!(world.run(&[&["convert"], arguments].concat()).text(), "");
}

#[test]
fn there_and_back_keeps_every_bit() {
    for stored in [Stored::F32, Stored::F16, Stored::Bf16] {
        let world = World::new().with_scripted();
        let mut config = random_config();
        config["torch_dtype"] = json!(match stored {
            Stored::F32 => "float32",
            Stored::F16 => "float16",
            Stored::Bf16 => "bfloat16",
        });
        write_model(&world.path("scripted"), &config, &tiny::weights(&config), stored).unwrap();
        convert(&world, &["scripted", "m.gguf"]);
        convert(&world, &["m.gguf", "back"]);
        assert_eq!(tensors(&world, "back"), tensors(&world, "scripted"), "{stored:?}");
        convert(&world, &["--quiet", "back", "again.gguf"]);
        let (first, again) =
            (Checkpoint::open_gguf(world.path("m.gguf")), Checkpoint::open_gguf(world.path("again.gguf")));
        for (a, b) in first.unwrap().tensors().zip(again.unwrap().tensors()) {
            assert_eq!((&a.name, a.data.as_slice()), (&b.name, b.data.as_slice()), "{stored:?}");
        }
        // every key of the configuration that says something about the model
        let back: Value = serde_json::from_slice(&world.read("back/config.json")).unwrap();
        for (key, value) in config.as_object().unwrap() {
            let same = match (value.as_f64(), back[key].as_f64()) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-6 * a.abs(), // GGUF keeps an f32
                _ => &back[key] == value,
            };
            assert!(same, "{key}: {value} {}", back[key]);
        }
        let text = "Hi €é😀 AAB<|im_end|> 12\n";
        let messages = r#"[{"role":"user","content":"x"}]"#;
        for run in [
            &["tokenize", text][..],
            &["template", "--set", "mood=gay", messages],
            &["score", text, "--json"],
            &["generate", text, "-n", "8", "--seed", "3"],
        ] {
            let expected = world.run(&[run, &["-m", "scripted"]].concat()).text();
            for form in ["m.gguf", "back", "again.gguf"] {
                assert_eq!(world.run(&[run, &["-m", form]].concat()).text(), expected, "{stored:?} {run:?} {form}");
            }
        }
    }
}

#[test]
fn a_type_can_be_chosen() {
    let world = World::new().with_random();
    for (dtype, name) in [("f32", "F32"), ("f16", "F16"), ("bf16", "BF16")] {
        let file = format!("{dtype}.gguf");
        convert(&world, &["random", &file, "--dtype", dtype]);
        convert(&world, &["random", dtype, "--dtype", dtype]);
        let dtypes = |model: &str| world.run(&["info", model, "--json"]).json()["dtypes"].clone();
        // the norms of a GGUF file are always F32
        let (of_file, of_directory) = (dtypes(&file), dtypes(dtype));
        assert_eq!(of_file[name]["tensors"], json!(if dtype == "f32" { 20 } else { 15 }), "{of_file}");
        assert_eq!(of_directory, json!({ name: { "tensors": 20, "bytes": of_directory[name]["bytes"] } }));
        // converting is loading as that type, which leaves the norms in F32
        let score =
            |model: &str, more: &[&str]| world.run(&[&["score", "abc", "--json", "-m", model], more].concat()).text();
        assert_eq!(score(&file, &[]), score("random", &["--dtype", dtype]), "{dtype}");
    }
}

#[test]
fn metadata_of_a_file_is_kept() {
    let world = World::new().with_random();
    let mut file = smollm_testkit::gguf::tiny_gguf(&random_config(), "A name of its own", Stored::F32);
    let text = |text: &str| smollm_testkit::gguf::GgufValue::Text(text.into());
    file.metadata.push(("general.license".into(), text("apache-2.0")));
    file.metadata.push(("general.author".into(), text("somebody")));
    world.write("a.gguf", file.to_bytes());
    convert(&world, &["a.gguf", "b.gguf", "--dtype", "bf16"]);
    let checkpoint = Checkpoint::open_gguf(world.path("b.gguf")).unwrap();
    let metadata = checkpoint.gguf_metadata().unwrap();
    for (key, value) in
        [("general.license", "apache-2.0"), ("general.author", "somebody"), ("general.name", "A name of its own")]
    {
        assert_eq!(metadata.optional::<&str>(key).unwrap(), Some(value), "{key}");
    }
    assert_eq!(metadata.optional::<u32>("general.file_type").unwrap(), Some(32));
}

#[test]
fn a_file_says_what_the_directory_said() {
    let world = World::new().with_random();
    std::fs::rename(world.path("random"), world.path("A-1.7B")).unwrap();
    world.write("A-1.7B/README.md", "---\nlicense: apache-2.0\n---\n# A\n");
    world.write("A-1.7B/generation_config.json", r#"{"eos_token_id": [2, 7]}"#);
    convert(&world, &["A-1.7B", "a.gguf"]);
    convert(&world, &["A-1.7B", "copy"]);
    let checkpoint = Checkpoint::open_gguf(world.path("a.gguf")).unwrap();
    let metadata = checkpoint.gguf_metadata().unwrap();
    assert_eq!(metadata.optional::<&str>("general.name").unwrap(), Some("A-1.7B"));
    for model in ["a.gguf", "copy", "A-1.7B"] {
        let info = world.run(&["info", model, "--json"]).json();
        // id 0 is the vocabulary's <|endoftext|>
        assert_eq!((&info["licence"], &info["stop_ids"]), (&json!("apache-2.0"), &json!([0, 2, 7])), "{model}");
    }
}

#[test]
fn a_model_may_be_converted_onto_itself() {
    let world = World::new().with_random();
    let before = tensors(&world, "random");
    convert(&world, &["random", "random"]);
    assert_eq!(tensors(&world, "random"), before);
    convert(&world, &["random", "m.gguf"]);
    let bytes = world.read("m.gguf");
    convert(&world, &["m.gguf", "m.gguf"]);
    assert_eq!(world.read("m.gguf").len(), bytes.len());
}

#[test]
fn a_failure_leaves_nothing() {
    let world = World::new().with_random();
    let length = world.read("random/model.safetensors").len();
    std::fs::File::options()
        .write(true)
        .open(world.path("random/model.safetensors"))
        .unwrap()
        .set_len(length as u64 / 2)
        .unwrap();
    for out in ["m.gguf", "directory"] {
        let done = world.run(&["convert", "random", out]);
        assert!(done.error(1).contains("model.safetensors"), "{done:?}");
        assert!(!world.path(out).exists(), "{out}");
    }
    let done = world.run(&["convert", "random"]);
    assert!(done.error(2).contains("<OUTPUT>"), "{done:?}");
}
