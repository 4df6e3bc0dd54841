//! Python environments under `target/`, made from a requirements file and renewed when it changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::command::capture;
use crate::workspace::Workspace;

/// The largest of them is 6 GB.
const INSTALL_LIMIT: Duration = Duration::from_secs(60 * 60);

/// An environment as it should be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Venv<'a> {
    /// Its folder, relative to the root of the repository.
    pub(crate) folder: &'a str,
    /// The requirements file, likewise.
    pub(crate) requirements: &'a str,
    /// Another environment's folder, whose packages count as installed too: what is large need not be there twice.
    pub(crate) borrowed: Option<&'a str>,
}

impl Venv<'_> {
    /// Path of a program in it.
    pub(crate) fn program(&self, workspace: &Workspace, name: &str) -> PathBuf {
        let folder = workspace.root.join(self.folder);
        if cfg!(windows) { folder.join(format!("Scripts/{name}.exe")) } else { folder.join("bin").join(name) }
    }

    /// Makes and fills it if it is not there or the requirements have changed, and gives its Python.
    pub(crate) fn ensure(&self, workspace: &Workspace) -> Result<PathBuf> {
        let folder = workspace.root.join(self.folder);
        let python = self.program(workspace, "python");
        let wanted = fs::read_to_string(workspace.root.join(self.requirements))
            .with_context(|| format!("no {}", self.requirements))?;
        let marker = folder.join("requirements-installed.txt");
        if python.exists() && fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
            return Ok(python);
        }
        println!("   making {} from {}", self.folder, self.requirements);
        let system = if cfg!(windows) { "python" } else { "python3" };
        run(workspace, "venv", Command::new(system).args(["-m", "venv", "--clear"]).arg(&folder))?;
        if let Some(lender) = self.borrowed {
            borrow(workspace, &python, &workspace.root.join(lender))?;
        }
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", self.requirements]);
        run(workspace, "pip", &mut install)?;
        fs::write(&marker, wanted).with_context(|| format!("cannot write {}", marker.display()))?;
        Ok(python)
    }
}

/// Puts the packages of `lender` behind those of the environment of `python`, by a path file (Python's `site`).
fn borrow(workspace: &Workspace, python: &Path, lender: &Path) -> Result<()> {
    const SCRIPT: &str = "import pathlib, sys, sysconfig
own = pathlib.Path(sysconfig.get_path('purelib'))
(own / 'borrowed.pth').write_text(str(pathlib.Path(sys.argv[1]) / own.relative_to(sys.prefix)) + '\\n')";
    run(workspace, "borrow", Command::new(python).args(["-c", SCRIPT]).arg(lender))
}

/// Runs an installing command in the root, its output going to a log, and says the last line where it fails.
pub(crate) fn run(workspace: &Workspace, name: &str, command: &mut Command) -> Result<()> {
    let log = workspace.log(name);
    let finished = capture(command.current_dir(&workspace.root), &log, INSTALL_LIMIT)?;
    let last = finished.output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    ensure!(finished.success, "{name}: {last} (whole output: {})", log.display());
    Ok(())
}
