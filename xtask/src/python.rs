//! Python clients: scripts in `reference/` that use what we write and serve with the libraries people have.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::command::capture;
use crate::report::Tally;
use crate::suites;
use crate::workspace::{Workspace, scrub};

const REQUIREMENTS: &str = "reference/requirements-test.txt";
/// Downloading and unpacking the packages takes about 20 s on a good line.
const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);
const SCRIPT_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Runs every `reference/*_check.py` with the environment's Python; each is one test.
///
/// A script finds the binary in `SMOLLM`, and exits with 0 if all is well, with 77 (and a `SKIP:` line) if it could not check.
pub(crate) fn clients(workspace: &Workspace) -> Result<Tally> {
    let python = match environment(workspace) {
        Ok(python) => python,
        Err(error) => {
            println!("   SKIP there is no Python environment: {error:#}");
            return Ok(Tally::skip());
        }
    };
    let binary = suites::binary(workspace)?;
    let files = workspace.files()?;
    let scripts: Vec<&String> =
        files.iter().filter(|path| path.starts_with("reference/") && path.ends_with("_check.py")).collect();
    ensure!(!scripts.is_empty(), "there is no reference/*_check.py");
    let mut tally = Tally::default();
    for script in scripts {
        let name = script.trim_start_matches("reference/");
        let log = workspace.log(&format!("python-{name}"));
        let mut command = Command::new(&python);
        scrub(&mut command);
        command.arg(script).current_dir(&workspace.root).env("SMOLLM", &binary);
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUTF8", "1").env("HF_HUB_DISABLE_TELEMETRY", "1");
        let finished = capture(&mut command, &log, SCRIPT_LIMIT)?;
        let skip = finished.output.lines().rev().find_map(|line| line.strip_prefix("SKIP:"));
        let (one, mark) = match (finished.success, skip) {
            (true, _) => (Tally::one(true), "passed".to_owned()),
            (false, Some(reason)) if finished.exit_code == Some(77) => (Tally::skip(), format!("SKIP{reason}")),
            _ if finished.timed_out => (Tally::one(false), "FAILED: ran past its limit".to_owned()),
            _ => (Tally::one(false), "FAILED".to_owned()),
        };
        println!("   {name:<52} {mark} {:>8.1} s", finished.seconds);
        if one.failed > 0 {
            println!("{}", finished.output.trim_end());
        }
        tally += one;
    }
    Ok(tally)
}

/// The Python of `target/venv`, made and filled if it is not there or the requirements have changed.
fn environment(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.root.join("target/venv");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let wanted = fs::read_to_string(workspace.root.join(REQUIREMENTS)).with_context(|| format!("no {REQUIREMENTS}"))?;
    let marker = folder.join("requirements-installed.txt");
    if python.exists() && fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    println!("   making target/venv from {REQUIREMENTS}");
    let system = if cfg!(windows) { "python" } else { "python3" };
    run(workspace, "venv", Command::new(system).args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS]);
    run(workspace, "pip", &mut install)?;
    fs::write(&marker, wanted).with_context(|| format!("cannot write {}", marker.display()))?;
    Ok(python)
}

fn run(workspace: &Workspace, name: &str, command: &mut Command) -> Result<()> {
    let log: &Path = &workspace.log(name);
    let finished = capture(command.current_dir(&workspace.root), log, INSTALL_LIMIT)?;
    let last = finished.output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    ensure!(finished.success, "{name}: {last} (whole output: {})", log.display());
    Ok(())
}
