//! `smollm train tokenize`: what is counted, what is said of what is wrong, and what is left of it.

use crate::world::{World, finished};
use std::io::Write;
use std::process::Command;

const CHAT: &str = r#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#;

#[test]
fn files_become_a_data_set() {
    let world = World::new().with_scripted();
    world.write("a.jsonl", [CHAT; 3].join("\n"));
    world.write("b.txt", "one\n\ntwo\n");
    let train = |more: &[&str]| world.run(&[&["train", "tokenize", "-m", "scripted"], more].concat());
    let answers = train(&["a.jsonl", "-o", "answers", "--loss", "answers", "--json"]).json();
    assert_eq!(answers["tally"]["examples"], 3);
    // The answer and the end of its turn.
    assert_eq!(answers["tally"]["supervised"], 6);
    let all = train(&["a.jsonl", "b.txt", "--lines", "-o", "all"]).text();
    let first: Vec<&str> = all.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(first, ["examples", "5"]);
    assert!(world.path("all/dataset.json").exists() && world.path("all/00000.shard").exists());
    let again = train(&["a.jsonl", "-o", "all"]);
    assert_eq!(again.error(1), "error: all: there is a data set already");
}

#[test]
fn what_is_wrong_is_named_and_nothing_is_left() {
    let world = World::new().with_scripted().with_random();
    world.write("a.jsonl", format!("{CHAT}\n{{\"messages\": []}}\n"));
    world.write("b.jsonl", r#"{"messages": [{"role": "assistant", "content": "a", "train": false}]}"#);
    world.write("c.csv", "");
    let cases: [(&[&str], i32, &str); 6] = [
        (&["-m", "scripted", "a.jsonl"], 1, "error: a.jsonl: line 2: `messages` is empty"),
        (
            &["-m", "scripted", "b.jsonl", "--loss", "answers"],
            1,
            "error: b.jsonl: line 1: no token of this example counts in the loss",
        ),
        (
            &["-m", "scripted", "b.jsonl", "--loss", "answers", "--skip"],
            1,
            "error: not one example comes of these files",
        ),
        (
            &["-m", "random", "a.jsonl"],
            1,
            "error: a.jsonl: line 1: a conversation needs a chat template, and there is none",
        ),
        (&["-m", "scripted", "c.csv"], 1, "error: c.csv: the name tells of no known form"),
        (&["-m", "scripted", "a.jsonl", "--max-tokens", "1"], 2, "error: --max-tokens must be at least 2"),
    ];
    for (arguments, code, expected) in cases {
        let done = world.run(&[&["train", "tokenize", "-o", "out"], arguments].concat());
        assert!(done.error(code).starts_with(expected), "{done:?}");
        assert!(!world.path("out").exists(), "{arguments:?}");
    }
}

/// The file is a pipe that never ends, so the signal finds the command at work.
#[cfg(target_os = "linux")]
#[test]
fn interrupted_it_leaves_nothing() {
    let world = World::new().with_scripted();
    let pipe = world.path("endless.jsonl");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let child = world.command(&["train", "tokenize", "-m", "scripted", "endless.jsonl", "-o", "out"]).spawn();
    let child = child.unwrap();
    let mut rows = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    let row = format!("{CHAT}\n").repeat(100);
    while !world.path("out/00000.shard.partial").exists() {
        rows.write_all(row.as_bytes()).unwrap();
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    while rows.write_all(row.as_bytes()).is_ok() {}
    assert_eq!(finished(child, b"").error(1), "error: interrupted; nothing was written");
    assert!(!world.path("out").exists());
}

const RECIPE: &str = "\
kind: sft
model: ./scripted
output: run
data:
  sources: [{name: chats, path: a.jsonl}]
  packing: none
  sequence_length: 64
optimizer: {learning_rate: 1e-3}
batch: {rows: 2}
duration: {epochs: 1}
";

#[test]
fn a_row_is_shown_with_what_is_learnt() {
    let world = World::new().with_scripted();
    world.write("a.jsonl", CHAT);
    world.write("recipes/r.yaml", RECIPE.replace("./scripted", "../scripted").replace("a.jsonl", "../a.jsonl"));
    let shown = world.run(&["train", "show", "recipes/r.yaml"]).text();
    let (head, text) = shown.split_once("a.jsonl: line 1: ").unwrap();
    assert!(head.starts_with("row 0 of 1: 1 sequence, "), "{shown}");
    assert!(text.contains("<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n[[a<|im_end|>]]\n"), "{shown}");
    assert!(text.contains(" tokens, 2 learnt\n"), "{shown}");
    // The data lie in the folder of the run, and are there the next time.
    assert!(world.path("recipes/run/data").is_dir());
    let all = world.run(&["train", "show", "recipes/r.yaml", "--set", "data.loss=all", "--row", "1"]).text();
    assert!(all.starts_with("row 1 of 1: ") && all.contains("<|im_start|>[["), "{all}");
    world.write("pairs.jsonl", r#"{"prompt": "q", "chosen": "b", "rejected": "c"}"#);
    let pairs = ["--set", "kind=dpo", "--set", "data.sources.0.path=../pairs.jsonl"];
    let shown = world.run(&[&["train", "show", "recipes/r.yaml"][..], &pairs].concat()).text();
    assert!(shown.contains("line 1, preferred: ") && shown.contains("q[[b<|im_end|>]]\n"), "{shown}");
    assert!(shown.contains("line 1, the other one: ") && shown.contains("q[[c<|im_end|>]]\n"), "{shown}");
}

#[test]
fn what_is_wrong_with_a_recipe_is_one_line() {
    let world = World::new().with_scripted();
    world.write("a.jsonl", CHAT);
    world.write("r.yaml", RECIPE);
    let show = |more: &[&str]| world.run(&[&["train", "show", "r.yaml"], more].concat());
    let cases: [(&[&str], i32, &str); 5] = [
        (
            &["--set", "batch.rwos=2"],
            1,
            "error: --set batch.rwos=2: `batch.rwos` is no key of a recipe; did you mean `rows`?",
        ),
        (&["--set", "data.sources.0.path=b.jsonl"], 1, "error: "),
        (&["--validation"], 2, "error: the recipe holds nothing out: it has no `data.validation`"),
        (&["--set", "model=nothing/here.gguf"], 1, "error: "),
        (
            &["--validation", "--set", "data.validation.sources=[{path: a.jsonl}]", "--row", "7"],
            2,
            "error: --row 7: there are 1 rows, counted from 0",
        ),
    ];
    for (arguments, code, expected) in cases {
        let done = show(arguments);
        assert!(done.error(code).starts_with(expected), "{done:?}");
    }
    world.write("r.yaml", RECIPE.replace("rows: 2", "rows: two"));
    let expected = "error: r.yaml: line 9, column 15: `batch.rows`: expected a whole number, found `two`";
    assert_eq!(show(&[]).error(1), expected);
}
