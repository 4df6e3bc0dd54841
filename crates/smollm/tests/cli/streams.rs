//! Readers that leave, disks that are full: what happens when output cannot be written.

use crate::world::{World, finished};
use std::fs::File;

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let world = World::new().with_scripted();
    for arguments in [
        &["generate", "-m", "scripted", "\n", "--ignore-eos", "-n", "500"][..],
        &["generate", "-m", "scripted", "\n", "--json"],
        &["chat", "-m", "scripted", "x"],
        &["tokenize", "-m", "scripted", "x"],
        &["template", "-m", "scripted", "[]"],
        &["score", "-m", "scripted", "abc"],
        &["info", "scripted"],
        &["list"],
        &["--help"],
    ] {
        let mut child = world.command(arguments).spawn().unwrap();
        drop(child.stdout.take());
        let done = finished(child, b"");
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

/// Every write to it fails.
fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

#[test]
fn output_that_cannot_be_written_is_a_failure_that_says_so() {
    let world = World::new().with_scripted();
    world.write("scripted/chat_template.jinja", "no line break");
    for arguments in [
        &["generate", "-m", "scripted", "\n"][..],
        &["generate", "-m", "scripted", "\n", "--json"],
        &["chat", "-m", "scripted", "x"],
        &["tokenize", "-m", "scripted", "x"],
        &["detokenize", "-m", "scripted", "7"],
        &["template", "-m", "scripted", "[]"],
        &["score", "-m", "scripted", "abc", "--json"],
        &["info", "scripted"],
        &["list"],
        &["bench", "-m", "scripted", "--prefill", "2", "--decode", "1", "--repeats", "1"],
        &["--help"],
        &["generate", "--help"],
    ] {
        let done = finished(world.command(arguments).stdout(full()).spawn().unwrap(), b"");
        assert_eq!(done.error(1), "error: standard output: No space left on device (os error 28)", "{arguments:?}");
    }
}

#[test]
fn notes_and_errors_that_nobody_can_read_change_nothing() {
    let world = World::new().with_scripted();
    let rows: [(&[&str], i32); 6] = [
        (&["generate", "-m", "nowhere", "x"], 1),
        (&["generate", "--nonsense"], 2),
        (&["chat", "-m", "scripted", "x", "-n", "1"], 0),
        (&["convert", "scripted", "m.gguf"], 0),
        (&["pull", "./scripted"], 2),
        (&[], 2),
    ];
    for (arguments, code) in rows {
        let done = finished(world.command(arguments).stderr(full()).spawn().unwrap(), b"");
        assert_eq!(done.code, Some(code), "{arguments:?}");
    }
    assert!(world.path("m.gguf").exists());
}
