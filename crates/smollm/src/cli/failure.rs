//! How a command ends: nothing to say, bad usage, or failure.

use super::output::note;
use anyhow::Context;
use clap::error::ErrorKind;
use std::process::ExitCode;

/// The user asked for something that makes no sense; nothing was tried.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// `Err` with a usage message.
pub(crate) fn usage<T>(message: impl Into<String>) -> anyhow::Result<T> {
    Err(Usage(message.into()).into())
}

/// Prints help and version as clap has them, and what is wrong with the arguments as one line.
pub(crate) fn arguments_exit_code(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => exit_code(error.print().context("standard output")),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(2)
        }
        _ => {
            note(plain(&message_and_tips(&error.render().to_string())));
            ExitCode::from(2)
        }
    }
}

/// Of clap's paragraphs the message and the tips; the usage is what `--help` is for.
fn message_and_tips(rendered: &str) -> String {
    let paragraphs =
        rendered.split("\n\n").map(str::trim).filter(|p| !p.starts_with("Usage:") && !p.starts_with("For more"));
    let paragraphs: Vec<String> = paragraphs.map(|p| p.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    format!("{} (--help explains)", paragraphs.join("; "))
}

/// Prints what went wrong as one line on standard error and chooses the exit code.
pub(crate) fn exit_code(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if is_broken_pipe(&error) {
        return ExitCode::SUCCESS; // `smollm generate ... | head` is no failure
    }
    note(format_args!("error: {}", one_line(&error)));
    match error.downcast_ref::<Usage>() {
        Some(_) => ExitCode::from(2),
        None => ExitCode::FAILURE,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The error and its causes on one line.
fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    plain(&text)
}

/// One line without control characters: names in files and arguments may hold anything.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
