//! The model that is a part of the program: it answers where none is named, and goes through everything that models of files do.

use crate::world::{Done, World, finished};
use serde_json::{Value, json};

/// What is said where it answers because nobody named a model.
pub(crate) const NOTE: &str =
    "note: no model given: the built-in nano answers, which knows a small world only; `-m smollm2:135m` gets SmolLM2\n";

/// A question of a few tokens, asked with each command that answers without a model's name.
const ASKING: [&[&str]; 6] = [
    &["generate", "--chat", "Who are you?", "-n", "8"],
    &["chat", "Who are you?", "-n", "8"],
    &["agent", "Who are you?", "-n", "8", "--tool-choice", "none"],
    &["summarize", "Ann comes at five. Bob comes at six.", "-n", "8"],
    &["rewrite", "Come at five.", "-n", "8"],
    &["title", "Ann comes at five. Bob comes at six.", "-n", "8"],
];

fn with_environment(world: &World, model: &str, arguments: &[&str]) -> Done {
    finished(world.command(arguments).env("SMOLLM_MODEL", model).spawn().unwrap(), b"")
}

#[test]
fn it_answers_where_no_model_is_named_and_says_so() {
    let world = World::new();
    for asking in ASKING {
        let done = world.run(asking);
        assert!(done.code == Some(0) && done.err.starts_with(NOTE), "{asking:?}: {done:?}");
        for more in [&["-m", "nano"][..], &["--quiet"]] {
            let done = world.run(&[asking, more].concat());
            assert!(done.code == Some(0) && !done.err.contains("no model given"), "{asking:?} {more:?}: {done:?}");
        }
    }
    for asking in &ASKING[3..] {
        let done = world.run(&[asking, &["-m", "nano"][..]].concat());
        assert!(done.err.starts_with("note: nano is a toy and may get names, numbers and dates wrong"), "{done:?}");
    }
    let answer = world.run(&["generate", "--json", "-n", "1", "Once"]);
    assert!(answer.err.starts_with(NOTE) && answer.json()["prompt_ids"].is_array());
    assert!(std::fs::read_dir(world.folder.path()).unwrap().next().is_none(), "nothing is written");
}

#[test]
fn it_says_something() {
    let question = ["generate", "-m", "nano", "--chat", "-t", "0", "What is the capital of France?"];
    assert!(!World::new().run(&question).text().trim().is_empty());
}

#[test]
fn a_name_in_the_environment_comes_first() {
    let world = World::new().with_scripted();
    let ask = ["generate", "-t", "0", "\n"];
    let done = with_environment(&world, "scripted", &ask);
    assert_eq!(done.err, "");
    assert_eq!(done.text(), format!("{}\n", crate::world::SCRIPT));
    assert!(with_environment(&world, "nowhere", &ask).error(1).contains("nowhere"));
    // set to nothing is not set
    assert!(with_environment(&world, "", &["generate", "-n", "1", "a"]).err.starts_with(NOTE));
    assert_eq!(with_environment(&world, "nano", &["generate", "-n", "1", "a"]).err, "");
}

#[test]
fn commands_that_do_not_answer_ask_for_a_model() {
    let world = World::new();
    for command in ["info", "score", "tokenize", "template", "bench"] {
        let done = world.run_on("[]", &[command]);
        assert!(done.error(2).starts_with("error: no model given; name one with -m (nano, "), "{command}: {done:?}");
    }
    assert_eq!(world.run(&["pull", "nano"]).error(2), "error: nano is built in; there is nothing to pull");
    assert_eq!(world.run(&["rm", "nano"]).error(2), "error: nano is built in; only downloaded models are removed");
}

#[test]
fn it_is_what_lies_in_the_repository() {
    let world = World::new();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/model/nano.gguf");
    let info = |model: &str| world.run(&["info", model, "--json", "--check"]).json();
    let (inside, outside) = (info("nano"), info(file));
    assert_eq!((&inside["name"], &inside["path"]), (&json!("nano"), &json!("the built-in model")));
    assert_eq!(inside["licence"], "apache-2.0");
    assert!(inside["template_chars"].is_u64() && inside["tokenizer"].is_string(), "{inside}");
    assert!(inside["file_bytes"].as_u64().is_some_and(|bytes| bytes <= 8 << 20), "{inside}");
    let without_names = |mut info: Value| {
        info.as_object_mut().unwrap().retain(|key, _| key != "name" && key != "path");
        info
    };
    assert_eq!(without_names(inside), without_names(outside));
    assert!(world.run(&["info", "nano"]).text().contains("path           the built-in model (gguf)"));
    let score = |model: &str| {
        let mut score = world.run(&["score", "-m", model, "--json", "The capital of France is Paris."]).json();
        score.as_object_mut().unwrap().retain(|key, _| key != "timings");
        score
    };
    assert_eq!(score("nano"), score(file));
}

