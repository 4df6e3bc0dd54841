//! The picture of the README: `smollm chat` as it is, on a pseudo-terminal, with the built-in model.
//!
//! `SMOLLM_WRITE_TOUR=1 cargo test --workspace --test terminal picture` draws it anew.

use crate::pty::Session;
use crate::svg;
use smollm_testkit::repository;
use std::process::Command;

/// The binary, with nothing of the caller's configuration.
fn smollm(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smollm"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SMOLLM_")) {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

#[test]
fn the_picture_is_what_the_terminal_shows() {
    let mut session = Session::of(smollm(&["chat", "--user", "you", "-t", "0", "--no-history"]), &[], 18, 116);
    for question in ["What is the capital of France?", "And Germany?"] {
        session.prompt(&format!("{question}\r"));
        session.wait_for(question);
    }
    session.prompt("");
    let drawn = svg::window(session.cells(), "smollm chat");
    let file = repository().join("docs/pictures/chat.svg");
    if std::env::var_os("SMOLLM_WRITE_TOUR").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, drawn).unwrap();
        return;
    }
    let page = std::fs::read_to_string(repository().join("README.md")).unwrap();
    assert!(page.contains("](docs/pictures/chat.svg)"), "the README shows the picture");
    let committed = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert_eq!(drawn, committed, "SMOLLM_WRITE_TOUR=1 draws it anew; the screen is\n{}", session.screen());
}
