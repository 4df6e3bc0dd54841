//! Everything about the repository that is not the product: the test command, acceptance runs, tidy checks.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)] // printing is what it is for

mod accept;
mod bench_peers;
mod bench_serve;
mod bench_train;
mod code_map;
mod command;
mod divergence;
mod fuzz;
mod layering;
mod libtest;
mod licences;
mod llama_cpp;
mod llama_server_suite;
mod load;
mod loopback;
mod npm;
mod python;
mod quantizers;
mod readme;
mod real_weights;
mod recorded;
mod report;
mod scripts;
mod soak;
mod static_binary;
mod steps;
mod suites;
mod targets;
mod tidy;
mod tokenizer_training;
mod turns;
mod valid_output;
mod venv;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use report::Tally;
use workspace::Workspace;

/// A command: its name, its arguments, one sentence, and what it calls.
type Entry = (&'static str, &'static str, &'static str, fn(&Workspace, &[String]) -> Result<Tally>);

const COMMANDS: &[Entry] = &[
    ("test", "[STEP...]", "everything that must hold before a change lands, or only the named steps", steps::test),
    (
        "accept",
        "[RUN [OPTIONS]]",
        "the long forms, of which `test` runs a sample; without a name, the list",
        accept::accept,
    ),
    (
        "bench-peers",
        bench_peers::SYNOPSIS,
        "smollm beside llama.cpp, OpenVINO and transformers on this machine",
        bench_peers::bench_peers,
    ),
    (
        "bench-serve",
        bench_serve::SYNOPSIS,
        "smollm serve beside llama-server on this machine, under load",
        bench_serve::bench_serve,
    ),
    (
        "bench-train",
        bench_train::SYNOPSIS,
        "a training step of ours beside PyTorch's on this machine",
        bench_train::bench_train,
    ),
    ("map", "", "renews the code map of ARCHITECTURE.md from the first line of each file", code_map::map),
    ("fuzz", "[TARGET [--seconds N]]", "one fuzz target for N seconds (60); without a name, the list", fuzz::fuzz),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(Tally { failed: 0, .. }) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<Tally> {
    let Some((name, rest)) =
        arguments.split_first().filter(|(name, _)| !matches!(name.as_str(), "help" | "--help" | "-h"))
    else {
        for (name, arguments, sentence, _) in COMMANDS {
            println!("cargo xtask {:<31} {sentence}", format!("{name} {arguments}"));
        }
        println!("\nsteps of `test`, in order:\n{}", steps::list());
        return Ok(Tally::default());
    };
    match COMMANDS.iter().find(|(command, ..)| command == name) {
        Some((.., call)) => call(&Workspace::load()?, rest),
        None => bail!("there is no `cargo xtask {name}`; `cargo xtask help` lists what there is"),
    }
}
