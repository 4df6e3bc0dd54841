//! Client scripts in `reference/`: what they are given, how they are run, and how their checks are counted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::{Finished, capture};
use crate::loopback::LoopbackHub;
use crate::report::Tally;
use crate::suites;
use crate::workspace::{Workspace, scrub};

/// A script that takes longer hangs: the longest, all functions in every way to call them, takes half an hour of two idle cores.
const LIMIT: Duration = Duration::from_secs(120 * 60);

/// A script and the arguments it is given.
pub(crate) struct Client {
    /// Its path from the root of the repository.
    pub(crate) script: &'static str,
    pub(crate) arguments: &'static [Argument],
}

/// What a script may ask for.
pub(crate) enum Argument {
    /// The address of a loopback hub that runs as long as the script.
    LoopbackHub,
    /// An empty folder of its own.
    EmptyFolder,
    /// The path of an example program: package and name.
    Example(&'static str, &'static str),
    /// The path of the `smollm` binary.
    Smollm,
    /// The folder of the shared fixtures, which may be absent.
    Fixtures,
}

/// What tours of the server are given: an empty folder, the binary, and what writes small models.
pub(crate) const TOUR: &[Argument] =
    &[Argument::EmptyFolder, Argument::Smollm, Argument::Example("smollm-testkit", "stand_in_models")];

/// Runs a script with its interpreter; it is as many tests as its closing line `N checks passed` says, or one.
///
/// A script that cannot check anything here prints a line `SKIP: why` and exits with 77.
pub(crate) fn run(workspace: &Workspace, interpreter: &Path, client: &Client, further: &[String]) -> Result<Tally> {
    let name = client.script.trim_start_matches("reference/");
    let mut command = Command::new(interpreter);
    scrub(&mut command);
    command.arg(client.script).current_dir(&workspace.root);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUTF8", "1");
    let mut hubs = Vec::new(); // each ends when it is dropped
    for argument in client.arguments {
        match argument {
            Argument::LoopbackHub => {
                let hub = LoopbackHub::start(workspace, None)?;
                command.arg(&hub.address);
                hubs.push(hub);
            }
            Argument::EmptyFolder => {
                command.arg(empty_folder(workspace, name)?);
            }
            Argument::Example(package, example) => {
                command.arg(suites::executable(workspace, package, "example", example)?);
            }
            Argument::Fixtures => {
                command.arg(workspace.root.join("../shared/fixtures"));
            }
            Argument::Smollm => {
                command.arg(suites::executable(workspace, "smollm", "bin", "smollm")?);
            }
        }
    }
    command.args(further);
    let finished = capture(&mut command, &workspace.log(&format!("script-{}", name.replace('/', "-"))), LIMIT)?;
    Ok(said(name, &finished))
}

/// Prints a line for a script that has ended, or all that it said where it failed, and counts it.
fn said(name: &str, finished: &Finished) -> Tally {
    let last = finished.output.lines().next_back().unwrap_or_default();
    let tally = match finished.exit_code {
        Some(0) if finished.success => Tally { passed: checks(last).unwrap_or(1), ..Tally::default() },
        Some(77) => Tally::skip(),
        _ => Tally::one(false),
    };
    println!("   {name:<52} {:>24} {:>8.1} s", tally.to_string(), finished.seconds);
    if tally.skipped > 0 {
        println!("   SKIP {name}: {}", last.trim_start_matches("SKIP:").trim());
    }
    if tally.failed > 0 {
        println!("{}", finished.output.trim_end());
        if finished.timed_out {
            println!("   {name} ran past its limit and was ended");
        }
    }
    tally
}

/// The number in `... N checks passed ...`.
fn checks(line: &str) -> Option<usize> {
    line.split_once(" checks passed")?.0.split_whitespace().next_back()?.parse().ok()
}

/// A folder of the script's own below `target/`, emptied.
pub(crate) fn empty_folder(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let folder = workspace.root.join("target/xtask/scripts").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(exit_code: Option<i32>, output: &str, expected: Tally) {
        let success = exit_code == Some(0);
        let finished = Finished { success, exit_code, output: output.to_owned(), seconds: 0.0, timed_out: false };
        assert_eq!(said("x_check.py", &finished), expected);
    }

    #[test]
    fn scripts_are_counted() {
        check(Some(0), "a\nhub_check: 42 checks passed with y 2.0\n", Tally { passed: 42, ..Tally::default() });
        check(Some(0), "fine\n", Tally::one(true));
        check(Some(1), "Traceback\nAssertionError: 3 checks passed\n", Tally::one(false));
        check(None, "", Tally::one(false));
        check(Some(77), "SKIP: no torch\n", Tally::skip());
    }
}
