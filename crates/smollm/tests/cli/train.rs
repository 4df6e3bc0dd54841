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
