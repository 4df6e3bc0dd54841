//! Ctrl-C, or a request to terminate, while a model or a tokenizer is being made: one line, and nothing is left.

use crate::world::{Done, World, finished};
use smollm_testkit::byte_level::write_tokenizer;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Starts the command, waits until the file is growing in `folder`, and sends the signal.
fn interrupted(world: &World, arguments: &[&str], folder: &str, signal: &str) -> Done {
    let child = world.command(arguments).spawn().unwrap();
    let started = Instant::now();
    while !has_partial(&world.path(folder)) {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing is written");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    finished(child, b"")
}

fn has_partial(folder: &Path) -> bool {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.into_iter().any(|name| name.to_string_lossy().ends_with(".partial"))
}

#[test]
fn a_stopped_writer_leaves_nothing() {
    let world = World::new();
    write_tokenizer(&world.path("tokenizer"), 320, true).unwrap();
    let big = ["init", "smollm2-135m", "out", "--tokenizer", "tokenizer"];
    for signal in ["-INT", "-TERM"] {
        let done = interrupted(&world, &big, "out", signal);
        assert_eq!(done.error(1), "error: interrupted; nothing was written");
        assert!(!world.path("out").exists(), "{signal}");
    }
    // an existing directory stays as it was
    world.write("out/notes.txt", "mine");
    interrupted(&world, &big, "out", "-INT").error(1);
    assert_eq!(std::fs::read_dir(world.path("out")).unwrap().count(), 1);
    // a converter cleans up too; what it writes is large enough that the signal finds it at work
    assert_eq!(world.run(&["init", "smollm2-135m", "m", "--set", "vocab_size=320"]).code, Some(0));
    for (out, folder) in [("m.gguf", "."), ("directory", "directory")] {
        let done = interrupted(&world, &["convert", "m", out, "--dtype", "f32"], folder, "-INT");
        assert_eq!(done.error(1), "error: interrupted; nothing was written");
        assert!(!world.path(out).exists() && !has_partial(&world.path(".")), "{out}");
    }
    let done = interrupted(&world, &["merge", "m", "m", "-o", "mean", "--dtype", "f32"], "mean", "-INT");
    assert_eq!(done.error(1), "error: interrupted; nothing was written");
    assert!(!world.path("mean").exists());
}

#[test]
fn training_that_is_stopped_leaves_nothing() {
    let world = World::new();
    let mut child = world.command(&["tokenizer", "train", "-o", "out"]).spawn().unwrap();
    // more than a pipe and a buffer hold: when it is written, the command has begun to read, and listens
    let text = "some words of a text ".repeat(200_000);
    child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(finished(child, b"").error(1), "error: interrupted; nothing was written");
    assert!(!world.path("out").exists());
}