/// A folder or file of the name is still there for who says that a path is meant.
#[test]
fn a_path_of_its_name_is_written_as_a_path() {
    let world = World::new().with_random();
    std::fs::rename(world.path("random"), world.path("nano")).unwrap();
    let info = |name: &str| world.run(&["info", name, "--json"]).json();
    for name in ["./nano", "nano/", "nano/model.safetensors"] {
        assert_eq!(info(name)["format"], "safetensors", "{name}");
    }
    assert_eq!(info("nano")["path"], "the built-in model");
}

#[test]
fn it_is_read_as_text_verified_converted_and_quantised() {
    let world = World::new();
    let ids = world.run(&["tokenize", "-m", "nano", "Paris"]).text();
    assert_eq!(world.run(&["detokenize", "-m", "nano", ids.trim()]).text(), "Paris\n");
    let prompt = world.run(&["template", "-m", "nano", r#"[{"role":"user","content":"Hi"}]"#]).text();
    assert!(prompt.contains("Hi"), "{prompt}");
    world.write(
        "items.jsonl",
        r#"{"messages": [{"role": "user", "content": "a"}], "check": {"check": "mentions", "any": ["a"]}}"#,
    );
    assert_eq!(world.run(&["verify", "-m", "nano", "items.jsonl", "--max-tokens", "4", "--json"]).json()["items"], 1);
    world.run(&["convert", "nano", "copy.gguf"]).text();
    let score = |model: &str| world.run(&["score", "-m", model, "--json", "A text."]).json()["logprobs"].clone();
    assert_eq!(score("copy.gguf"), score("nano"));
    // what is said of other quantised files is said of it
    let done = world.run(&["convert", "nano", "folder"]);
    assert!(done.error(1).starts_with("error: the built-in model: tensor `"), "{done:?}");
    let done = world.run(&["quantize", "nano", "q4.gguf", "--type", "q4_0"]);
    assert!(done.error(1).starts_with("error: the built-in model: tensor `"), "{done:?}");
    assert!(!world.path("folder").exists() && !world.path("q4.gguf").exists());
    world.run(&["convert", "nano", "folder", "--dtype", "bf16"]).text();
    world.run(&["quantize", "folder", "q4.gguf", "--type", "q4_0"]).text();
    world.write("text.txt", "A text of some words.");
    assert!(world.run(&["eval-quant", "nano", "q4.gguf", "--file", "text.txt"]).text().contains("q4.gguf"));
}

/// Whole and by an adapter, with conversations and with preferences; the adapter is laid over it again, and merged into it.
#[test]
fn it_learns() {
    let world = World::new();
    let lines = |line: &dyn Fn(usize) -> Value| (0..8).map(|i| format!("{}\n", line(i))).collect::<String>();
    let said = |text: &str| json!([{"role": "assistant", "content": text}]);
    world.write("chats.jsonl", lines(&|i| json!({"messages": [{"role": "user", "content": format!("{i}?")}, {"role": "assistant", "content": "It is."}]})));
    world.write(
        "pairs.jsonl",
        lines(&|i| {
            json!({"prompt": [{"role": "user", "content": format!("{i}?")}], "chosen": said("yes"), "rejected": said("no")})
        }),
    );
    for (kind, data) in [("sft", "chats"), ("dpo", "pairs")] {
        world.write(
            &format!("{kind}.yaml"),
            format!(
                "kind: {kind}\nmodel: nano\noutput: {kind}\noptimizer: {{learning_rate: 1e-4}}\nbatch: {{rows: 2}}\nduration: {{steps: 2}}\n\
                 data:\n  sources: [{{path: {data}.jsonl}}]\n  sequence_length: 128\n"
            ),
        );
        let recipe = format!("{kind}.yaml");
        world.run(&["train", kind, "-q", &recipe]).text();
        let card = String::from_utf8(world.read(&format!("{kind}/model/README.md"))).unwrap();
        assert!(card.contains("from nano, by `smollm train`") && !card.contains("base_model"), "{card}");
        world.run(&["generate", "-m", &format!("{kind}/model"), "a", "-n", "2"]).text();
    }
    let lora = ["--set", "lora={rank: 2, alpha: 4}", "--set", "output=adapted"];
    world.run(&[&["train", "sft", "-q", "sft.yaml"][..], &lora].concat()).text();
    let config: Value = serde_json::from_slice(&world.read("adapted/adapter/adapter_config.json")).unwrap();
    assert_eq!(config["base_model_name_or_path"], "nano");
    let done = world.run(&["generate", "--lora", "adapted/adapter", "a", "-n", "2"]);
    assert!(done.code == Some(0) && done.err.starts_with(NOTE), "{done:?}");
    world.run(&["merge", "nano", "--adapter", "adapted/adapter", "-o", "merged", "--dtype", "bf16", "-q"]).text();
    world.run(&["generate", "-m", "merged", "a", "-n", "2"]).text();
}
