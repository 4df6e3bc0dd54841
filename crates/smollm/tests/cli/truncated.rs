//! A model file that is cut while it is mapped: one line, exit code 1, never an answer.

use crate::world::{SCRIPT, World, finished};
use std::io::{BufRead, BufReader, Write};
use std::time::{Duration, Instant};

fn cut(world: &World, to: u64) {
    let file = std::fs::File::options().write(true).open(world.path("scripted/model.safetensors")).unwrap();
    file.set_len(to).unwrap();
}

/// The chat has answered, so the file is mapped; the next answer must not come. The whole file goes, then its second half
/// (pages that are gone), then one byte (a page that is still there but no longer what it was).
#[test]
fn a_chat_ends_when_its_model_does() {
    for keep in [|_| 0, |length| length / 2, |length| length - 1] {
        let world = World::new().with_scripted();
        let length = world.read("scripted/model.safetensors").len() as u64;
        let mut child = world.command(&["chat", "-m", "scripted", "--threads", "2"]).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdin.write_all(b"x\n").unwrap();
        let mut answer = String::new();
        stdout.read_line(&mut answer).unwrap();
        assert_eq!(answer, format!("{SCRIPT}\n"));
        cut(&world, keep(length));
        stdin.write_all(b"y\n").unwrap();
        child.stdin = Some(stdin);
        let done = finished(child, b"");
        assert!(done.error(1).contains("model.safetensors"), "{done:?}");
        let mut rest = String::new();
        stdout.read_line(&mut rest).unwrap();
        assert_eq!(rest.trim(), "", "{done:?}");
    }
}

/// 40,000 tokens in windows that start at every one of them take long enough to be met in the middle.
#[test]
fn a_score_ends_when_its_model_does() {
    let world = World::new().with_scripted();
    world.write("long.txt", "abcdefg ".repeat(5000));
    let run = ["score", "-m", "scripted", "--json", "--window", "64", "--stride", "1", "--file", "long.txt"];
    let mut child = world.command(&run).spawn().unwrap();
    wait_until_mapped(&mut child);
    cut(&world, 4096);
    let done = finished(child, b"");
    assert!(done.error(1).contains("model.safetensors"), "{done:?}");
    assert_eq!(done.out, "");
}

/// Linux says what a process has mapped; elsewhere a second must do.
fn wait_until_mapped(child: &mut std::process::Child) {
    let maps = format!("/proc/{}/maps", child.id());
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none() {
        match std::fs::read_to_string(&maps) {
            Ok(text) if text.contains("model.safetensors") => return,
            Ok(_) => std::thread::sleep(Duration::from_millis(5)),
            Err(_) => return std::thread::sleep(Duration::from_secs(1)),
        }
    }
    panic!("the model was never mapped");
}
