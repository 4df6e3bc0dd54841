//! `cargo xtask accept targets`: the libraries below the facade compile for every target that is installed here.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::report::Tally;
use crate::workspace::{Workspace, cargo};

/// Everything that needs no C compiler for the target. (The facade brings HTTPS, whose cryptography does.)
const LIBRARIES: [&str; 5] =
    ["smollm-kernels", "smollm-tokenizer", "smollm-checkpoint", "smollm-model", "smollm-engine"];
/// What makes sense where there are no files to map.
const WITHOUT_FILES: [&str; 2] = ["smollm-kernels", "smollm-tokenizer"];

/// `cargo check` for each target but that of this machine.
pub(crate) fn accept(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    if let Some(option) = options.first() {
        bail!("unknown option {option}");
    }
    let host = rustc(&["-vV"])?.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned));
    let others: Vec<String> = installed()?.into_iter().filter(|target| Some(target) != host.as_ref()).collect();
    if others.is_empty() {
        println!("   SKIP no other target is installed; `rustup target add aarch64-unknown-linux-gnu` adds one");
        return Ok(Tally::skip());
    }
    let mut tally = Tally::default();
    for target in others {
        let libraries = if target.starts_with("wasm") { &WITHOUT_FILES[..] } else { &LIBRARIES };
        let mut command = cargo(&workspace.root);
        command.args(["check", "--target", &target, "--target-dir", "target/xtask/targets"]);
        command.args(libraries.iter().flat_map(|library| ["--package", library]));
        let passed = command::build(&mut command)?;
        println!("   {target:<32} {}", if passed { "passed" } else { "FAILED" });
        tally += Tally::one(passed);
    }
    Ok(tally)
}

/// The targets whose standard library lies in the toolchain, in order.
fn installed() -> Result<Vec<String>> {
    let folder = PathBuf::from(rustc(&["--print", "sysroot"])?.trim()).join("lib/rustlib");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut targets = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.path().join("lib").is_dir() {
            targets.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    targets.sort();
    Ok(targets)
}

/// What the compiler says about itself.
pub(crate) fn rustc(arguments: &[&str]) -> Result<String> {
    let output = Command::new("rustc").args(arguments).output().context("cannot run rustc")?;
    String::from_utf8(output.stdout).context("rustc printed text that is not UTF-8")
}
