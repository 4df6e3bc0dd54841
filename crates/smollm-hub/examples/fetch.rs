//! Fetches a model as the environment says and prints where it is: `fetch NAME`; `fetch --list`; `fetch --remove NAME`.
//!
//! One `EVENT ...` line per event, then `PATH ...`; an error goes to standard error, with exit code 1.
//! `reference/hub_check.py` drives it beside the Python `huggingface_hub`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;

use smollm_hub::{Event, Hub, HubError, ModelRef, Progress};

struct Lines;

impl Progress for Lines {
    fn event(&self, event: Event<'_>) -> ControlFlow<()> {
        match event {
            Event::Plan(files) => println!("EVENT plan {}", files.len()),
            Event::Position { path, position, bytes } => println!("EVENT at {path} {position} {bytes}"),
            Event::Done { path } => println!("EVENT done {path}"),
            Event::Retry { reason, .. } => println!("EVENT retry {reason}"),
            Event::Locked { path } => println!("EVENT locked {path}"),
            Event::Unreachable { reason } => println!("EVENT unreachable {reason}"),
            _ => {}
        }
        // A closed pipe means that nobody listens any more.
        if std::io::stdout().flush().is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), HubError> {
    let hub = Hub::from_env()?;
    match arguments {
        ["--list"] => {
            for repo in hub.list()? {
                for revision in repo.revisions {
                    println!(
                        "{} {} {} files {} bytes",
                        repo.repo,
                        revision.commit,
                        revision.files.len(),
                        revision.bytes
                    );
                }
            }
        }
        ["--remove", name] => println!("REMOVED {}", hub.remove(&ModelRef::parse(name)?)?.bytes),
        [name] => println!("PATH {}", hub.fetch(&ModelRef::parse(name)?, &Lines)?.path.display()),
        _ => eprintln!("usage: fetch NAME | fetch --list | fetch --remove NAME"),
    }
    Ok(())
}
