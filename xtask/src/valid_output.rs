//! `cargo xtask accept valid-output`: how often calls of tools and JSON under schemas are right, from `smollm serve` and from llama-server.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::bench_peers::{self, llama_build, machine, page};
use crate::command::capture;
use crate::llama_server_suite;
use crate::python;
use crate::report::Tally;
use crate::scripts::empty_folder;
use crate::suites;
use crate::workspace::{Workspace, scrub};

const SCRIPT: &str = "reference/valid_output.py";
const PAGE: &str = "docs/serving.md";
const TABLE: &str = "valid output";
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// Lets the script ask both servers, and puts its tables into the page.
pub(crate) fn accept(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    let given = llama_server_suite::read(options)?;
    let python = python::VENV.ensure(workspace)?;
    let llama_server = match given {
        Some(path) => path,
        None => llama_build::server(workspace)?,
    };
    let version = version(&llama_server)?;
    let smollm = suites::executable(workspace, "smollm", "bin", "smollm")?;
    let stand_ins = suites::executable(workspace, "smollm-testkit", "example", "stand_in_models")?;
    let folder = empty_folder(workspace, "valid_output")?;
    println!("   both servers in turn: ten minutes on two cores");
    let mut judge = Command::new(&python);
    scrub(&mut judge);
    judge.arg(SCRIPT).arg(&folder).arg(&smollm).arg(&stand_ins).arg(workspace.root.join("../shared/fixtures"));
    judge.arg(&llama_server).current_dir(&workspace.root).env("PYTHONUTF8", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    let judged = capture(&mut judge, &workspace.log("valid-output"), LIMIT)?;
    println!("{}", judged.output.trim_end());
    if !judged.success {
        return Ok(if judged.exit_code == Some(77) { Tally::skip() } else { Tally::one(false) });
    }
    let about = format!(
        "{}, {}; smollm {}, llama-server {version}. `cargo xtask accept valid-output`.",
        jiff::Zoned::now().date(),
        machine::describe()?,
        bench_peers::commit(workspace)?,
    );
    let path = workspace.root.join(PAGE);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    let section = format!("{about}\n\n{}\n", tables(&judged.output));
    let text = page::with_section(&text, TABLE, &section).with_context(|| PAGE.to_owned())?;
    fs::write(&path, text).with_context(|| format!("cannot write {PAGE}"))?;
    println!("wrote {PAGE}");
    Ok(Tally::one(true))
}

/// What llama-server says of itself.
fn version(llama_server: &Path) -> Result<String> {
    let said = Command::new(llama_server).arg("--version").output();
    let said = said.with_context(|| format!("cannot run {}", llama_server.display()))?;
    let text = [said.stdout, said.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let version = text.lines().find_map(|line| line.strip_prefix("version: "));
    Ok(version.with_context(|| format!("{} --version tells no version", llama_server.display()))?.to_owned())
}

/// The tables in what a script printed, a blank line between them.
fn tables(output: &str) -> String {
    let lines = output.lines().filter(|line| line.starts_with('|') || line.is_empty());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found() {
        assert_eq!(
            tables("loading\n| a |\n| - |\n\n| b |\n\nvalid_output: 1 checks passed\n"),
            "| a |\n| - |\n\n| b |"
        );
        assert_eq!(tables("valid_output: 1 checks passed\n"), "");
    }
}
