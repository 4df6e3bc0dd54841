//! What `--help` says, word by word.

use crate::world::World;

const COMMANDS: [&str; 30] = [
    "pull",
    "list",
    "rm",
    "info",
    "generate",
    "chat",
    "summarize",
    "rewrite",
    "title",
    "agent",
    "serve",
    "score",
    "tokenize",
    "detokenize",
    "template",
    "tools",
    "tokenizer",
    "init",
    "convert",
    "merge",
    "quantize",
    "imatrix",
    "eval-quant",
    "train",
    "world",
    "verify",
    "demo",
    "bench",
    "completions",
    "man",
];

#[test]
fn every_help_is_as_reviewed() {
    let world = World::new();
    insta::assert_snapshot!("smollm", world.run(&["--help"]).text());
    for command in COMMANDS {
        let done = world.run(&[command, "--help"]);
        assert!(done.err.is_empty(), "{done:?}");
        insta::assert_snapshot!(command, done.text());
    }
    for (name, command) in [
        ("tools_schema", ["tools", "schema"]),
        ("tokenizer_train", ["tokenizer", "train"]),
        ("tokenizer_eval", ["tokenizer", "eval"]),
        ("train_pretrain", ["train", "pretrain"]),
        ("train_sft", ["train", "sft"]),
        ("train_dpo", ["train", "dpo"]),
        ("train_resume", ["train", "resume"]),
        ("train_tokenize", ["train", "tokenize"]),
        ("train_show", ["train", "show"]),
        ("demo_nano", ["demo", "nano"]),
    ] {
        insta::assert_snapshot!(name, world.run(&[&command[..], &["--help"]].concat()).text());
    }
}

#[test]
fn the_list_of_commands_is_complete() {
    let help = World::new().run(&["--help"]).text();
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<_> = commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, [&COMMANDS[..], &["help"]].concat());
}

#[test]
fn help_needs_no_reader_and_no_command_shows_it() {
    let world = World::new();
    assert!(world.run(&["--version"]).text().starts_with("smollm "));
    let done = world.run(&[]);
    assert_eq!((done.code, done.out.as_str()), (Some(2), ""));
    assert!(done.err.contains("Commands:"), "{done:?}");
}
